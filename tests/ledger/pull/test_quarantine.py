"""Quarantine: in sight until understood, and never twice for the same words."""

from datetime import timedelta

import pytest

from billing.ledger.database import Ledger
from billing.ledger.pull import quarantine
from billing.ledger.pull.quarantine import SetAside
from tests.ledger.bookkeeping import ACTOR, APRIL, MARCH, register, rows, start_pull

NAIVE = SetAside(
    account="main",
    call_id="call_1",
    reason="naive_time",
    detail="started_at is '2026'",
    source_sha256="a" * 64,
    period=MARCH,
)
LATER = ACTOR.at + timedelta(hours=1)


@pytest.fixture(autouse=True)
def _registered(ledger: Ledger) -> None:
    register(ledger)


def set_aside(ledger: Ledger, *items: SetAside) -> None:
    with ledger.writing() as connection:
        number = start_pull(connection)
        quarantine.set_aside(
            connection, items, period=MARCH, pull_id=number, now=ACTOR.at
        )


def release(ledger: Ledger, *understood: str) -> int:
    with ledger.writing() as connection:
        return quarantine.release(connection, "main", understood, LATER)


def open_calls(ledger: Ledger) -> list[str]:
    with ledger.reading() as connection:
        return [item.call_id for item in quarantine.open_items(connection)]


def test_what_is_set_aside_is_shown_with_its_reason(ledger: Ledger) -> None:
    set_aside(ledger, NAIVE)
    with ledger.reading() as connection:
        (item,) = quarantine.open_items(connection, MARCH)
        assert quarantine.count_open(connection, MARCH) == 1
        assert quarantine.open_items(connection, APRIL) == []
        assert quarantine.count_open(connection, APRIL) == 0
    assert (item.account, item.call_id, item.period) == ("main", "call_1", "2026-03")
    assert (item.reason, item.detail) == ("naive_time", NAIVE.detail)
    assert item.seen_at == ACTOR.at


def test_the_same_record_is_set_aside_once(ledger: Ledger) -> None:
    set_aside(ledger, NAIVE, NAIVE)
    set_aside(ledger, NAIVE)
    assert open_calls(ledger) == ["call_1"]


@pytest.mark.parametrize(
    "other",
    [
        NAIVE._replace(account="other"),
        NAIVE._replace(call_id="call_2"),
        NAIVE._replace(reason="bad_time"),
        NAIVE._replace(source_sha256="b" * 64),
    ],
)
def test_another_fault_is_another_item(ledger: Ledger, other: SetAside) -> None:
    set_aside(ledger, NAIVE, other)
    assert len(open_calls(ledger)) == 2


def test_what_is_understood_is_released_and_kept(ledger: Ledger) -> None:
    set_aside(ledger, NAIVE, NAIVE._replace(call_id="call_2"))
    assert release(ledger, "call_1", "call_9") == 1
    assert release(ledger, "call_1") == 0
    assert open_calls(ledger) == ["call_2"]
    assert rows(ledger, "SELECT count(*) FROM quarantine") == [(2,)]


def test_another_accounts_records_are_not_released(ledger: Ledger) -> None:
    set_aside(ledger, NAIVE._replace(account="other"))
    assert release(ledger, "call_1") == 0


def test_what_is_broken_again_is_set_aside_again(ledger: Ledger) -> None:
    set_aside(ledger, NAIVE)
    release(ledger, "call_1")
    set_aside(ledger, NAIVE)
    assert open_calls(ledger) == ["call_1"]
    assert rows(ledger, "SELECT count(*) FROM quarantine") == [(2,)]
