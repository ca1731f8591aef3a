"""Marks: a ledger knows when it was moved away, and when it has not wholly arrived.

They stand outside the audit trail, so that a ledger and its copy end with one event.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Connection, insert

from billing.errors import LedgerMoved
from billing.ledger.audit.audit_log import Actor
from billing.ledger.audit.events import ChainTip
from billing.ledger.audit.row_reader import ask
from billing.ledger.schema.tables import ledger_move

_NEWEST = (
    "SELECT state, address, event, hash, at FROM ledger_move ORDER BY id DESC LIMIT 1"
)


class MoveState(StrEnum):
    """Whether a ledger is in force, as far as it was ever moved."""

    ARRIVING = "arriving"  # whole, but its source may still be in force
    ARRIVED = "arrived"
    MOVED = "moved"


class MoveMark(NamedTuple):
    """One mark: whence or whither, and the end of the trail at that moment."""

    state: MoveState
    address: str
    event: int
    hash: str
    at: datetime

    def awaits(self, moved: "MoveMark") -> bool:
        """Say whether this copy is to be put in force for a ledger that was moved."""
        same = (self.event, self.hash) == (moved.event, moved.hash)
        return same and self.state is MoveState.ARRIVING

    def why_not_in_force(self) -> str | None:
        """Say why nothing may be written here; None when it may."""
        if self.state is MoveState.MOVED:
            return (
                f"this ledger was moved to {self.address} on {self.at:%Y-%m-%d} and is "
                "only read from here on; put that address into `url` under [ledger]"
            )
        if self.state is MoveState.ARRIVING:
            return (
                f"this copy of {self.address} is not in force, since its copying was "
                "not finished; run `pamela-billing db copy --to URL` again with the "
                "settings of the ledger that it comes from"
            )
        return None


def newest_mark(connection: Connection) -> MoveMark | None:
    """Return the mark that holds; None for a ledger that was never moved."""
    rows = ask(connection, _NEWEST)  # every transaction that writes asks this
    if not rows:
        return None
    ((state, address, event, hashed, at),) = rows
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at.astimezone(UTC)
    return MoveMark(
        state=MoveState(state), address=address, event=event, hash=hashed, at=moment
    )


def why_not_in_force(connection: Connection) -> str | None:
    """Say why nothing may be written to a ledger; None when it may."""
    mark = newest_mark(connection)
    return mark and mark.why_not_in_force()


def refuse_moved(connection: Connection) -> None:
    """Raise LedgerMoved unless the ledger is in force."""
    if reason := why_not_in_force(connection):
        raise LedgerMoved(reason)


def set_mark(
    connection: Connection,
    state: MoveState,
    address: str,
    tip: ChainTip,
    actor: Actor,
) -> None:
    """Mark a ledger, as of the end of its trail."""
    row = insert(ledger_move).values(
        state=state.value,
        address=address,
        event=tip.sequence,
        hash=tip.hash,
        at=actor.at,
        actor=actor.name,
    )
    connection.execute(row)
