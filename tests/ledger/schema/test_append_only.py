"""Rows that carry money are only ever added: plain SQL is refused on both databases."""

import pytest
from sqlalchemy import text

from billing.errors import LedgerFault
from billing.ledger.database import Ledger
from tests.ledger.bookkeeping import rows
from tests.ledger.kept_columns import MOVING
from tests.ledger.table_shapes import columns_of, keys_of

KEPT = sorted(MOVING)


@pytest.fixture
def ledger(filled: Ledger) -> Ledger:
    """Give a ledger with rows in every table, once on each engine."""
    return filled


def content(ledger: Ledger, table: str) -> list[tuple[object, ...]]:
    stored = rows(ledger, f"SELECT * FROM {table} ORDER BY 1")
    assert len(stored) >= 2
    return stored


def refuse(ledger: Ledger, statement: str) -> None:
    """Expect a statement to be refused as a change of what is kept."""
    with (
        pytest.raises(LedgerFault, match="append-only: correct by adding"),
        ledger.writing() as connection,
    ):
        connection.execute(text(statement))


@pytest.mark.parametrize("table", KEPT)
def test_no_row_is_ever_deleted(ledger: Ledger, table: str) -> None:
    before = content(ledger, table)
    refuse(ledger, f"DELETE FROM {table}")
    assert content(ledger, table) == before


@pytest.mark.parametrize("table", KEPT)
def test_no_column_that_is_kept_is_ever_updated(ledger: Ledger, table: str) -> None:
    before = content(ledger, table)
    for column in sorted({*columns_of(ledger, table)} - MOVING[table]):
        refuse(ledger, f"UPDATE {table} SET {column} = {column}")
    assert content(ledger, table) == before


@pytest.mark.parametrize("table", KEPT)
def test_no_insert_turns_into_an_update(ledger: Ledger, table: str) -> None:
    before = content(ledger, table)
    for key in keys_of(ledger, table):
        again = f"INSERT INTO {table} SELECT * FROM {table} WHERE true"
        update = f"DO UPDATE SET {key[0]} = excluded.{key[0]}"
        refuse(ledger, f"{again} ON CONFLICT ({', '.join(key)}) {update}")
    assert content(ledger, table) == before


def test_every_table_but_settings_metadata_and_index_is_kept(ledger: Ledger) -> None:
    query = (
        "SELECT name FROM sqlite_master WHERE type = 'table'"
        if ledger.on_sqlite
        else "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    )
    names = {str(name) for (name,) in rows(ledger, query)}
    loose = {"alembic_version", "account", "customer", "call_metadata"}
    loose.add("row_digest")  # an index of the trail
    loose |= {"customer_look", "customer_seen"}  # what only saves reads
    assert names - loose == set(KEPT)


def test_the_view_shows_what_became_of_each_row(ledger: Ledger) -> None:
    query = "SELECT call_id, status, evidence FROM b2b_usage_status ORDER BY id"
    assert rows(ledger, query) == [
        ("call_1", "synced", "counted: req_1"),
        ("call_2", "synced", "counted: req_1"),
        ("call_3", "pending", None),
        ("call_4", "pending", None),
        ("bad_1", "pending", None),
        ("bad_1", "pending", None),
    ]
