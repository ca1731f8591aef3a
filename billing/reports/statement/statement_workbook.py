"""The statement as sheets: a workbook that adds up, one table for CSV, and a page."""

import re
from dataclasses import replace
from datetime import date

from billing.reports.sheets.sheet import Added, Column, Kind, Report, Row, Sheet
from billing.reports.statement.pdf import statement_pdf
from billing.reports.statement.statement import (
    Statement,
    decided_words,
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
_DECIDED = (
    Column("call"),
    Column("account"),
    Column("started_at", Kind.MOMENT),
    Column("billable"),
    Column("seconds", Kind.SECONDS, added=False),
    Column("decided_at", Kind.MOMENT),
    Column("decided_by"),
    Column("reason"),
    Column("in_force"),
)
# What no file system takes, and the dot that would hide a file.
_UNFIT = re.compile(r"[^\w.-]|^\.")


def statement_report(statement: Statement) -> Report:
    """Return a statement in the form that is written down."""
    name = _UNFIT.sub(lambda sign: f"%{ord(sign[0]):02X}", statement.month.customer)
    return Report(
        name=f"statement-{statement.month.period}-{name}",
        sheets=[
            _summary(statement),
            _days(statement),
            _adjustments(statement),
            *_decided(statement),
            _prices(statement),
            _stripe(statement),
        ],
        flat=_flat(statement),
        beside=_flat_decided(statement),
        document=statement.document(),
        page=lambda: statement_pdf(statement),
    )


def _sheet(
    statement: Statement, name: str, columns: tuple[Column, ...], *rows: Row
) -> Sheet:
    month, currency = statement.month, statement.currency.upper()
    return Sheet(
        name=name,
        title=f"{name}: {month.customer}, {month.period}, amounts in {currency}",
        columns=columns,
        rows=rows,
        currency=statement.currency,
        total=True,
        provisional=statement.provisional,
    )


def _summary(statement: Statement) -> Sheet:
    _, _, minutes, amount = statement.usage
    more, added = statement.adjusted
    return _sheet(
        statement,
        "Statement",
        (Column("what"), _MINUTES, _AMOUNT),
        ["usage", Added(minutes, "Days", "minutes"), Added(amount, "Days", "amount")],
        [
            "adjustments",
            Added(more, "Adjustments", "minutes"),
            Added(added, "Adjustments", "amount"),
        ],
    )


def _days(statement: Statement) -> Sheet:
    columns = Column("day", Kind.DAY), _CALLS, _SECONDS, _MINUTES, _AMOUNT
    rows: list[Row] = [
        [day.day, day.calls, day.seconds, day.minutes, day.amount_micro]
        for day in statement.month.days
    ]
    return _sheet(statement, "Days", columns, *rows)


def _adjustments(statement: Statement) -> Sheet:
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
            month_of(correction),
            correction.call_hour,
            correction.call_id,
            correction.account,
            reason_of(correction),
            correction.posted_at,
            correction.seconds,
            correction.minutes,
            correction.amount_micro,
        ]
        for correction in statement.month.corrections
    ]
    return _sheet(statement, "Adjustments", columns, *rows)


def _decided(statement: Statement) -> list[Sheet]:
    """Return who decided what of calls that nobody can read; nothing without one."""
    columns = (
        Column("call"),
        Column("account"),
        Column("started_at", Kind.MOMENT),
        Column("decided"),
        Column("decided_at", Kind.MOMENT),
        Column("decided_by"),
        Column("why"),
    )
    rows: list[Row] = [
        [
            each.call_id,
            each.account,
            each.started_at,
            decided_words(each),
            each.decided_at,
            each.decided_by,
            each.reason,
        ]
        for each in statement.month.decided
    ]
    decided = replace(_sheet(statement, "Decided", columns, *rows), total=False)
    return [decided] if rows else []


def _flat_decided(statement: Statement) -> list[Sheet]:
    """Return decisions for a file of their own, whose rows add nothing to any sum."""
    rows: list[Row] = [
        [
            each.call_id,
            each.account,
            each.started_at,
            "no" if each.seconds is None else "yes",
            each.seconds,
            each.decided_at,
            each.decided_by,
            each.reason,
            "yes" if each.in_force else "no",
        ]
        for each in statement.month.decided
    ]
    decided = replace(_sheet(statement, "Decided", _DECIDED, *rows), total=False)
    return [decided] if rows else []


def _prices(statement: Statement) -> Sheet:
    columns = (
        Column("holds_from", Kind.MOMENT),
        Column("per_minute", Kind.PRICE),
        Column("rows", Kind.COUNT),
        _MINUTES,
        _AMOUNT,
    )
    rows: list[Row] = [
        [use.effective_from, use.per_minute, use.rows, use.minutes, use.amount_micro]
        for use in statement.month.prices
    ]
    return _sheet(statement, "Prices", columns, *rows)


def _stripe(statement: Statement) -> Sheet:
    month = statement.month
    return Sheet(
        name="Stripe",
        title=f"Stripe: {month.stripe_customer}, {month.period}, in minutes",
        columns=(Column("book"), _MINUTES, Column("detail")),
        rows=[
            ["billed here", statement.billed[0], "all of this statement"],
            *tie_lines(statement),
        ],
        provisional=statement.provisional,
    )


def _flat(statement: Statement) -> Sheet:
    month, currency = statement.month, statement.currency
    own = str(month.period)
    rows: list[Row] = [
        [
            "usage",
            daily.day,
            None,
            own,
            daily.calls,
            daily.seconds,
            daily.minutes,
            daily.amount_micro,
            currency,
        ]
        for daily in month.days
    ]
    for correction in month.corrections:
        day: date = correction.call_hour.date()
        amount = correction.minutes, correction.amount_micro, currency
        rows.append(
            [
                "adjustment",
                day,
                correction.call_id,
                month_of(correction),
                None,
                None,
                *amount,
            ]
        )
    title = f"{month.customer} ({month.stripe_customer}), {month.period}"
    return Sheet(
        name="Statement",
        title=title,
        columns=_FLAT,
        rows=rows,
        currency=currency,
        total=True,
        provisional=statement.provisional,
    )
