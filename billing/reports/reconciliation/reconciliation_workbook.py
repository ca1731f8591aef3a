"""The reconciliation of a month as sheets: one for each question, and its document."""

from collections.abc import Iterable
from dataclasses import replace

from billing.domain.money import format_known
from billing.ledger.reconcile.break_cases import Case
from billing.reports.reconciliation.breaks import break_document
from billing.reports.reconciliation.stored import Reconciled, Sum, age_name
from billing.reports.sheets.cells import format_cell
from billing.reports.sheets.formatting import Document, spell
from billing.reports.sheets.sheet import Added, Column, Kind, Report, Row, Sheet

_RUN = (
    Column("run", Kind.COUNT, added=False),
    Column("started_at", Kind.MOMENT),
    Column("finished_at", Kind.MOMENT),
    Column("read_whole"),
    Column("settled"),
    Column("invoices_read"),
    Column("difference_minutes", Kind.MINUTES),
    Column("breaks", Kind.COUNT),
)
_BOOKS = (
    Column("customer"),
    Column("stripe_customer"),
    Column("pamela_minutes", Kind.MINUTES),
    Column("ledger_minutes", Kind.MINUTES),
    Column("stripe_minutes", Kind.MINUTES),
    Column("difference_minutes", Kind.MINUTES),
    Column("unknown_minutes", Kind.MINUTES),
    Column("settled"),
    Column("invoiced_minutes", Kind.MINUTES),
    Column("invoice"),
)
_SUMS = (
    Column("breaks", Kind.COUNT),
    Column("minutes", Kind.MINUTES),
    Column("amount", Kind.MONEY),
)
_CAUSES = (
    Column("cause"),
    Column("between"),
    *_SUMS,
    Column("what_it_means"),
    Column("what_to_do"),
)
_BREAKS = (
    Column("break", Kind.COUNT, added=False),
    Column("customer"),
    Column("account"),
    Column("cause"),
    Column("hour", Kind.MOMENT),
    Column("event"),
    Column("calls"),
    *_SUMS[1:],
    Column("evidence"),
    Column("opened_at", Kind.MOMENT),
    Column("age"),
    Column("state"),
    Column("acknowledged_by"),
    Column("acknowledged_at", Kind.MOMENT),
    Column("reason"),
)
# What a screen has no room for.
_FOR_FILES = frozenset({"account", "event", "evidence", "opened_at", "acknowledged_at"})
_INVOICES = (
    "Breaks between Stripe and the invoice are no part of the difference between "
    "Pamela and Stripe."
)
# A cell is to be read; JSON has all of them.
_MOST_CALLS = 20
_RESOLVED = (
    Column("break", Kind.COUNT, added=False),
    Column("customer"),
    Column("account"),
    Column("cause"),
    *_SUMS[1:],
    Column("opened_at", Kind.MOMENT),
    Column("acknowledged_by"),
    Column("reason"),
    Column("resolved_at", Kind.MOMENT),
    Column("resolved_by"),
)


def reconciled_report(found: Reconciled) -> Report:
    """Return a month's reconciliation in the form that is written down."""
    breaks = _sheet(found, "Breaks", "breaks", _BREAKS, list(_breaks(found)))
    books = _sheet(found, "Books", "minutes in the three books", _BOOKS, _books(found))
    causes = _sheet(found, "Causes", "breaks by cause", _CAUSES, _causes(found))
    causes = replace(causes, notes=[_INVOICES])
    aged: list[Row] = [[name, *one] for name, one in found.by_age().items()]
    open_by_age = (Column("open_for"), *_SUMS)
    ages = _sheet(found, "Ageing", "open breaks by age", open_by_age, aged)
    resolved = [_resolved(one) for one in found.cases if one.resolved_at is not None]
    past = _sheet(found, "Resolved", "what was resolved", _RESOLVED, resolved)
    sheets = [_run(found), books, causes, ages, breaks, past]
    name, brief = f"reconciliation-{found.period}", _without(breaks, _FOR_FILES)
    shown = [*sheets[:-2], brief, past]
    return Report(
        name=name, sheets=sheets, flat=breaks, document=_document(found), shown=shown
    )


def _without(sheet: Sheet, names: frozenset[str]) -> Sheet:
    """Return a sheet without some of its columns."""
    kept = [at for at, one in enumerate(sheet.columns) if one.name not in names]
    rows = [[row[at] for at in kept] for row in sheet.rows]
    return replace(sheet, columns=[sheet.columns[at] for at in kept], rows=rows)


