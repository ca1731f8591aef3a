"""Open events as they are read: by customer, name or number; and what failed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from billing.domain.meter_event import FailReason, SendAnswer, SendVerdict
from billing.ledger.database import Ledger
from billing.ledger.schema.tables import meter_event
from billing.ledger.sync import outbox
from billing.ledger.sync.attempts import CANCEL, EVENT, Answered, record_answers
from tests.ledger.bookkeeping import (
    ACTOR,
    HOUR,
    NOON,
    reading,
    record,
    rows,
    stage,
    staged_event,
    unsynced,
)
from tests.ledger.filling import attempt_of


def test_an_event_is_read_by_its_name_and_by_its_number(ledger: Ledger) -> None:
    event = staged_event(ledger)
    with ledger.reading() as connection:
        assert outbox.event_named(connection, event.event.identifier) == event
        assert outbox.event_numbered(connection, event.id) == event
        assert outbox.event_named(connection, "nobody") is None
        assert outbox.unsynced_events(connection, "globex") == []


@pytest.mark.parametrize("reason", FailReason)
def test_only_what_is_finished_for_good_is_no_open_event(
    sqlite_ledger: Ledger, reason: FailReason
) -> None:
    event = staged_event(sqlite_ledger)
    with sqlite_ledger.writing() as connection:
        outbox.move_to_failed(connection, event, reason)
    is_finished = reason in {FailReason.REPLACED, FailReason.VOIDED}
    assert (unsynced(sqlite_ledger) == []) is is_finished


@pytest.mark.parametrize(
    ("attempts", "rearmed", "again"),
    [(0, False, False), (1, False, False), (2, False, True), (1, True, True)],
)
def test_what_was_sent_more_than_once_may_count_more_than_once(
    sqlite_ledger: Ledger, attempts: int, rearmed: bool, again: bool
) -> None:
    event = staged_event(sqlite_ledger)
    at = ACTOR.at if rearmed else None
    sent = replace(event, attempts=attempts, rearmed_at=at)
    assert sent.was_sent_again is again


def test_an_attempt_is_a_send_or_a_cancellation_in_these_words() -> None:
    assert (EVENT, CANCEL) == ("event", "cancel")


def test_the_trail_tells_of_a_failure_and_why(ledger: Ledger) -> None:
    event = staged_event(ledger)
    with ledger.writing() as connection:
        outbox.move_to_failed(connection, event, FailReason.EXPIRED)
    told = "SELECT subject, detail FROM audit_event WHERE action = 'event.failed'"
    ((subject, detail),) = rows(ledger, told)
    assert subject == "acme"
    assert event.event.identifier in str(detail)
    assert '"expired"' in str(detail)


def test_the_last_answer_of_an_event_is_its_own(ledger: Ledger) -> None:
    staged_event(ledger)
    record(ledger, reading("later", started_at=NOON + HOUR))
    stage(ledger)
    unknown = SendAnswer(SendVerdict.UNKNOWN)
    moments = [ACTOR.at, ACTOR.at + timedelta(minutes=5)]
    for moment in moments:
        event, _ = unsynced(ledger)
        with ledger.writing() as connection:
            attempt_of(connection, event)
            record_answers(connection, [Answered(event, unknown, moment)])
    first, second = unsynced(ledger)
    assert (first.attempts, first.last_answered_at) == (2, moments[-1])
    assert (second.attempts, second.last_answered_at) == (0, None)


def test_events_are_read_by_any_condition_oldest_first(ledger: Ledger) -> None:
    staged_event(ledger)
    record(ledger, reading("earlier", started_at=NOON - HOUR))
    stage(ledger)
    earlier, staged = unsynced(ledger)
    assert earlier.event.hour < staged.event.hour
    is_staged = meter_event.c.id == staged.id
    with ledger.reading() as connection:
        assert outbox.events_that(connection) == [earlier, staged]
        assert outbox.events_that(connection, is_staged) == [staged]
        assert outbox.events_that(connection, is_staged, ~is_staged) == []
