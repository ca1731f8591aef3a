"""A ledger with a trail to prove: months open and closed, and edits made by hand."""

from pathlib import Path

from sqlalchemy import text

from billing.domain.period import BillingPeriod
from billing.ledger.audit import audit_log, signed_heads
from billing.ledger.audit.events import chain_tip
from billing.ledger.database import Ledger
from billing.reports.audit.bundle import Export, export_bundle
from tests.ledger.bookkeeping import ACTOR, MARCH
from tests.ledger.filling import set_aside_and_reconcile
from tests.ledger.integrity.sound_ledger import FEBRUARY, disarm, fill_soundly
from tests.verifier.signing import TestKey

KEY = TestKey(7)
__all__ = ["FEBRUARY", "KEY", "MARCH", "by_hand", "export", "fill", "sign"]


def fill(ledger: Ledger) -> None:
    """Keep books from the first key on: a month is closed, the next one is not."""
    names = {"key": KEY.fingerprint, "public_key": KEY.public_key.hex()}
    with ledger.writing() as connection:
        audit_log.record(connection, ACTOR, "key.registered", "", names)
    fill_soundly(ledger)
    sign(ledger)
    set_aside_and_reconcile(ledger)
    sign(ledger)


def sign(ledger: Ledger) -> None:
    """Sign the trail as far as it has come."""
    with ledger.writing() as connection:
        link = chain_tip(connection)
        head = signed_heads.next_head(
            connection, link.sequence, link.hash, KEY.fingerprint, ACTOR.at
        )
        signed = signed_heads.SignedHead(head, KEY.sign(head.line()).hex())
        signed_heads.add_head(connection, signed)


def export(ledger: Ledger, target: Path, period: BillingPeriod = MARCH) -> Path:
    """Write the bundle of a month."""
    asked = Export(
        period=period,
        run_by="tests",
        run_at=ACTOR.at,
        code_version="0.1.0",
        parameters={"period": str(period)},
    )
    export_bundle(ledger, target, asked, KEY)
    return target


def by_hand(ledger: Ledger, *statements: str) -> None:
    """Edit the ledger past all code of ours, with every guard switched off."""
    disarm(ledger)
    with ledger.engine.connect() as connection, connection.begin():
        for statement in statements:
            connection.execute(text(statement))
