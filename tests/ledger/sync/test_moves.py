"""What may move in a kept row, and what may not: states, answers, bindings, months."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text

from billing.errors import LedgerFault
from billing.ledger.audit import audit_log
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Ledger
from billing.ledger.pull import pulls, quarantine
from billing.ledger.pull.pulls import Certificate
from billing.ledger.schema.tables import b2b_usage, meter_attempt, meter_event
from billing.ledger.schema.tables import quarantine as quarantine_table
from billing.ledger.sync import staging
from tests.ledger.bookkeeping import (
    ACME,
    ACTOR,
    APRIL,
    HOUR,
    MARCH,
    NOON,
    close_period,
    reading,
    record,
    register,
    rows,
    stage,
    staged_event,
)
from tests.ledger.filling import set_aside_and_reconcile

STATE = "SELECT state, reason, evidence FROM meter_event"
SYNC = "UPDATE meter_event SET state = 'synced', reason = NULL, evidence = 'req_1'"
FAIL = "UPDATE meter_event SET state = 'failed', reason = 'rejected'"
WAIT = "UPDATE meter_event SET state = 'pending', reason = NULL"


def execute(ledger: Ledger, statement: str) -> None:
    with ledger.writing() as connection:
        for table in (meter_event, meter_attempt, quarantine_table):
            audit_log.touch(connection, table, [1, 2])
        connection.execute(text(statement))


@pytest.mark.parametrize(
    "moves",
    [[SYNC], [FAIL], [FAIL, WAIT], [FAIL, SYNC], [FAIL, WAIT, SYNC], [SYNC, FAIL]],
)
def test_an_event_moves_between_its_states(ledger: Ledger, moves: list[str]) -> None:
    staged_event(ledger)
    for move in moves:
        execute(ledger, move)
    ((state, reason, _),) = rows(ledger, STATE)
    assert f"state = '{state}'" in moves[-1]
    assert (state == "failed") == (reason is not None)


def test_what_is_synced_never_waits_again(ledger: Ledger) -> None:
    staged_event(ledger)
    execute(ledger, SYNC)
    with pytest.raises(LedgerFault, match="append-only"):
        execute(ledger, WAIT)
    assert rows(ledger, STATE) == [("synced", None, "req_1")]


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("UPDATE meter_event SET state = 'synced'", "ck_meter_event_evidence"),
        ("UPDATE meter_event SET state = 'failed'", "ck_meter_event_reason"),
        ("UPDATE meter_event SET reason = 'rejected'", "ck_meter_event_reason"),
        ("UPDATE meter_event SET state = 'sent'", "ck_meter_event_state"),
    ],
)
def test_a_state_has_its_reason_and_its_evidence(
    ledger: Ledger, statement: str, rule: str
) -> None:
    staged_event(ledger)
    with pytest.raises(LedgerFault, match=rule):
        execute(ledger, statement)


@pytest.mark.parametrize("value", ["NULL", "meter_event_id", "meter_event_id + 1"])
def test_a_usage_row_is_bound_once_and_for_ever(ledger: Ledger, value: str) -> None:
    staged_event(ledger)
    with pytest.raises(LedgerFault, match="append-only"):
        execute(ledger, f"UPDATE b2b_usage SET meter_event_id = {value}")


def test_a_usage_row_is_bound_to_an_event_that_exists(ledger: Ledger) -> None:
    register(ledger)
    record(ledger, reading())
    with pytest.raises(LedgerFault, match=r"(?i)foreign key"):
        execute(ledger, "UPDATE b2b_usage SET meter_event_id = 99")


def test_an_attempt_is_answered_once(ledger: Ledger) -> None:
    event = staged_event(ledger)
    at = ACTOR.at.isoformat()
    execute(
        ledger,
        "INSERT INTO meter_attempt (event_id, number, idempotency_key, owner, "
        f"started_at) VALUES ({event.id}, 1, 'key', 'me', '{at}')",
    )
    execute(ledger, "UPDATE meter_attempt SET verdict = 'unknown'")
    with pytest.raises(LedgerFault, match="append-only"):
        execute(ledger, "UPDATE meter_attempt SET verdict = 'counted'")


def test_a_pull_ends_once(ledger: Ledger) -> None:
    register(ledger)
    record(ledger)
    with ledger.writing() as connection:
        pulls.complete_pull(connection, 1, Certificate(), ACTOR.at)
    with pytest.raises(LedgerFault, match="append-only"), ledger.writing() as again:
        pulls.fail_pull(again, 1, "too late", ACTOR.at)


def test_a_record_is_released_once(ledger: Ledger) -> None:
    register(ledger)
    set_aside_and_reconcile(ledger)
    with ledger.writing() as connection:
        assert quarantine.release(connection, "main", ["bad_1"], ACTOR.at) == 1
    with pytest.raises(LedgerFault, match="append-only"):
        execute(ledger, "UPDATE quarantine SET released_at = NULL")


APRIL_FIRST = APRIL.start


def posted(ledger: Ledger) -> list[tuple[object, ...]]:
    with ledger.reading() as connection:
        usage = b2b_usage.c
        columns = usage.type, usage.hour, usage.call_hour
        query = select(*columns, usage.billed_minutes, usage.corrects)
        return [tuple(row) for row in connection.execute(query.order_by(usage.id))]


def test_a_late_call_of_a_closed_month_is_an_adjustment_in_the_next(
    ledger: Ledger,
) -> None:
    register(ledger)
    close_period(ledger, MARCH)
    record(ledger, reading())
    assert posted(ledger) == [("adjustment", APRIL_FIRST, NOON, 2, None)]


def test_a_changed_call_of_a_closed_month_is_corrected_in_the_next(
    ledger: Ledger,
) -> None:
    register(ledger)
    record(ledger, reading())
    close_period(ledger, MARCH)
    for seconds in (200, 200, 30):
        record(ledger, reading(seconds=seconds))
    assert posted(ledger) == [
        ("api_usage", NOON, NOON, 2, None),
        ("adjustment", APRIL_FIRST, NOON, 2, 1),
        ("adjustment", APRIL_FIRST, NOON, -3, 1),
    ]


def test_a_call_that_moves_out_of_a_closed_month_is_taken_back_in_the_next(
    ledger: Ledger,
) -> None:
    register(ledger)
    record(ledger, reading())
    close_period(ledger, MARCH)
    later = NOON + timedelta(days=31)
    record(ledger, reading(started_at=later))
    assert posted(ledger) == [
        ("api_usage", NOON, NOON, 2, None),
        ("adjustment", APRIL_FIRST, NOON, -2, 1),
        ("adjustment", later, later, 2, 1),
    ]


def test_rows_of_a_closed_month_are_carried_by_an_event_of_the_next(
    ledger: Ledger,
) -> None:
    register(ledger)
    record(ledger, reading())
    close_period(ledger, MARCH)
    with ledger.writing() as connection:
        later = Actor("tests", APRIL_FIRST + timedelta(hours=5))
        (planned,) = staging.stage(connection, ACME, later, at_once=True).events
    assert (planned.event.hour, planned.carries) == (later.at - HOUR, MARCH)
    assert planned.event.minutes == 2


def test_other_months_stay_open(ledger: Ledger) -> None:
    register(ledger)
    close_period(ledger, APRIL)
    record(ledger, reading(), reading("call_2", started_at=NOON + HOUR))
    assert stage(ledger) == 2


def test_answers_for_a_closed_month_are_still_written_down(ledger: Ledger) -> None:
    staged_event(ledger)
    close_period(ledger, MARCH)
    execute(ledger, SYNC)
    assert rows(ledger, STATE) == [("synced", None, "req_1")]


def test_a_month_is_closed_once(ledger: Ledger) -> None:
    close_period(ledger, MARCH)
    with pytest.raises(LedgerFault):
        close_period(ledger, MARCH)
