"""Witnesses of the trail: an anchor that is a list, and a memory that is a field."""

from dataclasses import dataclass, field

from billing.domain.signed_head import Head
from billing.errors import AnchorFault


@dataclass
class Board:
    """An anchor that keeps what is published, unless it is out of reach."""

    name: str = "board"
    down: bool = False
    heads: list[tuple[Head, str]] = field(default_factory=list)

    def publish(self, head: Head, signature: str) -> None:
        """Keep a head; AnchorFault while it is `down`."""
        if self.down:
            raise AnchorFault(self.name, "nobody answers")
        self.heads.append((head, signature))

    @property
    def numbers(self) -> list[int]:
        """The numbers of the heads that were published."""
        return [head.number for head, _ in self.heads]


@dataclass
class Recollection:
    """A memory of the newest event."""

    seen: tuple[int, str] | None = None

    def last_seen(self) -> tuple[int, str] | None:
        """Return what was seen."""
        return self.seen

    def remember(self, sequence: int, hashed: str) -> None:
        """Keep what was seen."""
        self.seen = (sequence, hashed)

    def note(self, sequence: int, hashed: str) -> None:
        """Keep what was committed."""
        self.remember(sequence, hashed)
