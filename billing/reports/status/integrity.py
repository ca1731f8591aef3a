"""The laws of the ledger: where each is broken, and when they were last looked at."""

from billing.domain.invariants import Law
from billing.ledger.database import Ledger
from billing.ledger.integrity.checks import LawStanding, standing
from billing.ledger.integrity.find_faults import find_faults
from billing.reports.sheets.formatting import Document, spell


def read_faults(ledger: Ledger) -> dict[Law, list[str]]:
    """Look at every row, and return where each law is broken. Raises LedgerFault."""
    with ledger.reading() as connection:
        return find_faults(connection)


def read_law_standing(ledger: Ledger) -> LawStanding | None:
    """Return when the laws were last looked at. Raises LedgerFault."""
    with ledger.reading() as connection:
        return standing(connection)


def law_document(found: LawStanding | None) -> Document | None:
    """Return the last look at the laws with stable names."""
    if found is None:
        return None
    return {
        "at": spell(found.at),
        "whole_at": spell(found.whole_at),
        "broken": {law: list(words) for law, words in found.broken.items()},
    }


def law_sentence(found: LawStanding | None) -> str:
    """Say in one line whether the laws held when they were last looked at."""
    if found is None:
        return "The laws of the ledger were never checked."
    whole = spell(found.whole_at) or "never"
    when = f"checked {spell(found.at)}, over all rows {whole}"
    if not found.broken:
        return f"The laws of the ledger hold: {when}."
    names = ", ".join(found.broken)
    return f"The ledger breaks a law ({names}), and nothing is sent: {when}."
