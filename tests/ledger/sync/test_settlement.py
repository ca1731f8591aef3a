"""Settlement: who decides an event that was moved meanwhile decides nothing."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Connection, select

from billing.domain.error_report import RejectionReport
from billing.domain.meter_event import FailReason, SendAnswer, SendVerdict
from billing.domain.period import Window
from billing.errors import Overtaken
from billing.ledger.database import Ledger
from billing.ledger.schema.tables import error_report
from billing.ledger.sync import error_reports, event_rows, outbox, settlement
from billing.ledger.sync.attempts import (
    CANCEL,
    Answered,
    Attempt,
    record_answers,
    record_attempts,
)
from billing.ledger.sync.outbox import OpenEvent
from tests.ledger.bookkeeping import ACTOR, HOUR, rows, staged_event, unsynced

EVENTS = "SELECT state, reason, evidence FROM meter_event"
TRAIL = "SELECT action FROM audit_event ORDER BY id"
BOUND = "SELECT meter_event_id FROM b2b_usage"

Move = Callable[[Connection, OpenEvent], object]


def count(connection: Connection, event: OpenEvent) -> None:
    """Find an event in its own minute."""
    settlement.record_counted(connection, ACTOR, event, event.event.minutes)


def reject(connection: Connection, event: OpenEvent) -> None:
    """Find that an event does not count."""
    settlement.reject(connection, ACTOR, event, "its minute is empty")


def arm_again(connection: Connection, event: OpenEvent) -> None:
    """Let an event that was found absent be sent again."""
    settlement.requeue_absent(connection, ACTOR, event)


def expire(connection: Connection, event: OpenEvent) -> None:
    """Give up an event that is too old for the meter."""
    outbox.move_to_failed(connection, event, FailReason.EXPIRED)


def cancel(connection: Connection, event: OpenEvent) -> None:
    """Ask for an event to be taken back."""
    attempt = Attempt(
        event=event,
        owner="me",
        idempotency_key=f"key:{event.attempts}",
        started_at=ACTOR.at,
        kind=CANCEL,
    )
    settlement.record_cancel_attempt(connection, attempt)


def find_gone(connection: Connection, event: OpenEvent) -> None:
    """Find the minute of a cancelled event empty."""
    settlement.record_cancel_read(connection, ACTOR, event, gone=True)


def find_kept(connection: Connection, event: OpenEvent) -> None:
    """Find a cancelled event still in its minute."""
    settlement.record_cancel_read(connection, ACTOR, event, gone=False)


def release(connection: Connection, event: OpenEvent) -> None:
    """Let the rows of an event that does not count be staged anew."""
    event_rows.release(connection, event)


def uncertain(ledger: Ledger) -> OpenEvent:
    """Send an event whose answer nobody hears for a day."""
    event = staged_event(ledger)
    with ledger.writing() as connection:
        attempt = Attempt(
            event=event, owner="me", idempotency_key="key", started_at=ACTOR.at
        )
        record_attempts(connection, [attempt])
    (sent,) = unsynced(ledger)
    with ledger.writing() as connection:
        outbox.move_to_failed(connection, sent, FailReason.UNCERTAIN)
    return now_of(ledger, event)


def synced(ledger: Ledger) -> OpenEvent:
    """Send an event that counts at once."""
    event = staged_event(ledger)
    attempt = Attempt(
        event=event, owner="me", idempotency_key="key", started_at=ACTOR.at
    )
    counted = SendAnswer(SendVerdict.COUNTED, 200, "req_1")
    with ledger.writing() as connection:
        record_attempts(connection, [attempt])
        record_answers(connection, [Answered(event, counted, ACTOR.at)])
    return now_of(ledger, event)


def cancelling(ledger: Ledger) -> OpenEvent:
    """Ask for an event to be taken back, and hear nothing."""
    event = synced(ledger)
    with ledger.writing() as connection:
        cancel(connection, event)
    return now_of(ledger, event)


def now_of(ledger: Ledger, event: OpenEvent) -> OpenEvent:
    with ledger.reading() as connection:
        return outbox.event_numbered(connection, event.id)


@pytest.mark.parametrize(
    ("begun", "others", "late"),
    [
        # A closed month: what was found absent would be billed again in the next.
        (uncertain, [count], reject),
        (uncertain, [arm_again], reject),
        (uncertain, [reject, release], reject),
        (uncertain, [count], arm_again),
        (uncertain, [count], expire),
        (uncertain, [count], release),
        # A report of errors, of what was taken back or is being taken back since.
        (synced, [reject], reject),
        (synced, [cancel], reject),
        (synced, [cancel, find_kept], reject),
        (synced, [cancel, find_gone], reject),
        # A cancellation: what it leaves would be staged anew beside what counts.
        (cancelling, [find_kept], find_gone),
        (cancelling, [find_gone], find_gone),
        (cancelling, [find_gone], find_kept),
        (cancelling, [find_kept, cancel], find_gone),
    ],
)
def test_who_comes_late_writes_nothing_and_the_others_outcome_stands(
    ledger: Ledger,
    begun: Callable[[Ledger], OpenEvent],
    others: list[Move],
    late: Move,
) -> None:
    event = begun(ledger)
    for move in others:
        present = now_of(ledger, event)
        with ledger.writing() as connection:
            move(connection, present)
    before = [rows(ledger, query) for query in (EVENTS, BOUND, TRAIL)]
    with pytest.raises(Overtaken), ledger.writing() as connection:
        late(connection, event)
    assert [rows(ledger, query) for query in (EVENTS, BOUND, TRAIL)] == before


@pytest.mark.parametrize("begun", [uncertain, synced])
def test_what_is_as_it_was_read_is_rejected(
    ledger: Ledger, begun: Callable[[Ledger], OpenEvent]
) -> None:
    event = begun(ledger)
    with ledger.writing() as connection:
        reject(connection, event)
    evidence = "rejected: its minute is empty"
    assert rows(ledger, EVENTS) == [("failed", "rejected", evidence)]


def test_what_is_released_leaves_its_rows_to_be_staged_anew(ledger: Ledger) -> None:
    event = uncertain(ledger)
    with ledger.writing() as connection:
        release(connection, event)
    assert rows(ledger, EVENTS) == [("failed", "replaced", None)]
    assert rows(ledger, BOUND) == [(None,)]


def test_a_report_is_settled_once_and_by_whoever_is_first(ledger: Ledger) -> None:
    at = ACTOR.at
    report = RejectionReport(
        name="evt_1",
        created_at=at,
        window=Window(at - HOUR, at),
        error_count=1,
        codes=("meter_event_invalid_value",),
        identifiers=(),
    )
    with ledger.writing() as connection:
        error_reports.save_reports(connection, [report], at)
    for minutes in (0, 5):
        with ledger.writing() as connection:
            later = at + timedelta(minutes=minutes)
            error_reports.settle_report(connection, report.name, later)
    with ledger.reading() as connection:
        assert error_reports.open_reports(connection) == []
        settled_at = connection.execute(select(error_report.c.settled_at)).scalar_one()
    assert settled_at == at
    assert [a for (a,) in rows(ledger, TRAIL)].count("report.settled") == 1
