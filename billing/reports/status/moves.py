"""Moves: whether the ledger is in force, or went to another database."""

from billing.ledger.database import Ledger
from billing.ledger.move.marks import why_not_in_force


def read_move(ledger: Ledger) -> str | None:
    """Say why the ledger takes no writes; None when it was not moved away."""
    with ledger.reading() as connection:
        reason = why_not_in_force(connection)
    return reason and reason[0].upper() + reason[1:]
