"""The breaks that are open: since when, of how much, and who knows of them."""

from collections.abc import Iterable
from datetime import datetime

from billing.domain.money import format_known
from billing.ledger.database import Ledger
from billing.ledger.reconcile.case_list import Case, CaseFilter, list_cases
from billing.reports.sheets.cells import UNKNOWN, format_amount
from billing.reports.sheets.formatting import Document, format_span, format_time

__all__ = [
    "HEADINGS",
    "Case",
    "CaseFilter",
    "break_document",
    "break_lines",
    "read_breaks",
]

HEADINGS = [
    "break",
    "period",
    "whose",
    "cause",
    "minutes",
    "amount",
    "where",
    "calls",
    "age",
    "state",
]
_CALLS_IN_A_LINE = 3


def read_breaks(ledger: Ledger, wanted: CaseFilter) -> list[Case]:
    """Return the breaks that are looked for."""
    with ledger.reading() as connection:
        return list_cases(connection, wanted)


def break_lines(cases: Iterable[Case], currency: str, now: datetime) -> list[list[str]]:
    """Return each break as a line under HEADINGS."""
    return [
        [
            f"{case.number}",
            f"{case.period}",
            case.customer or f"account {case.account}",
            case.cause.value,
            f"{case.minutes:+,d}",
            UNKNOWN
            if case.known_amount_micro is None
            else format_amount(case.known_amount_micro, currency),
            format_time(case.hour) or case.event or "",
            _names(case.calls),
            format_span(case.age_at(now)),
            _state(case, now),
        ]
        for case in cases
    ]


def break_document(case: Case, currency: str, now: datetime) -> Document:
    """Return a break with its life, in stable names."""
    return {
        "break": case.number,
        "period": str(case.period),
        "customer": case.customer,
        "account": case.account,
        "cause": case.cause.value,
        "book": case.cause.book.value,
        "meaning": case.cause.meaning,
        "remedy": case.cause.remedy,
        "minutes": case.minutes,
        "amount": format_known(case.known_amount_micro, currency),
        "hour": format_time(case.hour),
        "event": case.event,
        "evidence": case.evidence,
        "calls": list(case.calls),
        "state": case.state_at(now),
        "opened_at": format_time(case.opened_at),
        "acknowledged_at": format_time(case.acknowledged_at),
        "acknowledged_by": case.acknowledged_by,
        "reason": case.reason,
        "resolved_at": format_time(case.resolved_at),
        "resolved_by": case.resolved_by,
    }


def _names(calls: tuple[str, ...]) -> str:
    more = len(calls) - _CALLS_IN_A_LINE
    shown = ", ".join(calls[:_CALLS_IN_A_LINE])
    return f"{shown} and {more} more" if more > 0 else shown


def _state(case: Case, now: datetime) -> str:
    state = case.state_at(now)
    if state == "resolved":
        return f"resolved by {case.resolved_by}"
    if state == "acknowledged":
        return f"acknowledged by {case.acknowledged_by}: {case.reason}"
    return state
