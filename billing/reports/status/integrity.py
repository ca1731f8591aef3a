"""The invariants of the ledger: where one is violated, and when that was checked."""

from billing.ledger.database import Ledger
from billing.ledger.integrity.checks import IntegrityStatus, integrity_status
from billing.reports.sheets.formatting import Document, format_time


def read_integrity(ledger: Ledger) -> IntegrityStatus | None:
    """Return when the invariants were last checked. Raises LedgerFault."""
    with ledger.reading() as connection:
        return integrity_status(connection)


def integrity_document(status: IntegrityStatus | None) -> Document | None:
    """Return the last check of the invariants with stable names."""
    if status is None:
        return None
    return {
        "at": format_time(status.at),
        "whole_at": format_time(status.whole_at),
        "broken": {law: list(words) for law, words in status.broken.items()},
    }


def is_violated(status: IntegrityStatus | None) -> bool:
    """Say whether an invariant was violated when they were last checked."""
    return status is not None and bool(status.broken)


def integrity_sentence(status: IntegrityStatus | None) -> str:
    """Say in one line whether the invariants held when they were last checked."""
    if status is None:
        return "The invariants of the ledger were never checked."
    whole = format_time(status.whole_at) or "never"
    when = f"checked {format_time(status.at)}, over all rows {whole}"
    if not status.broken:
        return f"The invariants of the ledger hold: {when}."
    names = ", ".join(status.broken)
    return (
        f"The ledger violates an invariant ({names}), and nothing is sent: {when}; run "
        "`pamela-billing db check`, and fix what it names or restore a backup"
    )
