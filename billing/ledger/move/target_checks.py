"""Target checks: whether a place is empty, ours to fill, and fit for a ledger."""

from pathlib import Path

from sqlalchemy import Connection, exists, select, text

from billing.ledger import migration
from billing.ledger.audit.events import chain_tip
from billing.ledger.database import Ledger
from billing.ledger.move.marks import MoveState, newest_mark
from billing.ledger.schema.tables import metadata

_FIT = text("""
    SELECT current_schema() AS schema, current_user AS role,
           current_setting('server_encoding') AS encoding,
           current_setting('transaction_read_only') AS read_only,
           pg_is_in_recovery() AS standby,
           has_schema_privilege(current_schema(), 'CREATE') AS may_create
""")
# What an extension brought along is nobody's data.
_THINGS = """
    SELECT relname FROM pg_class c WHERE relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
    AND relnamespace = current_schema()::regnamespace AND NOT EXISTS (
        SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e'
    ) ORDER BY 1
"""
_EMPTY_LEDGER = {"alembic_version", "audit_event", "ledger_move"}


def why_no_postgresql(connection: Connection, source: Ledger) -> str | None:
    """Say why a PostgreSQL database cannot take a ledger; None when it can."""
    session = connection.execute(_FIT).one()
    if session.standby:
        return "that server is a standby, which can only be read; name the primary"
    if session.read_only == "on":
        return f"there the role {session.role} can only read; use the owner's role"
    if session.schema is None:
        return "its search_path names no schema that there is; create the schema first"
    if session.encoding != "UTF8":
        return (
            f"its encoding is {session.encoding}, which does not hold every text; "
            "create it with ENCODING 'UTF8'"
        )
    if things := list(connection.exec_driver_sql(_THINGS).scalars()):
        return _why_held(connection, things, source)
    if not session.may_create:
        return (
            f"the role {session.role} may not create tables there; copy as the role "
            "that is to own the ledger"
        )
    return None


def why_no_file(file: Path, source: Ledger) -> str | None:
    """Say why a SQLite ledger cannot be made there; None when it can."""
    if file.exists():
        if source.file is not None and file.samefile(source.file):
            return "it is the ledger itself"
        return "there is a file of that name, and none is overwritten; name a new one"
    for end in ("-wal", "-shm", "-journal"):
        left = Path(f"{file}{end}")
        if left.exists():
            return f"{left.name} was left there by another database; remove it first"
    return None


def _why_held(connection: Connection, things: list[str], source: Ledger) -> str:
    """Say what a place holds that is not empty."""
    if not {"alembic_version", "audit_event"} <= set(things):
        more = f" and {len(things) - 3} more" if len(things) > 3 else ""
        return f"it holds {', '.join(things[:3])}{more}; name an empty database"
    revision = migration.current_on(connection)
    if revision != migration.head():
        return (
            f"it holds a ledger at schema {revision}, and this code is for "
            f"{migration.head()}; name an empty database"
        )
    mark = newest_mark(connection)
    if mark is not None and mark.state is MoveState.ARRIVING:
        return (
            "it holds a copy that was not finished and was never in force; drop that "
            "database and make it anew, or name another"
        )
    with source.reading() as ours:
        tip = chain_tip(ours)
    if tip.sequence and tip.hash == chain_tip(connection).hash:
        return "it is the ledger itself"
    if _is_empty(connection):
        return (
            "it holds the empty tables that `db upgrade` makes; name an empty "
            "database, since the copy brings its own"
        )
    return "it holds another ledger; name an empty database"


def _is_empty(connection: Connection) -> bool:
    """Say whether nothing was ever written but how the tables were made."""
    names = set(metadata.tables) - _EMPTY_LEDGER
    return not any(
        connection.execute(select(exists(metadata.tables[name].select()))).scalar_one()
        for name in sorted(names)
    )
