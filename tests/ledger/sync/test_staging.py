"""Staging in the ledger: each row is bound once, and no minute is lost or doubled."""

from datetime import timedelta

import pytest

from billing.domain.posting import Charge
from billing.errors import LedgerFault
from billing.ledger.database import Ledger
from billing.ledger.reconcile import events_with_calls
from billing.ledger.sync import staging
from billing.ledger.sync.event_rows import NOTHING_TO_SEND
from billing.ledger.sync.outbox import unsynced_events
from billing.ledger.sync.staging import customers_with_work
from tests.ledger.bookkeeping import (
    ACME,
    ACTOR,
    HOUR,
    MARCH,
    NOON,
    reading,
    record,
    register,
    rows,
    stage,
    unsynced,
)

EVENTS = (
    "SELECT sequence, minutes, amount_micro, usage_rows FROM meter_event ORDER BY id"
)


@pytest.fixture(autouse=True)
def _registered(ledger: Ledger) -> None:
    register(ledger)


def work(ledger: Ledger) -> set[str]:
    with ledger.reading() as connection:
        return customers_with_work(connection, {"acme": "cus_acme"})


def test_an_hour_becomes_one_event(ledger: Ledger) -> None:
    assert work(ledger) == set()
    record(ledger, reading("call_1"), reading("call_2"), reading("call_3", seconds=0))
    assert work(ledger) == {"acme"}
    assert stage(ledger) == 1
    assert rows(ledger, EVENTS) == [(0, 5, 500_000, 3)]
    assert work(ledger) == {"acme"}


def test_a_second_staging_adds_nothing(ledger: Ledger) -> None:
    record(ledger, reading())
    assert (stage(ledger), stage(ledger)) == (1, 0)
    audited = "SELECT count(*) FROM audit_event WHERE action = 'events.staged'"
    assert rows(ledger, audited) == [(1,)]


def test_late_and_changed_calls_become_events_with_the_difference(
    ledger: Ledger,
) -> None:
    record(ledger, reading("call_1"), reading("call_2"))
    stage(ledger)
    record(ledger, reading("call_1", seconds=600), reading("call_3"))
    assert stage(ledger) == 1
    record(ledger, reading("call_2", started_at=None, seconds=None))
    assert stage(ledger) == 1
    assert rows(ledger, EVENTS) == [
        (0, 4, 400_000, 2),
        (1, 10, 1_000_000, 2),
        (2, -2, -200_000, 1),
    ]
    minutes = [event.event.timestamp.minute for event in unsynced(ledger)]
    assert minutes == [0, 1, 2]


def test_an_event_knows_what_it_is_for(ledger: Ledger) -> None:
    record(ledger, reading())
    stage(ledger)
    (outgoing,) = unsynced(ledger)
    assert outgoing.event == ACME.event(NOON, 0, 2)
    stored = "SELECT identifier, period, state, tries FROM meter_event"
    name = outgoing.event.identifier
    assert rows(ledger, stored) == [(name, "2026-03", "pending", 0)]


def test_an_hour_waits_until_it_is_over_or_until_asked(ledger: Ledger) -> None:
    record(ledger, reading())
    half_past = NOON + timedelta(minutes=30)
    assert stage(ledger, now=half_past) == 0
    assert stage(ledger, now=half_past, at_once=True) == 1


def test_rows_that_cancel_out_send_nothing_and_are_settled(ledger: Ledger) -> None:
    record(ledger, reading())
    record(ledger, reading(started_at=None, seconds=None))
    assert stage(ledger) == 1
    stored = "SELECT minutes, state, evidence FROM meter_event"
    assert rows(ledger, stored) == [(0, "synced", NOTHING_TO_SEND)]
    assert work(ledger) == set()


def test_customers_are_staged_apart(ledger: Ledger) -> None:
    record(ledger, reading("call_1"), reading("call_2", customer="globex"))
    assert work(ledger) == {"acme", "globex"}
    assert stage(ledger) == 1
    bound = "SELECT customer FROM b2b_usage WHERE meter_event_id IS NOT NULL"
    assert rows(ledger, bound) == [("acme",)]


def test_every_row_is_carried_by_exactly_one_event(ledger: Ledger) -> None:
    calls = [
        reading(f"call_{n}", started_at=NOON + (n % 5) * HOUR, seconds=n * 7)
        for n in range(60)
    ]
    for first in range(0, 60, 20):
        record(ledger, *calls[first : first + 20])
        stage(ledger)
    wrong = (
        "SELECT e.id FROM meter_event e JOIN b2b_usage u ON u.meter_event_id = e.id "
        "GROUP BY e.id, e.minutes, e.amount_micro, e.usage_rows, e.hour "
        "HAVING e.minutes <> sum(u.billed_minutes) OR e.usage_rows <> count(*) "
        "OR e.amount_micro <> sum(u.amount_micro) OR min(u.hour) <> e.hour "
        "OR max(u.hour) <> e.hour"
    )
    assert rows(ledger, wrong) == []
    assert rows(ledger, "SELECT sum(usage_rows) FROM meter_event") == [(60,)]
    assert len(rows(ledger, EVENTS)) == 15


def test_an_hour_with_sixty_events_is_full(ledger: Ledger) -> None:
    for n in range(60):
        record(ledger, reading(f"call_{n}"))
        assert stage(ledger) == 1
    record(ledger, reading("one_too_many"))
    with ledger.writing() as connection:
        plan = staging.stage(connection, ACME, ACTOR)
    assert (plan.events, plan.full_hours) == ((), (NOON,))
    with ledger.reading() as connection:
        (waiting,) = [
            event
            for _, event in events_with_calls.unsynced(connection, MARCH)
            if event.state is None
        ]
    assert (waiting.calls, waiting.charge) == (("one_too_many",), Charge(2, 200_000))


def test_what_is_staged_and_what_fails_with_it_is_undone_together(
    ledger: Ledger,
) -> None:
    record(ledger, reading())

    def stage_and_fail() -> None:
        with ledger.writing() as connection:
            assert staging.stage(connection, ACME, ACTOR).events
            connection.exec_driver_sql("DELETE FROM b2b_usage")

    with pytest.raises(LedgerFault, match="append-only"):
        stage_and_fail()
    with ledger.reading() as connection:
        assert unsynced_events(connection, "acme") == []
    assert stage(ledger) == 1