def _sheet(
    found: Reconciled, name: str, title: str, columns: Iterable[Column], rows: list[Row]
) -> Sheet:
    return Sheet(
        name=name,
        title=f"Reconciliation {found.period}: {title}",
        columns=tuple(columns),
        rows=rows,
        currency=found.currency,
        total=True,
        provisional=found.provisional,
    )


def _run(found: Reconciled) -> Sheet:
    run = found.run
    difference = Added(found.difference_minutes, "Books", "difference_minutes")
    count = Added(len(run.breaks), "Causes", "breaks")
    row: Row = [
        run.number,
        run.started_at,
        run.finished_at,
        _yes(run.complete),
        _yes(run.settled),
        _yes(run.invoices_read),
        difference,
        count,
    ]
    return Sheet(
        name="Run",
        title=f"Reconciliation {found.period}: the newest run",
        columns=_RUN,
        rows=[row],
        currency=found.currency,
        notes=[f"Ages are counted to {spell(found.as_of)}."],
        provisional=found.provisional,
    )


def _books(found: Reconciled) -> list[Row]:
    return [
        [
            one.customer,
            one.stripe_customer,
            one.pamela_minutes,
            one.ledger_minutes,
            one.stripe_minutes,
            one.stripe_minutes - one.pamela_minutes,
            one.unknown_minutes,
            _yes(one.settled),
            one.invoiced_minutes,
            one.invoice,
        ]
        for one in found.run.readings
    ]


def _causes(found: Reconciled) -> list[Row]:
    return [
        [cause.value, cause.book.value, *sums, cause.meaning, cause.remedy]
        for cause, sums in found.by_cause().items()
    ]


def _breaks(found: Reconciled) -> Iterable[Row]:
    for one in found.run.breaks:
        case = found.case_of(one)
        life: Row = [None, None, one.cause.resolution.value, None, None, None]
        if case is not None:
            life = [
                case.opened_at,
                age_name(case.age_at(found.as_of)),
                case.state_at(found.as_of),
                case.acknowledged_by,
                case.acknowledged_at,
                case.reason,
            ]
        yield [
            one.case,
            one.customer,
            one.account,
            one.cause.value,
            one.hour,
            one.event,
            _names(one.calls),
            one.minutes,
            one.known_amount_micro,
            one.evidence,
            *life,
        ]


def _names(calls: tuple[str, ...]) -> str | None:
    more = len(calls) - _MOST_CALLS
    shown = " ".join(calls[:_MOST_CALLS])
    return f"{shown} and {more} more" if more > 0 else shown or None


def _resolved(case: Case) -> Row:
    return [
        case.number,
        case.customer,
        case.account,
        case.cause.value,
        case.minutes,
        case.known_amount_micro,
        case.opened_at,
        case.acknowledged_by,
        case.reason,
        case.resolved_at,
        case.resolved_by,
    ]


def _document(found: Reconciled) -> Document:
    run, currency = found.run, found.currency
    return {
        "period": str(found.period),
        "provisional": found.provisional,
        "currency": currency,
        "run": run.number,
        "started_at": spell(run.started_at),
        "finished_at": spell(run.finished_at),
        "as_of": spell(found.as_of),
        "settled": run.settled,
        "complete": run.complete,
        "invoices_read": run.invoices_read,
        "difference_minutes": found.difference_minutes,
        "customers": [
            one._asdict()
            | {"difference_minutes": one.stripe_minutes - one.pamela_minutes}
            for one in run.readings
        ],
        "causes": {
            cause.value: _sum(one, currency) for cause, one in found.by_cause().items()
        },
        "ageing": {name: _sum(one, currency) for name, one in found.by_age().items()},
        "breaks": [
            dict(zip((column.name for column in _BREAKS), cells, strict=True))
            for cells in _spelled(found)
        ],
        "cases": [break_document(one, currency, found.as_of) for one in found.cases],
    }


def _spelled(found: Reconciled) -> Iterable[list[object]]:
    for row in _breaks(found):
        yield [
            cell
            if isinstance(cell, int) and column.kind is not Kind.MONEY
            else None
            if cell is None
            else format_cell(column, cell, found.currency)
            for column, cell in zip(_BREAKS, row, strict=True)
        ]


def _sum(one: Sum, currency: str) -> Document:
    amount = format_known(one.amount_micro, currency)
    return {"breaks": one.breaks, "minutes": one.minutes, "amount": amount}


def _yes(value: bool) -> str:
    return "yes" if value else "no"
