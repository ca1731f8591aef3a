"""A reconciliation as people and programs read it."""

from collections.abc import Iterable, Sequence

from billing.domain.break_causes import Cause
from billing.domain.break_groups import ENDS_IN_SENDING
from billing.domain.breaks import Break, CustomerFinding, MeterVerdict
from billing.domain.invariants import NOTHING_IS_SENT
from billing.domain.money import format_known
from billing.ledger.reconcile.runs import Reconciliation
from billing.reports.sheets.cells import UNKNOWN
from billing.reports.sheets.formatting import Document, format_time

__all__ = [
    "CAUSE_HEADINGS",
    "HEALING_HEADINGS",
    "Reconciliation",
    "cause_lines",
    "difference_of",
    "reconciliation_document",
    "reconciliation_headings",
    "reconciliation_lines",
]

HEADINGS = [
    "customer",
    "Pamela",
    "ledger",
    "Stripe",
    "difference",
    "settled",
]
HEALING_HEADINGS = ["cause", "what was done", "minutes"]
CAUSE_HEADINGS = ["cause", "minutes", "what it means", "what to do"]


def reconciliation_document(report: Reconciliation, currency: str) -> Document:
    """Return a reconciliation with stable names; amounts are decimal strings.

    A difference that is not settled is None.
    """
    return {
        "period": str(report.period),
        "settled": report.settled,
        "complete": report.complete,
        "clean": report.clean,
        "difference_minutes": difference_of(report),
        "quarantined": report.quarantined,
        "invoices_read": report.invoices_read,
        "invoices_fault": report.invoices_fault,
        "unread": dict(report.unread),
        "invoices_unread": dict(report.invoices_unread),
        "accounts_unread": dict(report.accounts_unread),
        "customers": [
            _customer(each, currency) | _read_at(report) for each in report.customers
        ],
        "accounts": [
            {
                "account": account.account,
                "complete": account.complete,
                "usage_minutes": account.usage_minutes,
                "usage_read_at": format_time(account.usage_read_at),
                "calls_read_at": format_time(account.calls_read_at),
                "calls_minutes": account.calls_minutes,
                "difference_minutes": account.difference_minutes,
                "breaks": [_break(item, currency) for item in account.breaks],
            }
            for account in report.accounts
        ],
    }


def _read_at(report: Reconciliation) -> Document:
    """Say as of when the figures of a customer were read, the earliest of each side."""
    return {
        "pamela_read_at": format_time(report.calls_read_at),
        "ledger_read_at": format_time(report.started_at),
        "stripe_read_at": format_time(report.started_at),
    }


def reconciliation_headings(report: Reconciliation) -> list[str]:
    """Return the headings of the lines; what was invoiced only where it was read."""
    return [*HEADINGS, *["invoiced"] * report.invoices_read, "breaks"]


def reconciliation_lines(report: Reconciliation) -> list[list[str]]:
    """Return a line for each customer, and the total last, as texts."""
    customers = report.customers
    lines: list[list[str | int | None]] = [
        [
            each.customer,
            each.pamela_minutes,
            each.ledger_minutes,
            each.stripe_minutes,
            _signed(_difference(each)),
            "" if each.settled else "not yet",
            *[each.invoiced_minutes] * report.invoices_read,
            _causes(each),
        ]
        for each in customers
    ]
    invoiced = [each.invoiced_minutes for each in customers]
    read = [minutes for minutes in invoiced if minutes is not None]
    lines.append(
        [
            "total",
            sum(each.pamela_minutes for each in customers),
            sum(each.ledger_minutes for each in customers),
            sum(each.stripe_minutes for each in customers),
            _signed(difference_of(report)),
            "" if report.settled else "not yet",
            *[sum(read) if len(read) == len(invoiced) else None] * report.invoices_read,
            sum(len(each.breaks) for each in customers) or "",
        ]
    )
    return [[_cell(value) for value in line] for line in lines]


def cause_lines(report: Reconciliation, *, violated: bool) -> list[list[str]]:
    """Return each cause that was found: its minutes, its meaning and its remedy.

    Where an invariant is violated, no remedy ends in sending.
    """
    minutes = _by_cause(item for _, _, item in report.breaks)
    return [
        [
            cause.value,
            _both_ways(minutes[cause]),
            cause.meaning,
            _remedy(cause, violated),
        ]
        for cause in Cause
        if cause in minutes
    ]


def _remedy(cause: Cause, violated: bool) -> str:
    return NOTHING_IS_SENT if violated and cause in ENDS_IN_SENDING else cause.remedy


def _by_cause(breaks: Iterable[Break]) -> dict[Cause, list[int]]:
    minutes: dict[Cause, list[int]] = {}
    for item in breaks:
        minutes.setdefault(item.cause, []).append(item.minutes)
    return minutes


def _both_ways(minutes: Sequence[int]) -> str:
    """Write what is too much beside what is missing: their sum may be nothing."""
    too_much = sum(each for each in minutes if each > 0)
    missing = sum(each for each in minutes if each < 0)
    ways = [way for way in (too_much, missing) if way] or [0]
    return " ".join(f"{way:+,d}" for way in ways)


def difference_of(report: Reconciliation) -> int | None:
    """Return Stripe's minutes less Pamela's; None while a part is not settled."""
    is_known = report.settled and all(
        _difference(each) is not None for each in report.customers
    )
    return report.difference_minutes if is_known else None


def _difference(finding: CustomerFinding) -> int | None:
    waits = finding.verdict is MeterVerdict.WAITING
    return None if waits else finding.difference_minutes


def _signed(minutes: int | None) -> str | None:
    return f"{minutes:+,d}" if minutes else _cell(minutes)


def _cell(value: str | int | None) -> str:
    if value is None:
        return UNKNOWN
    return f"{value:,}" if isinstance(value, int) else value


def _causes(finding: CustomerFinding) -> str:
    causes = _by_cause(finding.breaks).items()
    return ", ".join(f"{cause} {_both_ways(minutes)}" for cause, minutes in causes)


def _customer(finding: CustomerFinding, currency: str) -> Document:
    return {
        "customer": finding.customer,
        "stripe_customer": finding.stripe_customer,
        "pamela_minutes": finding.pamela_minutes,
        "ledger_minutes": finding.ledger_minutes,
        "stripe_minutes": finding.stripe_minutes,
        "difference_minutes": _difference(finding),
        "settled": finding.settled,
        "verdict": finding.verdict.value,
        "unknown_minutes": finding.unknown_minutes,
        "least_minutes": finding.bounds.lower
        if finding.bounds
        else finding.stripe_minutes,
        "most_minutes": finding.bounds.upper
        if finding.bounds
        else finding.stripe_minutes,
        "unexplained_minutes": finding.unexplained_minutes,
        "invoiced_minutes": finding.invoiced_minutes,
        "invoice_difference": finding.invoice_difference,
        "invoice": finding.invoice,
        "breaks": [_break(item, currency) for item in finding.breaks],
    }


def _break(item: Break, currency: str) -> Document:
    return {
        "cause": item.cause.value,
        "minutes": item.minutes,
        "amount": format_known(item.known_amount_micro, currency),
        "calls": list(item.calls),
        "hour": format_time(item.hour),
        "book": item.cause.book.value,
        "event": item.event,
        "evidence": item.evidence,
    }
