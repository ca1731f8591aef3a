"""The schema in the trail: which triggers the tables had when it was last upgraded.

Each database spells its triggers in its own way, so a ledger that is copied to another
kind has the triggers of both in its trail.
"""

from sqlalchemy import Connection, select, text

from billing.ledger.audit import audit_log
from billing.ledger.audit.audit_log import Actor
from billing.ledger.audit.canonical_json import digest, format_document
from billing.ledger.audit.sealing import append_now
from billing.ledger.schema.tables import audit_event
from billing.ledger.stored_json import stored_object

UPGRADED, COPIED = "schema.upgraded", "ledger.copied"
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
_event = audit_event.c
_HISTORY = (
    select(_event.action, _event.detail)
    .where(_event.action.in_([UPGRADED, COPIED]))
    .order_by(_event.id.desc())
)


def record_upgrade(connection: Connection, actor: Actor, version: str) -> None:
    """Record the schema and its triggers, unless the trail has them already."""
    guards = guards_digest(connection)
    if recorded_guards(connection) != guards:
        detail = {
            "schema": version,
            "guards": guards,
            "database": connection.dialect.name,
        }
        audit_log.record(connection, actor, UPGRADED, version, detail)


def record_copying(
    connection: Connection, actor: Actor, address: str, schema: dict[str, str]
) -> None:
    """Record that the ledger is copied, and which triggers it will have there.

    The event is in the trail at once, so that the copy has it too.
    """
    audit_log.record(connection, actor, COPIED, address, schema)
    append_now(connection)


def guards_digest(connection: Connection) -> str:
    """Return the digest of all triggers as the database has them."""
    query = _SQLITE if connection.dialect.name == "sqlite" else _POSTGRESQL
    rows = [
        [str(name), str(definition)]
        for name, definition in connection.execute(text(query))
    ]
    return digest(format_document(sorted(rows)))


def recorded_guards(connection: Connection) -> str | None:
    """Return the digest that the trail has of them; None before the first."""
    database = connection.dialect.name
    before = None
    for action, document in connection.execute(_HISTORY):
        detail = stored_object(document)
        if detail.get("database") == database:
            return str(detail["guards"])
        # What no database is named in was recorded before a ledger could be copied.
        if before is None and action == UPGRADED and "database" not in detail:
            before = str(detail["guards"])
    return before
