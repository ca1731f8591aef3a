"""The ledger's soundness: what is checked, and what was found wrong."""

from billing.ledger import soundness
from billing.ledger.database import Ledger


def read_faults(ledger: Ledger) -> dict[str, list[str]]:
    """Return what is wrong by the name of each check. Raises LedgerFault."""
    with ledger.reading() as connection:
        return {"schema": [], **soundness.find_faults(connection)}
