"""Heads: the audit trail is signed when there is news, and published to its anchors."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.domain.signed_head import endorsement, fingerprint
from billing.errors import AnchorFault, SigningFault
from billing.ledger.audit import audit_log, signed_heads
from billing.ledger.audit.audit_log import Actor
from billing.ledger.audit.events import chain_tip
from billing.ledger.audit.rewound import refuse_rewound_trail
from billing.ledger.audit.sealing import append_now
from billing.ledger.audit.signed_heads import SignedHead
from billing.ledger.database import Ledger
from billing.ledger.move.marks import refuse_moved
from billing.ledger.sync import after_restore
from billing.ports import Anchor, Clock, Memory, Signer


@dataclass(frozen=True, slots=True)
class TrailOptions:
    """What is handed for the trail: who signs, where to publish, what remembers."""

    signer: Signer | None
    anchors: Sequence[Anchor]
    memory: Memory


def sign_news(
    ledger: Ledger,
    options: TrailOptions,
    who: str,
    clock: Clock,
    *,
    anew: bool = False,
) -> list[AnchorFault]:
    """Sign what is new and publish it; returns what failed, which blocks nothing.

    An anchor that lacks the newest head, because it failed or is new, gets it.
    Raises SigningFault when another key is in force, or when all heads are gone and
    they are not to be signed `anew`; and LedgerFault.
    """
    if options.signer is None:
        return []
    sign_head(ledger, options.signer, Actor(who, clock.now()), anew=anew)
    return list(_publish(ledger, options.anchors, clock))


def sign_head(
    ledger: Ledger, signer: Signer, actor: Actor, *, anew: bool = False
) -> SignedHead | None:
    """Sign the newest event; None when it is signed already. Raises SigningFault."""
    with ledger.writing() as connection:
        in_force = signed_heads.key_in_force(connection)
        _refuse_other_key(in_force, signer)
        newest, last = signed_heads.newest_head(connection), chain_tip(connection)
        if newest is not None and newest.head.event == last.sequence:
            return None
        lost = signed_heads.lost_heads(connection)
        if lost is not None and not anew:
            raise SigningFault(lost)
        if in_force is None or lost is not None:
            key = _named(signer)
            action = signed_heads.KEY_REGISTERED
            if lost is not None:
                action = signed_heads.SIGNED_ANEW
            audit_log.record(connection, actor, action, key["key"], key)
            # A key that is registered has signed: no moment lies between the two.
            append_now(connection)
            last = chain_tip(connection)
        key_name = fingerprint(signer.public_key)
        head = signed_heads.next_head(
            connection, last.sequence, last.hash, key_name, actor.at
        )
        signed = SignedHead(head, signer.sign(head.line()).hex())
        signed_heads.add_head(connection, signed)
    return signed


def rotate_key(
    ledger: Ledger, old: Signer, new: Signer, actor: Actor, reason: str
) -> str:
    """Hand over from one key to another, inside the chain; returns the new name."""
    with ledger.writing() as connection:
        _refuse_other_key(signed_heads.key_in_force(connection), old)
        old_name = fingerprint(old.public_key)
        endorsed = old.sign(endorsement(new.public_key, old_name)).hex()
        detail = {**_named(new), "old": old_name, "endorsement": endorsed}
        audit_log.record(
            connection,
            actor,
            signed_heads.KEY_ROTATED,
            detail["key"],
            detail,
            reason=reason,
        )
    return detail["key"]


def _named(signer: Signer) -> dict[str, str]:
    public = signer.public_key
    return {"key": fingerprint(public), "public_key": public.hex()}


def _refuse_other_key(in_force: str | None, signer: Signer) -> None:
    ours = fingerprint(signer.public_key)
    if in_force not in {None, ours}:
        raise SigningFault(
            f"the key in force is {in_force}, and the key file holds {ours}; put the "
            "right file back"
        )


def _publish(
    ledger: Ledger, anchors: Sequence[Anchor], clock: Clock
) -> Iterator[AnchorFault]:
    with ledger.reading() as connection:
        signed = signed_heads.newest_head(connection)
        published = {
            anchor.name: signed_heads.last_published(connection, anchor.name)
            for anchor in anchors
        }
    for anchor in anchors:
        if signed is None or published[anchor.name] == signed.head.number:
            continue
        fault = _published(anchor, signed)
        with ledger.writing() as connection:
            number, now = signed.head.number, clock.now()
            error = None if fault is None else str(fault)
            signed_heads.record_anchor(connection, number, anchor.name, now, error)
        if fault is not None:
            yield fault


def _published(anchor: Anchor, signed: SignedHead) -> AnchorFault | None:
    try:
        anchor.publish(signed.head, signed.signature)
    except AnchorFault as fault:
        return fault
    return None


def refuse_rewound(ledger: Ledger, memory: Memory) -> None:
    """Refuse a database that lacks what was seen of it, or that was moved.

    Raises TrailRewound or LedgerMoved.
    """
    seen = memory.last_seen()
    with ledger.reading() as connection:
        refuse_moved(connection)
        refuse_rewound_trail(connection, seen)


def remember_end(ledger: Ledger, memory: Memory) -> None:
    """Remember how far the trail has come."""
    with ledger.reading() as connection:
        last = chain_tip(connection)
    memory.remember(last.sequence, last.hash)


def accept_restore(
    ledger: Ledger, memory: Memory, actor: Actor, reason: str
) -> datetime:
    """Accept a database that was restored; returns the moment that it stands at.

    What it holds as pending may have been sent since, and what it does not hold may
    have been sent too: so from here on everything up to now is read before it is sent.
    """
    seen = memory.last_seen()
    with ledger.writing() as connection:
        last = chain_tip(connection)
        detail = {
            "seen": seen and {"event": seen[0], "hash": seen[1]},
            "found": {"event": last.sequence, "hash": last.hash},
        }
        audit_log.record(
            connection, actor, after_restore.RESTORED, "ledger", detail, reason=reason
        )
        after_restore.mark_waiting_uncertain(connection, actor.at)
    remember_end(ledger, memory)
    return last.at
