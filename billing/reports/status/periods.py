"""The status of the newest months: what is pending, synced and failed."""

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime

from billing.domain.meter_event import EventState
from billing.domain.period import BillingPeriod
from billing.ledger.database import Ledger
from billing.ledger.pull.accounts import PUT_BACK, AbsentAccount, absent_accounts
from billing.ledger.queries.period_status import (
    AccountPulls,
    LastReconciliation,
    PeriodStatus,
    period_status,
)
from billing.reports.sheets.formatting import Document, spell

__all__ = [
    "STATES",
    "PeriodStatus",
    "absent_document",
    "absent_sentence",
    "by_state",
    "read_absent",
    "read_status",
    "status_document",
]

STATES = tuple(state.value for state in EventState)


def read_status(ledger: Ledger, periods: Iterable[BillingPeriod]) -> list[PeriodStatus]:
    """Return how far each month has come. Raises LedgerFault."""
    with ledger.reading() as connection:
        return [period_status(connection, period) for period in periods]


def read_absent(ledger: Ledger, labels: Collection[str]) -> list[AbsentAccount]:
    """Return the accounts that left the settings while months of them are open."""
    with ledger.reading() as connection:
        return absent_accounts(connection, labels)


def absent_sentence(account: AbsentAccount) -> str:
    """Say which account left, which months are open, and what to do."""
    return f"T{str(account)[1:]}: {PUT_BACK}."


def absent_document(accounts: list[AbsentAccount]) -> list[Document]:
    """Return them with stable names."""
    return [
        {"account": account.label, "open_months": list(account.open_months)}
        for account in accounts
    ]


def status_document(months: list[PeriodStatus], as_of: datetime) -> Document:
    """Return the status with stable names."""
    rows: Counter[str] = Counter()
    for month in months:
        rows.update(month.sync.rows)
    return {
        "as_of": spell(as_of),
        "rows": by_state(rows),
        "periods": [_month(month) for month in months],
    }


def by_state(counts: Counter[str]) -> dict[str, int]:
    """Return a number for every state, zeros too."""
    return {state: counts[state] for state in STATES}


def _month(month: PeriodStatus) -> Document:
    last, closed = month.last_reconciliation, month.closed
    return {
        "period": str(month.period),
        "closed": closed
        and {
            "closed_at": spell(closed.closed_at),
            "closed_by": closed.closed_by,
            "digest": closed.digest,
        },
        "rows": by_state(month.sync.rows),
        "minutes": by_state(month.sync.minutes),
        "failed_reasons": dict(month.sync.failed_reasons),
        "oldest_pending": spell(month.sync.oldest_pending),
        "pulls": [_pull(pulls) for pulls in month.pulls],
        "quarantined": [
            {
                "account": item.account,
                "call": item.call_id,
                "reason": item.reason,
                "detail": item.detail,
                "seen_at": spell(item.seen_at),
            }
            for item in month.quarantined
        ],
        "last_reconciliation": last and _reconciliation(last),
    }


def _pull(pulls: AccountPulls) -> Document:
    last = pulls.last
    return {
        "account": last.account,
        "complete": last.state == "complete",
        "state": last.state,
        "started_at": spell(last.started_at),
        "finished_at": spell(last.finished_at),
        "complete_at": spell(pulls.complete_at),
        "error": last.error,
    }


def _reconciliation(last: LastReconciliation) -> Document:
    return {
        "finished_at": spell(last.finished_at),
        "settled": last.settled,
        "complete": last.complete,
        "difference_minutes": last.difference_minutes if last.settled else None,
        "breaks": last.breaks,
    }
