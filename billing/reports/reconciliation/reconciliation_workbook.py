"""The reconciliation of a month as sheets: one for each question, and its document."""

from collections.abc import Iterable
from dataclasses import replace

from billing.ledger.reconcile.case_list import Case
from billing.ledger.reconcile.stored_runs import KeptReading
from billing.reports.reconciliation.break_rows import BREAKS, amount_cell, break_rows
from billing.reports.reconciliation.breaks import break_document
from billing.reports.reconciliation.read_times import read_sentence
from billing.reports.reconciliation.stored import (
    Reconciled,
    Sum,
    is_known,
)
from billing.reports.sheets.cells import format_cell
from billing.reports.sheets.formatting import Document, format_time
from billing.reports.sheets.sheet import (
    Added,
    Cell,
    Column,
    Kind,
    Report,
    Row,
    Sheet,
    Unknown,
)

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
_ACCOUNTS = (
    Column("account"),
    Column("calls_minutes", Kind.MINUTES),
    Column("calls_read_at", Kind.MOMENT),
    Column("usage_minutes", Kind.MINUTES),
    Column("usage_read_at", Kind.MOMENT),
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
# What a screen has no room for.
_FOR_FILES = frozenset({"account", "event", "evidence", "opened_at", "acknowledged_at"})
_INVOICES = (
    "Breaks between Stripe and the invoice are no part of the difference between "
    "Pamela and Stripe."
)
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


def reconciled_report(month: Reconciled) -> Report:
    """Return a month's reconciliation in the form that is written down."""
    breaks = _sheet(month, "Breaks", "breaks", BREAKS, list(break_rows(month)))
    totals = _sheet(
        month,
        "Books",
        "minutes in Pamela, the ledger and Stripe",
        _BOOKS,
        _totals(month),
    )
    totals = replace(totals, notes=[_read_note(month)])
    title = "what Pamela said of each account"
    accounts: list[Row] = [list(source) for source in month.run.sources]
    sources = _sheet(month, "Accounts", title, _ACCOUNTS, accounts)
    causes = _sheet(month, "Causes", "breaks by cause", _CAUSES, _causes(month))
    causes = replace(causes, notes=[_INVOICES])
    aged: list[Row] = [[name, *_cells(total)] for name, total in month.by_age().items()]
    open_by_age = (Column("open_for"), *_SUMS)
    ages = _sheet(month, "Ageing", "open breaks by age", open_by_age, aged)
    resolved = [_resolved(case) for case in month.cases if case.resolved_at]
    past = _sheet(month, "Resolved", "what was resolved", _RESOLVED, resolved)
    sheets = [_run(month), totals, sources, causes, ages, breaks, past]
    name, brief = f"reconciliation-{month.period}", _without(breaks, _FOR_FILES)
    open_now = replace(ages, rows=[row for row in aged if row[1]])
    shown = [sheets[0], totals, sources, causes, open_now, brief, past]
    return Report(
        name=name, sheets=sheets, flat=breaks, document=_document(month), shown=shown
    )


def _read_note(month: Reconciled) -> str:
    moments = [source.calls_read_at for source in month.run.sources]
    return read_sentence(moments, month.run.started_at)


def _without(sheet: Sheet, names: frozenset[str]) -> Sheet:
    """Return a sheet without some of its columns."""
    kept = [at for at, each in enumerate(sheet.columns) if each.name not in names]
    rows = [[row[at] for at in kept] for row in sheet.rows]
    return replace(sheet, columns=[sheet.columns[at] for at in kept], rows=rows)


def _sheet(
    month: Reconciled, name: str, title: str, columns: Iterable[Column], rows: list[Row]
) -> Sheet:
    return Sheet(
        name=name,
        title=f"Reconciliation {month.period}: {title}",
        columns=tuple(columns),
        rows=rows,
        currency=month.currency,
        total=True,
        provisional=month.provisional,
    )


def _run(month: Reconciled) -> Sheet:
    run = month.run
    difference = Added(month.difference_minutes, "Books", "difference_minutes")
    count = Added(len(run.breaks), "Causes", "breaks")
    row: Row = [
        run.number,
        run.started_at,
        run.finished_at,
        _yes(run.complete),
        _yes(run.settled),
        _yes(run.invoices_read),
        difference if month.is_known else Unknown(difference),
        count,
    ]
    return Sheet(
        name="Run",
        title=f"Reconciliation {month.period}: the newest run",
        columns=_RUN,
        rows=[row],
        currency=month.currency,
        notes=[f"Ages are counted to {format_time(month.as_of)}."],
        provisional=month.provisional,
    )


def _totals(month: Reconciled) -> list[Row]:
    return [
        [
            reading.customer,
            reading.stripe_customer,
            reading.pamela_minutes,
            reading.ledger_minutes,
            reading.stripe_minutes,
            _difference(reading),
            reading.unknown_minutes,
            _yes(reading.settled),
            Unknown(None)
            if reading.invoiced_minutes is None
            else reading.invoiced_minutes,
            reading.invoice,
        ]
        for reading in month.run.readings
    ]


def _difference(reading: KeptReading) -> Cell:
    minutes = reading.stripe_minutes - reading.pamela_minutes
    return minutes if is_known(reading) else Unknown(minutes)


def _cells(total: Sum) -> list[Cell]:
    amount = total.amount_micro
    known = amount if total.is_priced else Unknown(amount)
    return [total.breaks, total.minutes, known]


def _causes(month: Reconciled) -> list[Row]:
    return [
        [cause.value, cause.book.value, *_cells(total), cause.meaning, cause.remedy]
        for cause, total in month.by_cause().items()
    ]


def _resolved(case: Case) -> Row:
    return [
        case.number,
        case.customer,
        case.account,
        case.cause.value,
        case.minutes,
        amount_cell(case),
        case.opened_at,
        case.acknowledged_by,
        case.reason,
        case.resolved_at,
        case.resolved_by,
    ]


def _document(month: Reconciled) -> Document:
    run, currency = month.run, month.currency
    return {
        "period": str(month.period),
        "provisional": month.provisional,
        "currency": currency,
        "run": run.number,
        "started_at": format_time(run.started_at),
        "finished_at": format_time(run.finished_at),
        "as_of": format_time(month.as_of),
        "settled": run.settled,
        "complete": run.complete,
        "invoices_read": run.invoices_read,
        "difference_minutes": month.difference_minutes if month.is_known else None,
        "customers": [
            reading._asdict()
            | {
                "difference_minutes": reading.stripe_minutes - reading.pamela_minutes
                if is_known(reading)
                else None,
                "pamela_read_at": format_time(run.calls_read_at),
                "ledger_read_at": format_time(run.started_at),
                "stripe_read_at": format_time(run.started_at),
            }
            for reading in run.readings
        ],
        "accounts": [
            source._asdict()
            | {
                "calls_read_at": format_time(source.calls_read_at),
                "usage_read_at": format_time(source.usage_read_at),
            }
            for source in run.sources
        ],
        "causes": {
            cause.value: _sum(total, currency)
            for cause, total in month.by_cause().items()
        },
        "ageing": {
            name: _sum(total, currency) for name, total in month.by_age().items()
        },
        "breaks": [
            dict(zip((column.name for column in BREAKS), cells, strict=True))
            for cells in _formatted(month)
        ],
        "cases": [break_document(case, currency, month.as_of) for case in month.cases],
    }


def _formatted(month: Reconciled) -> Iterable[list[object]]:
    for row in break_rows(month):
        yield [
            cell
            if isinstance(cell, int) and column.kind is not Kind.MONEY
            else None
            if cell is None or isinstance(cell, Unknown)
            else format_cell(column, cell, month.currency)
            for column, cell in zip(BREAKS, row, strict=True)
        ]


def _sum(total: Sum, currency: str) -> Document:
    amount = format_cell(_SUMS[-1], total.amount_micro, currency)
    return {
        "breaks": total.breaks,
        "minutes": total.minutes,
        "amount": amount if total.is_priced else None,
    }


def _yes(value: bool) -> str:
    return "yes" if value else "no"
