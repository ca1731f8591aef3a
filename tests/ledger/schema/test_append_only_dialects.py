"""Ways around append-only rows that just one of the databases has, all refused."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import permutations, product
from typing import Any

import pytest
from sqlalchemy import text

from billing.errors import LedgerFault
from billing.ledger.database import Ledger
from tests.ledger.kept_columns import MOVING
from tests.ledger.table_shapes import keys_of

KEPT = sorted(MOVING)
# A table without hidden numbers has nothing to be found by but its keys.
NUMBERED = [name for name in KEPT if name != "row_range"]
HIDDEN = ("rowid", "oid", "_rowid_")
REFUSED = "append-only: correct by adding"


@pytest.fixture(params=["ON", "OFF"])
def raw(
    filled_sqlite: Ledger, request: pytest.FixtureRequest
) -> Iterator[sqlite3.Connection]:
    """Open the file as any program may: with and without our pragma."""
    with closing(
        sqlite3.connect(str(filled_sqlite.file), isolation_level=None)
    ) as connection:
        connection.execute(f"PRAGMA recursive_triggers = {request.param}")
        connection.execute("PRAGMA foreign_keys = OFF")
        yield connection


def content(connection: sqlite3.Connection, table: str) -> list[tuple[Any, ...]]:
    listed = "rowid, *" if table in NUMBERED else "*"
    query = f"SELECT {listed} FROM {table} ORDER BY 1, 2, 3"
    return connection.execute(query).fetchall()


def changed(value: object) -> object:
    return value + 1000 if isinstance(value, int) else f"{value}x"


def colliding_row(
    connection: sqlite3.Connection,
    table: str,
    key: tuple[str, ...],
    others: list[tuple[str, ...]],
) -> dict[str, Any]:
    """Copy a row so that it collides with the original on one key only."""
    cursor = connection.execute(f"SELECT * FROM {table} ORDER BY 1 LIMIT 1")
    row = dict(
        zip((name for name, *_ in cursor.description), cursor.fetchone(), strict=True)
    )
    for other in others:
        column = next(name for name in other if name not in key)
        row[column] = changed(row[column])
    return row


@pytest.mark.parametrize("table", KEPT)
@pytest.mark.parametrize("verb", ["REPLACE", "INSERT OR REPLACE"])
def test_no_row_is_replaced_on_any_key(
    filled_sqlite: Ledger, raw: sqlite3.Connection, table: str, verb: str
) -> None:
    before = content(raw, table)
    keys = keys_of(filled_sqlite, table)
    for key in keys:
        others = [other for other in keys if other != key]
        row = colliding_row(raw, table, key, others)
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        statement = f"{verb} INTO {table} ({names}) VALUES ({marks})"
        with pytest.raises(sqlite3.IntegrityError, match=REFUSED):
            raw.execute(statement, tuple(row.values()))
    assert content(raw, table) == before


@pytest.mark.parametrize("table", NUMBERED)
def test_no_row_is_replaced_by_its_hidden_number(
    raw: sqlite3.Connection, table: str
) -> None:
    cursor = raw.execute(f"SELECT * FROM {table} ORDER BY rowid LIMIT 1")
    row = dict(
        zip((name for name, *_ in cursor.description), cursor.fetchone(), strict=True)
    )
    row = {name: value for name, value in row.items() if name != "id"}
    before = content(raw, table)
    for name in HIDDEN:
        statement = (
            f"INSERT OR REPLACE INTO {table} ({name}, {', '.join(row)}) "
            f"VALUES ({before[0][0]}, {', '.join('?' * len(row))})"
        )
        with pytest.raises(sqlite3.IntegrityError, match=REFUSED):
            raw.execute(statement, tuple(row.values()))
    assert content(raw, table) == before


@pytest.mark.parametrize("table", NUMBERED)
def test_no_row_takes_another_hidden_number(
    raw: sqlite3.Connection, table: str
) -> None:
    before = content(raw, table)
    numbers = [number for number, *_ in before]
    for name, (number, other) in product(HIDDEN, permutations([*numbers, 99], 2)):
        if number in numbers:
            statement = f"UPDATE OR REPLACE {table} SET {name} = ? WHERE {name} = ?"
            with pytest.raises(sqlite3.IntegrityError, match=REFUSED):
                raw.execute(statement, (other, number))
    assert content(raw, table) == before


@pytest.mark.parametrize("table", KEPT)
def test_deletes_and_updates_are_refused_to_any_program(
    raw: sqlite3.Connection, table: str
) -> None:
    before = content(raw, table)
    kept = next(
        name
        for _, name, *_ in raw.execute(f"PRAGMA table_info({table})")
        if name not in MOVING[table]
    )
    for statement in (
        f"DELETE FROM {table}",
        f"UPDATE {table} SET {kept} = {kept}",
        f"UPDATE OR REPLACE {table} SET {kept} = {kept}",
        f"UPDATE OR IGNORE {table} SET {kept} = {kept}",
    ):
        with pytest.raises(sqlite3.IntegrityError, match=REFUSED):
            raw.execute(statement)
    assert content(raw, table) == before


@pytest.mark.parametrize("table", KEPT)
def test_no_table_is_truncated(postgres_ledger: Ledger, table: str) -> None:
    with (
        pytest.raises(LedgerFault, match=REFUSED),
        postgres_ledger.writing() as connection,
    ):
        connection.execute(text(f"TRUNCATE {table} CASCADE"))
