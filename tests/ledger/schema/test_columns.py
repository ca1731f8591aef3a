"""Columns refuse what must not be stored: naive times, floats, bools, other types."""

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Table, insert, select
from sqlalchemy.exc import StatementError

from billing.errors import LedgerFault
from billing.ledger.audit import audit_log
from billing.ledger.database import Ledger
from billing.ledger.schema.tables import customer, price, reconciliation_run
from tests.ledger.bookkeeping import NOON, PRICE, rows
from tests.ledger.filling import fill

RUN: dict[str, Any] = {
    "period": "2026-03",
    "started_at": NOON,
    "finished_at": NOON,
    "settled": 1,
    "complete": 1,
    "difference_minutes": 0,
    "breaks": 0,
}
RATE: dict[str, Any] = {
    "effective_from": NOON,
    "per_minute": Decimal("0.10"),
    "currency": "usd",
    "registered_at": NOON,
}


def keep(ledger: Ledger, table: Table, values: dict[str, Any]) -> None:
    with ledger.writing() as connection:
        audit_log.touch(connection, table, {values.get("name", 1)})
        connection.execute(insert(table).values(values))


@pytest.mark.parametrize("value", [0.0, 60.0, 60.5, True, False, "60", Decimal(60)])
def test_an_integer_is_an_integer_and_nothing_like_it(
    ledger: Ledger, value: object
) -> None:
    with pytest.raises((StatementError, LedgerFault), match="an integer is stored"):
        keep(ledger, reconciliation_run, {**RUN, "difference_minutes": value})
    assert rows(ledger, "SELECT * FROM reconciliation_run") == []


@pytest.mark.parametrize("value", [0, -1, 2**53 + 1, 2**63 - 1, -(2**63)])
def test_integers_are_kept_exactly(ledger: Ledger, value: int) -> None:
    keep(ledger, reconciliation_run, {**RUN, "difference_minutes": value})
    query = "SELECT difference_minutes FROM reconciliation_run"
    assert rows(ledger, query) == [(value,)]


@pytest.mark.parametrize("value", [0.1, 1, "0.10", True])
def test_a_price_is_stored_from_a_decimal_only(ledger: Ledger, value: object) -> None:
    with pytest.raises((StatementError, LedgerFault), match="a Decimal is stored"):
        keep(ledger, price, {**RATE, "per_minute": value})


@pytest.mark.parametrize("digits", ["0.10", "0", "0.000000001", "123456789.987654321"])
def test_a_price_keeps_its_digits(ledger: Ledger, digits: str) -> None:
    keep(ledger, price, {**RATE, "per_minute": Decimal(digits)})
    with ledger.reading() as connection:
        stored = connection.execute(select(price.c.per_minute)).scalar_one()
    assert format(stored, "f") == digits


def test_a_price_in_powers_of_ten_is_written_out(ledger: Ledger) -> None:
    keep(ledger, price, {**RATE, "per_minute": Decimal("1E-7")})
    assert rows(ledger, "SELECT per_minute FROM price") == [("0.0000001",)]


def test_a_naive_time_is_refused(ledger: Ledger) -> None:
    naive = NOON.replace(tzinfo=None)
    with pytest.raises((StatementError, LedgerFault), match="a stored time is aware"):
        keep(ledger, reconciliation_run, {**RUN, "started_at": naive})


