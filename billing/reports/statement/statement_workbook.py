"""The statement as sheets: a workbook that adds up, one table for CSV, and a page."""

import re
from datetime import date

from billing.reports.sheets.sheet import Added, Column, Kind, Report, Row, Sheet
from billing.reports.statement.pdf import statement_pdf
from billing.reports.statement.statement import (
    Statement,
    month_of,
    reason_of,
    tie_lines,
)

_MINUTES, _AMOUNT = Column("minutes", Kind.MINUTES), Column("amount", Kind.MONEY)
_CALLS, _SECONDS = Column("calls", Kind.COUNT), Column("seconds", Kind.SECONDS)
_FLAT = (
    Column("kind"),
    Column("day", Kind.DAY),
    Column("call"),
    Column("of_month"),
    _CALLS,
    _SECONDS,
    _MINUTES,
    _AMOUNT,
    Column("currency"),
)
# What no file system takes, and the dot that would hide a file.
_UNFIT = re.compile(r"[^\w.-]|^\.")


def statement_report(found: Statement) -> Report:
    """Return a statement in the form that is written down."""
    name = _UNFIT.sub(lambda sign: f"%{ord(sign[0]):02X}", found.month.customer)
    return Report(
        name=f"statement-{found.month.period}-{name}",
        sheets=[
            _summary(found),
            _days(found),
            _adjustments(found),
            _prices(found),
            _stripe(found),
        ],
        flat=_flat(found),
        document=found.document(),
        page=lambda: statement_pdf(found),
    )


def _sheet(
    found: Statement, name: str, columns: tuple[Column, ...], *rows: Row
) -> Sheet:
    month, currency = found.month, found.currency.upper()
    return Sheet(
        name=name,
        title=f"{name}: {month.customer}, {month.period}, amounts in {currency}",
        columns=columns,
        rows=rows,
        currency=found.currency,
        total=True,
        provisional=found.provisional,
    )


def _summary(found: Statement) -> Sheet:
    _, _, minutes, amount = found.usage
    more, added = found.adjusted
    return _sheet(
        found,
        "Statement",
        (Column("what"), _MINUTES, _AMOUNT),
        ["usage", Added(minutes, "Days", "minutes"), Added(amount, "Days", "amount")],
        [
            "adjustments",
            Added(more, "Adjustments", "minutes"),
            Added(added, "Adjustments", "amount"),
        ],
    )


def _days(found: Statement) -> Sheet:
    columns = Column("day", Kind.DAY), _CALLS, _SECONDS, _MINUTES, _AMOUNT
    rows: list[Row] = [
        [one.day, one.calls, one.seconds, one.minutes, one.amount_micro]
        for one in found.month.days
    ]
    return _sheet(found, "Days", columns, *rows)


def _adjustments(found: Statement) -> Sheet:
    columns = (
        Column("of_month"),
        Column("call_hour", Kind.MOMENT),
        Column("call"),
        Column("account"),
        Column("reason"),
        Column("posted_at", Kind.MOMENT),
        Column("call_seconds", Kind.SECONDS, added=False),
        _MINUTES,
        _AMOUNT,
    )
    rows: list[Row] = [
        [
            month_of(one),
            one.call_hour,
            one.call_id,
            one.account,
            reason_of(one),
            one.posted_at,
            one.seconds,
            one.minutes,
            one.amount_micro,
        ]
        for one in found.month.corrections
    ]
    return _sheet(found, "Adjustments", columns, *rows)


def _prices(found: Statement) -> Sheet:
    columns = (
        Column("holds_from", Kind.MOMENT),
        Column("per_minute", Kind.PRICE),
        Column("rows", Kind.COUNT),
        _MINUTES,
        _AMOUNT,
    )
    rows: list[Row] = [
        [use.effective_from, use.per_minute, use.rows, use.minutes, use.amount_micro]
        for use in found.month.prices
    ]
    return _sheet(found, "Prices", columns, *rows)


def _stripe(found: Statement) -> Sheet:
    month = found.month
    return Sheet(
        name="Stripe",
        title=f"Stripe: {month.stripe_customer}, {month.period}, in minutes",
        columns=(Column("book"), _MINUTES, Column("detail")),
        rows=[
            ["billed here", found.billed[0], "all of this statement"],
            *tie_lines(found),
        ],
        provisional=found.provisional,
    )


def _flat(found: Statement) -> Sheet:
    month, currency = found.month, found.currency
    own = str(month.period)
    rows: list[Row] = [
        [
            "usage",
            one.day,
            None,
            own,
            one.calls,
            one.seconds,
            one.minutes,
            one.amount_micro,
            currency,
        ]
        for one in month.days
    ]
    for each in month.corrections:
        day: date = each.call_hour.date()
        amount = each.minutes, each.amount_micro, currency
        rows.append(
            ["adjustment", day, each.call_id, month_of(each), None, None, *amount]
        )
    title = f"{month.customer} ({month.stripe_customer}), {month.period}"
    return Sheet(
        name="Statement",
        title=title,
        columns=_FLAT,
        rows=rows,
        currency=currency,
        total=True,
        provisional=found.provisional,
    )
