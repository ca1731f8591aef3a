"""Bulk loads: what goes in comes out, on both databases and in any number."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import select

from billing.errors import LedgerFault
from billing.ledger.database import Ledger
from billing.ledger.schema.bulk_load import load_rows
from billing.ledger.schema.tables import audit_event, call
from tests.ledger.bookkeeping import NOON, pull_context, register, rows

EVENT = (
    "at",
    "actor",
    "action",
    "subject",
    "detail",
    "covers",
    "state",
    "previous",
    "hash",
)
REST = ("a", "s", "{}", "[]", "{}", "", "")
CALL = (
    "account",
    "call_id",
    "revision",
    "period",
    "status",
    "started_at",
    "duration_seconds",
    "minutes_gap",
    "extract_sha256",
    "source_sha256",
    "pull_id",
)
HOSTILE = [
    "Zoë ✓ 電話 🎉",
    "tab\tand\nline",
    "\\N",
    "\\.",
    "NULL",
    "''",
    '"',
    "",
    "\x01",
]


def load(ledger: Ledger, loaded: list[tuple[Any, ...]]) -> None:
    with ledger.writing() as connection:
        load_rows(connection, audit_event, EVENT, loaded)


def calls(pull: int, ids: list[str]) -> list[tuple[Any, ...]]:
    head = ("main",)
    tail = (1, "2026-03", "completed", NOON, None, 0, "0", "0", pull)
    return [(*head, call_id, *tail) for call_id in ids]


def test_times_and_words_come_back_as_they_were(ledger: Ledger) -> None:
    moments = [
        NOON,
        NOON + timedelta(microseconds=1),
        datetime(2028, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC),
    ]
    loaded = [(at, words, *REST) for at in moments for words in HOSTILE]
    load(ledger, loaded)
    with ledger.reading() as connection:
        query = select(audit_event.c.at, audit_event.c.actor).order_by(audit_event.c.id)
        found = [tuple(row) for row in connection.execute(query)]
    assert found == [row[:2] for row in loaded]


def test_what_is_missing_stays_missing(ledger: Ledger) -> None:
    register(ledger)
    with ledger.writing() as connection:
        row = calls(pull_context(connection).pull_id, ["call_1"])
        load_rows(connection, call, CALL, row)
    query = "SELECT duration_seconds, ended_at FROM call"
    assert rows(ledger, query) == [(None, None)]


def test_no_rows_are_no_work(ledger: Ledger) -> None:
    load(ledger, [])
    assert rows(ledger, "SELECT * FROM audit_event") == []


@pytest.mark.parametrize("count", [1, 3_554, 3_555, 3_556, 8_000])
def test_any_number_of_rows_is_loaded_whole(sqlite_ledger: Ledger, count: int) -> None:
    load(sqlite_ledger, [(NOON, str(n), *REST) for n in range(count)])
    query = "SELECT count(*), count(DISTINCT actor), min(id), max(id) FROM audit_event"
    assert rows(sqlite_ledger, query) == [(count, count, 1, count)]


def test_a_load_that_fails_leaves_nothing_and_says_so(ledger: Ledger) -> None:
    register(ledger)
    with ledger.writing() as connection:
        pull = pull_context(connection).pull_id
    twice = calls(pull, ["call_1", "call_2", "call_1"])
    with pytest.raises(LedgerFault), ledger.writing() as connection:
        load_rows(connection, call, CALL, twice)
    assert rows(ledger, "SELECT * FROM call") == []


def test_bulk_rows_and_single_rows_are_spelled_alike(sqlite_ledger: Ledger) -> None:
    load(sqlite_ledger, [(NOON, "bulk", *REST)])
    with sqlite_ledger.writing() as connection:
        elsewhere = NOON.astimezone(timezone(timedelta(hours=14)))
        row = dict(zip(EVENT, (elsewhere, "single", *REST), strict=True))
        connection.execute(audit_event.insert().values(row))
    spelled = rows(sqlite_ledger, "SELECT DISTINCT at FROM audit_event")
    assert spelled == [("2026-03-10T12:00:00+00:00",)]
