"""Guard: what every transaction that writes to a ledger is asked beforehand."""

from collections.abc import Callable

from sqlalchemy import Connection, inspect

from billing.ledger.audit.rewound import refuse_rewound_trail
from billing.ledger.database import Ledger
from billing.ledger.move.marks import refuse_moved
from billing.ledger.schema.tables import ledger_move

LastSeen = Callable[[], tuple[int, str] | None]
Note = Callable[[int, str], None]


def guard_moved(ledger: Ledger) -> None:
    """Let a ledger refuse every write once it was moved."""
    ledger.in_force = refuse_moved


def guard_rewound(ledger: Ledger, last_seen: LastSeen, note: Note) -> None:
    """Let a ledger refuse every write if it is not the one that was seen last.

    Each commit is noted, so that a backup of before it is known even if nobody lives
    to say so.
    """

    def door(connection: Connection) -> None:
        # What was moved is also behind what was seen of it; where it went helps more.
        refuse_moved(connection)
        refuse_rewound_trail(connection, last_seen())

    ledger.door = door
    ledger.on_commit = note


def refuse_upgrade(ledger: Ledger) -> None:
    """Raise LedgerMoved for a ledger, of whatever schema, that was moved."""
    if ledger.file is not None and not ledger.file.exists():
        return
    with ledger.reading() as connection:
        if inspect(connection).has_table(ledger_move.name):
            refuse_moved(connection)
