"""Signed heads: those so far, the key in force, and where they are anchored."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, func, insert, select

from billing.domain.signed_head import NONE_BEFORE, Head
from billing.ledger.audit.events import last_of_actions
from billing.ledger.schema.tables import audit_anchor, audit_head
from billing.ledger.stored_json import read_stored

# Of the event after which heads are signed from the first anew.
SIGNED_ANEW = "heads.anew"
KEY_REGISTERED, KEY_ROTATED = "key.registered", "key.rotated"
_head, _anchor = audit_head.c, audit_anchor.c


class SignedHead(NamedTuple):
    """A head of the chain with its signature in hex."""

    head: Head
    signature: str

    @classmethod
    def of(cls, row: Row[Any]) -> "SignedHead":
        """Return what the ledger holds."""
        head = Head(
            number=row.number,
            event=row.event,
            at=row.at.isoformat(),
            hash=row.hash,
            key=row.key,
            previous=row.previous,
        )
        return cls(head, row.signature)


class Anchored(NamedTuple):
    """The status of an anchor: the last head that it has, and what failed since."""

    anchor: str
    head: int | None
    at: datetime
    error: str | None


def key_in_force(connection: Connection) -> str | None:
    """Return the fingerprint of the key that signs; None before the first."""
    row = last_of_actions(connection, [KEY_REGISTERED, KEY_ROTATED])
    if row is None:
        return None
    return read_stored(row.detail, "a key of the trail", lambda said: str(said["key"]))


def newest_head(connection: Connection) -> SignedHead | None:
    """Return the newest signed head; None before the first."""
    query = select(audit_head).order_by(_head.number.desc()).limit(1)
    row = connection.execute(query).first()
    return None if row is None else SignedHead.of(row)


def lost_heads(connection: Connection) -> str | None:
    """Say that all heads are gone, where a key was registered; None else.

    The first head is signed in the transaction that registers the key.
    """
    registered = last_of_actions(connection, [KEY_REGISTERED])
    if registered is None or newest_head(connection) is not None:
        return None
    return (
        f"event {registered.id} registered the key, and no signed head is there, so "
        "somebody deleted them all; restore a backup, or sign anew by `pamela-billing "
        "audit sign`, which the trail will tell"
    )


def next_head(
    connection: Connection, event: int, hashed: str, key: str, at: datetime
) -> Head:
    """Return the head that comes next, to be signed."""
    before = newest_head(connection)
    previous = before.head.digest() if before else NONE_BEFORE
    number = before.head.number + 1 if before else 1
    return Head(
        number=number,
        event=event,
        at=at.isoformat(),
        hash=hashed,
        key=key,
        previous=previous,
    )


def add_head(connection: Connection, signed: SignedHead) -> None:
    """Store a signed head."""
    head = signed.head
    row = {
        "number": head.number,
        "event": head.event,
        "at": datetime.fromisoformat(head.at),
        "hash": head.hash,
        "key": head.key,
        "previous": head.previous,
        "signature": signed.signature,
    }
    connection.execute(insert(audit_head).values(row))


def record_anchor(
    connection: Connection, head: int, anchor: str, at: datetime, error: str | None
) -> None:
    """Record that a head was published, or why not."""
    row = {"head": head, "anchor": anchor, "at": at, "error": error}
    connection.execute(insert(audit_anchor).values(row))


def anchored(connection: Connection) -> list[Anchored]:
    """Return the status of each anchor, by name."""
    newest = select(func.max(_anchor.id)).group_by(_anchor.anchor)
    rows = connection.execute(
        select(audit_anchor).where(_anchor.id.in_(newest)).order_by(_anchor.anchor)
    ).all()
    return [
        Anchored(row.anchor, last_published(connection, row.anchor), row.at, row.error)
        for row in rows
    ]


def last_published(connection: Connection, anchor: str) -> int | None:
    """Return the last head that an anchor took; None before the first."""
    query = select(func.max(_anchor.head)).where(
        _anchor.anchor == anchor, _anchor.error.is_(None)
    )
    return connection.execute(query).scalar()
