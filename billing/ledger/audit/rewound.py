"""Rewound: a database that lacks what was seen of its trail takes no more writes."""

from sqlalchemy import Connection

from billing.errors import TrailRewound
from billing.ledger.audit.events import chain_tip, line_of


def refuse_rewound_trail(connection: Connection, seen: tuple[int, str] | None) -> None:
    """Raise TrailRewound unless the trail holds the event that was seen last."""
    if seen is None:
        return
    sequence, hashed = seen
    event = line_of(connection, sequence)
    if event is None:
        last = chain_tip(connection)
        raise TrailRewound(sequence, f"now it ends with event {last.sequence}")
    if event[0] != hashed:
        raise TrailRewound(sequence, "now that is another event")
