"""Memory: the file beside a ledger that knows how far its trail had come."""

from sqlalchemy import Connection

from billing.ledger.audit.rewound import refuse_rewound_trail


class SimMemory:
    """Remembers the newest audit event that was seen."""

    def __init__(self) -> None:
        self._seen: tuple[int, str] | None = None

    def last_seen(self) -> tuple[int, str] | None:
        """Return the newest event that was seen, and its hash."""
        return self._seen

    def remember(self, sequence: int, hashed: str) -> None:
        """Keep the newest event that was seen."""
        self._seen = sequence, hashed

    def note(self, sequence: int, hashed: str) -> None:
        """Keep the event of a commit."""
        self.remember(sequence, hashed)

    def guard(self, connection: Connection) -> None:
        """Refuse to write into a ledger that lacks it; raises TrailRewound."""
        refuse_rewound_trail(connection, self._seen)
