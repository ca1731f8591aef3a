"""The schema in the trail: which triggers the tables had when it was last upgraded."""

import json

from sqlalchemy import Connection, text

from billing.ledger.audit import audit_log
from billing.ledger.audit.audit_log import Actor
from billing.ledger.audit.canonical_json import digest, spell
from billing.ledger.audit.events import last_of_actions

UPGRADED = "schema.upgraded"
_SQLITE = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
_POSTGRESQL = """
    SELECT t.tgname || ' ' || t.tgenabled::text, pg_get_triggerdef(t.oid)
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE NOT t.tgisinternal AND c.relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT p.proname, p.prosrc FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace AND p.proname LIKE 'refuse_%'
    ORDER BY 1, 2
"""


def record_upgrade(connection: Connection, actor: Actor, version: str) -> None:
    """Record the schema and its triggers, unless the trail has them already."""
    guards = guards_digest(connection)
    if recorded_guards(connection) != guards:
        detail = {"schema": version, "guards": guards}
        audit_log.record(connection, actor, UPGRADED, version, detail)


def guards_digest(connection: Connection) -> str:
    """Return the digest of all triggers as the database has them."""
    query = _SQLITE if connection.dialect.name == "sqlite" else _POSTGRESQL
    rows = [
        [str(name), str(definition)]
        for name, definition in connection.execute(text(query))
    ]
    return digest(spell(sorted(rows)))


def recorded_guards(connection: Connection) -> str | None:
    """Return the digest that the trail has of them; None before the first."""
    row = last_of_actions(connection, [UPGRADED])
    return None if row is None else str(json.loads(row.detail)["guards"])
