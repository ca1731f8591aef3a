"""The laws of the ledger: where each is broken, and when they were last looked at."""

from billing.domain.invariants import Invariant
from billing.ledger.database import Ledger
from billing.ledger.integrity.checks import IntegrityStatus, integrity_status
from billing.ledger.integrity.find_faults import find_faults
from billing.reports.sheets.formatting import Document, spell


def read_faults(ledger: Ledger) -> dict[Invariant, list[str]]:
    """Look at every row, and return where each law is broken. Raises LedgerFault."""
    with ledger.reading() as connection:
        return find_faults(connection)


def read_integrity(ledger: Ledger) -> IntegrityStatus | None:
    """Return when the laws were last looked at. Raises LedgerFault."""
    with ledger.reading() as connection:
        return integrity_status(connection)


def integrity_document(found: IntegrityStatus | None) -> Document | None:
    """Return the last look at the laws with stable names."""
    if found is None:
        return None
    return {
        "at": spell(found.at),
        "whole_at": spell(found.whole_at),
        "broken": {law: list(words) for law, words in found.broken.items()},
    }


def integrity_sentence(found: IntegrityStatus | None) -> str:
    """Say in one line whether the laws held when they were last looked at."""
    if found is None:
        return "The laws of the ledger were never checked."
    whole = spell(found.whole_at) or "never"
    when = f"checked {spell(found.at)}, over all rows {whole}"
    if not found.broken:
        return f"The laws of the ledger hold: {when}."
    names = ", ".join(found.broken)
    return f"The ledger breaks a law ({names}), and nothing is sent: {when}."
