"""The rebuilt index: what the trail said last of each row, made anew from the trail."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, delete, func, select, text

from billing.ledger.audit import audit_log
from billing.ledger.audit.audit_log import Actor
from billing.ledger.audit.recorded.newest_digests import remember_all
from billing.ledger.schema.tables import row_digest, row_range

REBUILT = "index.rebuilt"
_GUARDS = text(
    "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :name"
)


def rebuild_index(connection: Connection, actor: Actor) -> dict[str, int]:
    """Make the index anew, and say so in the trail; returns how much it holds."""
    for table in (row_digest, row_range):
        with without_guards(connection, table.name):
            connection.execute(delete(table))
    remember_all(connection)
    held = {
        str(table.name): connection.execute(
            select(func.count()).select_from(table)
        ).scalar_one()
        for table in (row_digest, row_range)
    }
    audit_log.record(connection, actor, REBUILT, "ledger", held)
    return held


@contextmanager
def without_guards(connection: Connection, table: str) -> Iterator[None]:
    """Lift a table's triggers, and put the same ones back in the same transaction."""
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield
        connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        return
    guards = connection.execute(_GUARDS, {"name": table}).all()
    for name, _ in guards:
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    yield
    for _, definition in guards:
        connection.exec_driver_sql(definition)
