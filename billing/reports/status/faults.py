"""Faults: where the invariants of the ledger are violated now, by every row."""

from billing.domain.invariants import Invariant
from billing.ledger.database import Ledger
from billing.ledger.integrity.find_faults import find_faults


def read_faults(ledger: Ledger) -> dict[Invariant, list[str]]:
    """Return where each invariant is violated, by every row. Raises LedgerFault."""
    with ledger.reading() as connection:
        return find_faults(connection)