@pytest.mark.parametrize(
    "moment",
    [
        NOON,
        NOON + timedelta(microseconds=1),
        datetime(2026, 3, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2028, 2, 29, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(9998, 12, 31, 23, 59, tzinfo=UTC),
        datetime(2026, 3, 11, 2, tzinfo=timezone(timedelta(hours=14))),
        datetime(2026, 3, 10, 0, tzinfo=timezone(timedelta(hours=-12))),
    ],
)
def test_a_time_comes_back_as_the_same_moment_in_utc(
    ledger: Ledger, moment: datetime
) -> None:
    keep(ledger, reconciliation_run, {**RUN, "started_at": moment})
    with ledger.reading() as connection:
        stored = connection.execute(
            select(reconciliation_run.c.started_at)
        ).scalar_one()
    assert stored == moment
    assert stored.utcoffset() == timedelta()


def test_times_sort_and_compare_as_they_pass(ledger: Ledger) -> None:
    moments = [NOON + n * timedelta(microseconds=500_000) for n in range(4)]
    for moment in reversed(moments):
        keep(ledger, reconciliation_run, {**RUN, "started_at": moment})
    column = reconciliation_run.c.started_at
    with ledger.reading() as connection:
        query = select(column).where(column >= moments[1]).order_by(column)
        assert list(connection.scalars(query)) == moments[1:]


@pytest.mark.parametrize(
    "words", ["Zoë ✓ 電話 🎉", "\u202e\x1b[31m", "'; DROP TABLE call"]
)
def test_any_text_comes_back_as_it_was(ledger: Ledger, words: str) -> None:
    named = {"name": words, "stripe_customer": "cus_1", "registered_at": NOON}
    keep(ledger, customer, named)
    with ledger.reading() as connection:
        assert connection.execute(select(customer.c.name)).scalar_one() == words


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("b2b_usage", "billed_minutes", 60.5),
        ("b2b_usage", "billed_minutes", "sixty"),
        ("b2b_usage", "amount_micro", b"60"),
        ("b2b_usage", "amount_micro", 1e300),
        ("meter_event", "minutes", 0.1),
        ("call", "duration_seconds", "1e-3"),
        ("call", "call_id", b"\x00"),
    ],
)
def test_the_file_itself_refuses_values_of_another_type(
    sqlite_ledger: Ledger, table: str, column: str, value: object
) -> None:
    fill(sqlite_ledger)
    with closing(sqlite3.connect(str(sqlite_ledger.file))) as connection:
        cursor = connection.execute(f"SELECT * FROM {table} LIMIT 1")
        names = [name for name, *_ in cursor.description]
        row = dict(zip(names, cursor.fetchone(), strict=True))
        row = {**row, "id": 99, "call_id": "new", "identifier": "new", "sequence": 9}
        row[column] = value
        written = [name for name in names if name in row]
        statement = (
            f"INSERT INTO {table} ({', '.join(written)}) "
            f"VALUES ({', '.join('?' * len(written))})"
        )
        with pytest.raises(sqlite3.IntegrityError, match="cannot store"):
            connection.execute(statement, tuple(row[name] for name in written))


@pytest.mark.parametrize("words", ["2026-03-10 09:00:00", "yesterday", ""])
def test_a_time_that_somebody_wrote_by_hand_is_refused_with_what_to_do(
    sqlite_ledger: Ledger, words: str
) -> None:
    with closing(sqlite3.connect(str(sqlite_ledger.file))) as file, file:
        named = {**RUN, "started_at": words, "finished_at": words, "invoices": 0}
        statement = (
            f"INSERT INTO reconciliation_run ({', '.join(named)}) "
            f"VALUES ({', '.join('?' * len(named))})"
        )
        file.execute(statement, tuple(named.values()))
    said = rf"holds {re.escape(repr(words))} where a time is due.*`.* db verify`"
    with (
        sqlite_ledger.reading() as connection,
        pytest.raises(LedgerFault, match=said),
    ):
        connection.execute(select(reconciliation_run)).all()


def test_every_table_of_the_file_is_strict(sqlite_ledger: Ledger) -> None:
    loose = (
        "SELECT name FROM pragma_table_list WHERE type = 'table' AND strict = 0 "
        "AND name NOT LIKE 'sqlite_%' AND name <> 'alembic_version'"
    )
    assert rows(sqlite_ledger, loose) == []


def test_the_price_of_the_tests_is_one_the_ledger_keeps(ledger: Ledger) -> None:
    keep(ledger, price, {**RATE, "per_minute": PRICE.per_minute})
    assert rows(ledger, "SELECT per_minute FROM price") == [("0.10",)]
