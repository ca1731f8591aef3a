"""The audit trail: who did what, when and why, in the transaction of the change."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, insert

from billing.ledger.tables import audit_event

_ADD = insert(audit_event)


class Actor(NamedTuple):
    """Who acts, and when."""

    name: str
    at: datetime


def record(
    connection: Connection,
    actor: Actor,
    action: str,
    subject: str,
    detail: Mapping[str, object] | None = None,
) -> None:
    """Add one audit event to the transaction."""
    row = {
        "at": actor.at,
        "actor": actor.name,
        "action": action,
        "subject": subject,
        "detail": json.dumps(detail or {}, sort_keys=True, default=str),
    }
    connection.execute(_ADD, row)
