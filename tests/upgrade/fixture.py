"""The fixture of version 0.1.0, unpacked for a test beside a sandbox that goes on."""

import lzma
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from billing.ledger.migration import upgrade
from billing.sandbox.server import running
from billing.sandbox.state_file import load_state
from billing.sandbox.world import Sandbox
from tests.upgrade.desk import Desk
from tests.upgrade.packing import (
    KEY,
    LEDGER,
    LEDGER_HERE,
    MARKER,
    SETTINGS,
    STATE,
    URL_HERE,
)

VERSION_0_1_0 = Path(__file__).with_name("v0_1_0")
SCHEMA = "0008"
_TABLES = """
    SELECT table_name FROM information_schema.tables
    WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
    AND table_name <> 'alembic_version'
"""
_NUMBERED = """
    SELECT table_name, column_name FROM information_schema.columns
    WHERE table_schema = 'public' AND (is_identity = 'YES'
    OR column_default LIKE 'nextval(%')
"""


@contextmanager
def unpacked(
    folder: Path, postgres_url: str | None = None, packed: Path = VERSION_0_1_0
) -> Iterator[Desk]:
    """Give a desk with the ledger as it was left: in a file, or in an empty database.

    The sandbox goes on from its own state, so the meter and the clock are the same.
    """
    for name in (LEDGER, STATE, KEY):
        (folder / name).write_bytes(lzma.decompress(_read(packed, f"{name}.xz")))
    (folder / KEY).chmod(0o600)
    (folder / MARKER).write_bytes(_read(packed, MARKER))
    ledger_url = f"sqlite:///{folder / LEDGER}"
    if postgres_url is not None:
        move_to_postgres(folder / LEDGER, postgres_url)
        ledger_url = postgres_url
    state = load_state(folder / STATE)
    assert state is not None
    with running(Sandbox.from_state(state, rate_limits="off")) as url:
        settings = _read(packed, SETTINGS).decode()
        settings = settings.replace(URL_HERE, url).replace(LEDGER_HERE, ledger_url)
        (folder / SETTINGS).write_text(settings)
        desk = Desk(folder, url, ledger_url)
        _write_secrets(desk)
        yield desk


def move_to_postgres(file: Path, url: str) -> None:
    """Load all rows of a ledger into an empty database, at the schema they are of.

    The trail knows the guards of SQLite until the next `db upgrade` writes these down.
    """
    upgrade(url, SCHEMA)
    address = url.replace("postgresql+psycopg", "postgresql")
    with (
        closing(sqlite3.connect(file)) as ledger,
        closing(psycopg.connect(address)) as database,
        database,
    ):
        # Neither triggers nor foreign keys look at what is only moved.
        database.execute("SET session_replication_role = replica")
        for (table,) in database.execute(_TABLES).fetchall():
            _copy(ledger, database, table)
        for table, column in database.execute(_NUMBERED).fetchall():
            _go_on_numbering(database, table, column)


def _copy(ledger: sqlite3.Connection, database: psycopg.Connection, table: str) -> None:
    rows = ledger.execute(f"SELECT * FROM {table}")
    names = sql.SQL(", ").join(sql.Identifier(column[0]) for column in rows.description)
    into = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
    with database.cursor() as cursor, cursor.copy(into) as copy:
        for row in rows:
            copy.write_row(row)


def _go_on_numbering(database: psycopg.Connection, table: str, column: str) -> None:
    statement = sql.SQL(
        "SELECT setval(pg_get_serial_sequence({}, {}), max({})) FROM {} "
        "HAVING max({}) IS NOT NULL"
    )
    database.execute(
        statement.format(
            sql.Literal(table),
            sql.Literal(column),
            sql.Identifier(column),
            sql.Identifier(table),
            sql.Identifier(column),
        )
    )


def _write_secrets(desk: Desk) -> None:
    """Write the sandbox's keys where the settings name them."""
    facts = desk.ask("GET", "/_sandbox")
    secrets = {f"pamela-{one['name']}": one["api_key"] for one in facts["accounts"]}
    secrets["stripe"] = facts["stripe_key"]
    (desk.folder / "secrets").mkdir()
    for name, secret in secrets.items():
        path = desk.folder / "secrets" / name
        path.touch(mode=0o600)
        path.write_text(f"{secret}\n")


def _read(packed: Path, name: str) -> bytes:
    return (packed / name).read_bytes()
