"""The trail's key and its rollback marker, as a person changes them."""

from datetime import datetime
from pathlib import Path

from billing.adapters import make_trail
from billing.errors import SigningFault
from billing.ledger.audit import signed_heads
from billing.ledger.audit.audit_log import Actor
from billing.ledger.locking.locks import exclusive_process
from billing.offline import make_key_beside, opened_ledger, put_key_in_place
from billing.pipeline.signing import accept_restore, rotate_key


def rotate(settings_file: Path, who: str, reason: str) -> str:
    """Hand over to a new key; returns its name. Raises SigningFault or LedgerFault.

    A hand-over that was killed half-way is finished by the next.
    """
    with opened_ledger(settings_file) as opened, exclusive_process(opened.ledger):
        trail = make_trail(opened.settings, settings_file.parent)
        if trail.signer is None:
            raise SigningFault("there is no key to hand over from; see `audit sign`")
        new = make_key_beside(settings_file)
        with opened.ledger.reading() as connection:
            in_force = signed_heads.key_in_force(connection)
        if in_force != new.name:
            actor = Actor(who, opened.now)
            rotate_key(opened.ledger, trail.signer, new.signer, actor, reason)
        put_key_in_place(settings_file)
        return new.name


def accept_restored(settings_file: Path, who: str, reason: str) -> datetime:
    """Accept a ledger that was restored; returns the moment that it stands at."""
    opening = opened_ledger(settings_file, even_rewound=True)
    with opening as opened, exclusive_process(opened.ledger):
        trail = make_trail(opened.settings, settings_file.parent)
        actor = Actor(who, opened.now)
        return accept_restore(opened.ledger, trail.memory, actor, reason)
