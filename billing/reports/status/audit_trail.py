"""The audit trail as people read it: events, the newest head, and the anchors."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing.ledger.audit import signed_heads
from billing.ledger.audit.events import Recorded, chain_tip, newest_events
from billing.ledger.audit.signed_heads import Anchored, SignedHead
from billing.ledger.database import Ledger
from billing.reports.sheets.formatting import Document, spell


@dataclass(frozen=True, slots=True)
class TrailEntry:
    """One event of the trail."""

    event: Recorded

    @property
    def rows(self) -> int:
        """How many rows it covers."""
        covers: list[dict[str, Any]] = json.loads(self.event.covers)
        return sum(c["rows"] if "rows" in c else len(c["each"]) for c in covers)

    def document(self) -> Document:
        """Return it with stable names."""
        one = self.event
        return {
            "event": one.sequence,
            "at": spell(one.at),
            "actor": one.actor,
            "action": one.action,
            "subject": one.subject,
            "reason": one.reason,
            "detail": json.loads(one.detail),
            "rows": self.rows,
            "hash": one.hash,
        }

    def line(self) -> list[str]:
        """Return it as a line of a table."""
        one = self.event
        at, why = f"{one.at:%Y-%m-%d %H:%M:%S}", one.reason or ""
        head = [str(one.sequence), at, one.actor]
        return [*head, one.action, one.subject, why, str(self.rows)]


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
        return any(one.error for one in self.anchors)

    def document(self) -> Document:
        """Return it with stable names."""
        head = self.newest
        return {
            "events": self.events,
            "key": self.key,
            "head": head
            and {"line": head.head.line().decode(), "signature": head.signature},
            "anchors": [{**one._asdict(), "at": spell(one.at)} for one in self.anchors],
        }

    def sentences(self) -> list[str]:
        """Say how it stands."""
        said = [f"The audit trail has {self.events:,} events."]
        if self.newest is None:
            return [*said, "No head is signed yet; `pamela-billing audit sign` does."]
        head, at = self.newest.head, datetime.fromisoformat(self.newest.head.at)
        when = f"{at:%Y-%m-%d %H:%M:%S} UTC"
        said.append(f"Head {head.number} signs it up to event {head.event}, {when}.")
        said.append(f"Its key is {self.key}; its hash {head.hash}.")
        return said

    def lines(self) -> list[list[str]]:
        """Return a line for each anchor."""
        return [
            [
                one.anchor,
                "none" if one.head is None else str(one.head),
                f"{one.at:%Y-%m-%d %H:%M:%S}",
                one.error or "",
            ]
            for one in self.anchors
        ]


def read_trail(ledger: Ledger, last: int, action: str) -> list[TrailEntry]:
    """Return the newest events whose action begins so, oldest first."""
    with ledger.reading() as connection:
        return [TrailEntry(one) for one in newest_events(connection, last, action)]


def read_heads(ledger: Ledger) -> HeadStatus:
    """Return how far the trail is signed and published."""
    with ledger.reading() as connection:
        return HeadStatus(
            chain_tip(connection).sequence,
            signed_heads.newest_head(connection),
            signed_heads.key_in_force(connection),
            signed_heads.anchored(connection),
        )
