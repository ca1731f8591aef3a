"""The breaks of a stored run as rows: each with its life and who knows of it."""

from collections.abc import Iterator

from billing.ledger.reconcile.case_list import Case
from billing.ledger.reconcile.stored_runs import KeptBreak
from billing.reports.reconciliation.stored import Reconciled, age_name
from billing.reports.sheets.sheet import Cell, Column, Kind, Row, Unknown

BREAKS = (
    Column("break", Kind.COUNT, added=False),
    Column("customer"),
    Column("account"),
    Column("cause"),
    Column("hour", Kind.MOMENT),
    Column("event"),
    Column("calls"),
    Column("minutes", Kind.MINUTES),
    Column("amount", Kind.MONEY),
    Column("evidence"),
    Column("opened_at", Kind.MOMENT),
    Column("age"),
    Column("state"),
    Column("acknowledged_by"),
    Column("acknowledged_at", Kind.MOMENT),
    Column("reason"),
)
# A cell is to be read; JSON has all of them.
_MOST_CALLS = 20


def break_rows(month: Reconciled) -> Iterator[Row]:
    """Yield the breaks in the order of BREAKS."""
    for kept in month.run.breaks:
        case = month.case_of(kept)
        life: Row = [None, None, kept.cause.resolution.value, None, None, None]
        if case is not None:
            life = [
                case.opened_at,
                age_name(case.age_at(month.as_of)),
                case.state_at(month.as_of),
                case.acknowledged_by,
                case.acknowledged_at,
                case.reason,
            ]
        yield [
            kept.case,
            kept.customer,
            kept.account,
            kept.cause.value,
            kept.hour,
            kept.event,
            _names(kept.calls),
            kept.minutes,
            amount_cell(kept),
            kept.evidence,
            *life,
        ]


def amount_cell(of: KeptBreak | Case) -> Cell:
    """Return the amount of a break, which may be one that nobody knows."""
    amount = of.known_amount_micro
    return Unknown(of.amount_micro) if amount is None else amount


def _names(calls: tuple[str, ...]) -> str | None:
    more = len(calls) - _MOST_CALLS
    shown = " ".join(calls[:_MOST_CALLS])
    return f"{shown} and {more} more" if more > 0 else shown or None
