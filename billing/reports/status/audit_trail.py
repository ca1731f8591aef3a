"""The audit trail as people read it: events, the newest signed head, anchors."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing.ledger.audit import signed_heads
from billing.ledger.audit.events import Recorded, chain_tip, newest_events
from billing.ledger.audit.signed_heads import Anchored, SignedHead
from billing.ledger.database import Ledger
from billing.ledger.stored_json import read_stored, stored_object
from billing.reports.sheets.formatting import Document, counted, format_time


@dataclass(frozen=True, slots=True)
class TrailEntry:
    """One event of the trail."""

    event: Recorded

    @property
    def rows(self) -> int:
        """How many rows it covers."""
        return read_stored(self.event.covers, "a list of covers", _rows)

    def document(self) -> Document:
        """Return it with stable names."""
        event = self.event
        return {
            "event": event.sequence,
            "at": format_time(event.at),
            "actor": event.actor,
            "action": event.action,
            "subject": event.subject,
            "reason": event.reason,
            "detail": stored_object(event.detail),
            "rows": self.rows,
            "hash": event.hash,
        }

    def line(self) -> list[str]:
        """Return it as a line of a table."""
        event = self.event
        at, why = f"{event.at:%Y-%m-%dT%H:%M:%SZ}", event.reason or ""
        head = [str(event.sequence), at, event.actor]
        return [*head, event.action, event.subject, why, str(self.rows)]


@dataclass(frozen=True, slots=True)
class HeadStatus:
    """How far the trail is signed and published."""

    events: int
    newest: SignedHead | None
    key: str | None
    anchors: list[Anchored]

    @property
    def failing(self) -> bool:
        """Whether an anchor could not be reached the last time."""
        return any(anchor.error for anchor in self.anchors)

    def document(self) -> Document:
        """Return it with stable names."""
        head = self.newest
        return {
            "events": self.events,
            "key": self.key,
            "head": head
            and {"line": head.head.line().decode(), "signature": head.signature},
            "anchors": [
                {**anchor._asdict(), "at": format_time(anchor.at)}
                for anchor in self.anchors
            ],
        }

    def sentences(self) -> list[str]:
        """Say how far it is signed, and by which key."""
        sentences = [f"The audit trail has {counted(self.events, 'event')}."]
        if self.newest is None:
            return [
                *sentences,
                "Nothing is signed yet: run `pamela-billing audit sign`.",
            ]
        head, at = self.newest.head, datetime.fromisoformat(self.newest.head.at)
        when = f"{at:%Y-%m-%dT%H:%M:%SZ}"
        sentences.append(
            f"Signed head {head.number} covers it up to event {head.event}, {when}."
        )
        sentences.append(f"Its key is {self.key}; its hash is {head.hash}.")
        return sentences

    def lines(self) -> list[list[str]]:
        """Return a line for each anchor."""
        return [
            [
                anchor.anchor,
                "none" if anchor.head is None else str(anchor.head),
                f"{anchor.at:%Y-%m-%dT%H:%M:%SZ}",
                anchor.error or "",
            ]
            for anchor in self.anchors
        ]


def _rows(covers: Any) -> int:
    return sum(c["rows"] if "rows" in c else len(c["each"]) for c in covers)


def read_trail(ledger: Ledger, last: int, action: str) -> list[TrailEntry]:
    """Return the newest events whose action begins so, oldest first."""
    with ledger.reading() as connection:
        return [TrailEntry(event) for event in newest_events(connection, last, action)]


def read_heads(ledger: Ledger) -> HeadStatus:
    """Return how far the trail is signed and published."""
    with ledger.reading() as connection:
        return HeadStatus(
            chain_tip(connection).sequence,
            signed_heads.newest_head(connection),
            signed_heads.key_in_force(connection),
            signed_heads.anchored(connection),
        )
