"""The outbox: attempts before they leave, answers as they come, states that follow."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection

from billing.domain.meter_event import (
    EventState,
    FailReason,
    SendAnswer,
    SendVerdict,
    may_resend,
)
from billing.errors import LedgerFault, Overtaken
from billing.ledger.database import Ledger
from billing.ledger.sync import outbox
from billing.ledger.sync.attempts import (
    Answered,
    Attempt,
    record_answers,
    record_attempts,
)
from billing.ledger.sync.outbox import OpenEvent
from tests.ledger.bookkeeping import ACTOR, rows, staged_event, unsynced

NOW = ACTOR.at
ATTEMPTS = (
    "SELECT number, idempotency_key, owner, verdict, http_status, request_id "
    "FROM meter_attempt ORDER BY id"
)
STATE = "SELECT state, reason, evidence FROM meter_event"


@pytest.fixture
def event(ledger: Ledger) -> OpenEvent:
    return staged_event(ledger)


def attempt(ledger: Ledger, event: OpenEvent, at: datetime = NOW) -> None:
    with ledger.writing() as connection:
        record_attempts(
            connection,
            [Attempt(event=event, owner="me", idempotency_key="key", started_at=at)],
        )


def answer(
    ledger: Ledger, event: OpenEvent, answer: SendAnswer, at: datetime = NOW
) -> None:
    """Attempt and answer once."""
    attempt(ledger, event, at)
    with ledger.writing() as connection:
        record_answers(connection, [Answered(event, answer, at)])


def now_of(ledger: Ledger) -> OpenEvent:
    (open_event,) = unsynced(ledger)
    return open_event


def test_a_staged_event_was_never_tried(event: OpenEvent) -> None:
    assert (event.state, event.reason) == (EventState.PENDING, None)
    assert (event.tries, event.attempts) == (0, 0)
    assert (event.first_unknown_at, event.last_sent_at) == (None, None)


def test_an_attempt_is_written_down_before_its_answer(
    ledger: Ledger, event: OpenEvent
) -> None:
    attempt(ledger, event)
    assert rows(ledger, ATTEMPTS) == [(1, "key", "me", None, None, None)]
    after = now_of(ledger)
    assert (after.tries, after.attempts) == (1, 1)
    assert (after.first_unknown_at, after.last_sent_at) == (NOW, NOW)
    assert after.state is EventState.PENDING


@pytest.mark.parametrize(
    ("answered", "evidence"),
    [
        (SendAnswer(SendVerdict.COUNTED, 200, "req_1"), "counted: req_1"),
        (SendAnswer(SendVerdict.DUPLICATE, 400, "req_2"), "duplicate: req_2"),
        (SendAnswer(SendVerdict.DUPLICATE, 400, detail="exists"), "duplicate: exists"),
    ],
)
def test_what_counted_is_synced_with_its_evidence(
    ledger: Ledger, event: OpenEvent, answered: SendAnswer, evidence: str
) -> None:
    answer(ledger, event, answered)
    assert rows(ledger, STATE) == [("synced", None, evidence)]
    assert unsynced(ledger) == []
    ((*_, verdict, status, _),) = rows(ledger, ATTEMPTS)
    assert (verdict, status) == (answered.verdict.value, answered.http_status)


def test_what_is_refused_has_failed_for_good(ledger: Ledger, event: OpenEvent) -> None:
    answer(
        ledger, event, SendAnswer(SendVerdict.REFUSED, 400, "req_1", "no such customer")
    )
    assert rows(ledger, STATE) == [("failed", "rejected", None)]
    detail = rows(ledger, "SELECT detail FROM meter_attempt")
    assert detail == [("no such customer",)]


@pytest.mark.parametrize(
    ("verdict", "tries"),
    [(SendVerdict.REFUSED, 1), (SendVerdict.BUSY, 1), (SendVerdict.LOCKED_OUT, 0)],
)
def test_a_definite_answer_leaves_nothing_unknown(
    ledger: Ledger, event: OpenEvent, verdict: SendVerdict, tries: int
) -> None:
    answer(ledger, event, SendAnswer(verdict, 400))
    after = now_of(ledger)
    assert after.tries == tries
    assert after.first_unknown_at is None
    assert after.last_sent_at == NOW
    assert may_resend(after.first_unknown_at, NOW + timedelta(days=2))


@pytest.mark.parametrize(
    "verdict", [SendVerdict.REFUSED, SendVerdict.BUSY, SendVerdict.LOCKED_OUT]
)
def test_a_definite_answer_does_not_undo_an_earlier_unknown(
    ledger: Ledger, event: OpenEvent, verdict: SendVerdict
) -> None:
    answer(ledger, event, SendAnswer(SendVerdict.UNKNOWN))
    later = NOW + timedelta(hours=1)
    answer(ledger, now_of(ledger), SendAnswer(verdict, 400), later)
    after = now_of(ledger)
    assert (after.first_unknown_at, after.last_sent_at) == (NOW, later)
    assert after.attempts == 2


def test_uncertainty_counts_from_the_first_unknown_attempt(
    ledger: Ledger, event: OpenEvent
) -> None:
    for hours in range(3):
        at = NOW + timedelta(hours=hours)
        answer(ledger, unsynced(ledger)[0], SendAnswer(SendVerdict.UNKNOWN, 500), at)
    after = now_of(ledger)
    assert (after.tries, after.attempts, after.first_unknown_at) == (3, 3, NOW)
    assert after.state is EventState.PENDING


def test_a_kill_after_the_attempt_leaves_an_unknown_and_a_try(
    ledger: Ledger, event: OpenEvent
) -> None:
    attempt(ledger, event)
    revived = now_of(ledger)
    answer(ledger, revived, SendAnswer(SendVerdict.BUSY, 429), NOW + timedelta(hours=1))
    after = now_of(ledger)
    assert (after.tries, after.first_unknown_at) == (2, NOW)
    assert not may_resend(after.first_unknown_at, NOW + timedelta(hours=23))


def test_two_owners_cannot_write_the_same_attempt(
    ledger: Ledger, event: OpenEvent
) -> None:
    attempt(ledger, event)
    with pytest.raises(LedgerFault):
        attempt(ledger, event)
    assert now_of(ledger).attempts == 1


def test_what_was_refused_after_an_unknown_outcome_is_uncertain_not_rejected(
    ledger: Ledger, event: OpenEvent
) -> None:
    answer(ledger, event, SendAnswer(SendVerdict.UNKNOWN))
    answer(ledger, now_of(ledger), SendAnswer(SendVerdict.REFUSED, 400))
    assert rows(ledger, STATE) == [("failed", "uncertain", None)]


def test_what_never_left_is_no_send_at_all(ledger: Ledger, event: OpenEvent) -> None:
    answer(ledger, event, SendAnswer(SendVerdict.UNKNOWN))
    later = NOW + timedelta(hours=1)
    answer(ledger, now_of(ledger), SendAnswer(SendVerdict.UNSENT), later)
    after = now_of(ledger)
    assert (after.last_sent_at, after.first_unknown_at) == (NOW, NOW)
    assert (after.tries, after.attempts) == (1, 2)


OTHERS_MOVES: dict[str, Callable[[Connection, OpenEvent], None]] = {
    "failed": lambda connection, event: outbox.move_to_failed(
        connection, event, FailReason.VOIDED
    ),
    "attempted": lambda connection, event: record_attempts(
        connection,
        [Attempt(event=event, owner="other", idempotency_key="key", started_at=NOW)],
    ),
    "synced": lambda connection, event: outbox.move(
        connection, event, state="synced", evidence="req_9"
    ),
}


@pytest.mark.parametrize("others_move", OTHERS_MOVES.values(), ids=OTHERS_MOVES)
def test_who_read_an_event_before_another_moved_it_writes_nothing(
    ledger: Ledger,
    event: OpenEvent,
    others_move: Callable[[Connection, OpenEvent], None],
) -> None:
    with ledger.writing() as connection:
        others_move(connection, event)
    kept = rows(ledger, STATE), rows(ledger, ATTEMPTS)
    for my_move in OTHERS_MOVES.values():
        with pytest.raises(Overtaken), ledger.writing() as connection:
            my_move(connection, event)
        assert (rows(ledger, STATE), rows(ledger, ATTEMPTS)) == kept


def test_the_trail_tells_of_attempts_and_answers(
    ledger: Ledger, event: OpenEvent
) -> None:
    told = "SELECT count(*) FROM audit_event WHERE action = '{}'"
    attempt(ledger, event)
    assert rows(ledger, told.format("event.attempted")) == [(1,)]
    assert rows(ledger, told.format("attempt.answered")) == [(0,)]
    with ledger.writing() as connection:
        record_answers(
            connection, [Answered(event, SendAnswer(SendVerdict.UNKNOWN), NOW)]
        )
    assert rows(ledger, told.format("attempt.answered")) == [(1,)]


def test_a_stale_answer_changes_nothing_that_is_synced(
    ledger: Ledger, event: OpenEvent
) -> None:
    attempt(ledger, event)
    seen = replace(event, attempts=1, tries=1, first_unknown_at=NOW)
    answer(ledger, seen, SendAnswer(SendVerdict.COUNTED, 200, "req_1"))
    with ledger.writing() as connection:
        refused = SendAnswer(SendVerdict.REFUSED, 400)
        record_answers(connection, [Answered(event, refused, NOW)])
    with pytest.raises(Overtaken), ledger.writing() as connection:
        outbox.move_to_failed(connection, event, FailReason.UNANSWERED)
    assert rows(ledger, STATE) == [("synced", None, "counted: req_1")]


@pytest.mark.parametrize("reason", FailReason)
def test_a_failure_has_its_reason(
    ledger: Ledger, event: OpenEvent, reason: FailReason
) -> None:
    with ledger.writing() as connection:
        outbox.move_to_failed(connection, event, reason)
        after = outbox.event_numbered(connection, event.id)
    assert (after.state, after.reason) == (EventState.FAILED, reason)


def test_requeueing_gives_new_tries_and_keeps_the_uncertainty(
    ledger: Ledger, event: OpenEvent
) -> None:
    answer(ledger, event, SendAnswer(SendVerdict.UNKNOWN))
    with ledger.writing() as connection:
        asked = outbox.event_numbered(connection, event.id)
        outbox.move_to_failed(connection, asked, FailReason.UNANSWERED)
        asked = outbox.event_numbered(connection, event.id)
        outbox.requeue(connection, ACTOR, "acme", again=[asked], too_old=[])
    after = now_of(ledger)
    assert (after.state, after.tries, after.attempts) == (EventState.PENDING, 0, 1)
    assert after.first_unknown_at == NOW
    audited = "SELECT subject FROM audit_event WHERE action = 'events.taken_up'"
    assert rows(ledger, audited) == [("acme",)]


def test_what_is_too_old_to_resend_becomes_uncertain(
    ledger: Ledger, event: OpenEvent
) -> None:
    with ledger.writing() as connection:
        outbox.requeue(connection, ACTOR, "acme", again=[], too_old=[event])
    assert rows(ledger, STATE) == [("failed", "uncertain", None)]


def test_a_very_long_answer_is_cut(ledger: Ledger, event: OpenEvent) -> None:
    answer(ledger, event, SendAnswer(SendVerdict.REFUSED, 400, detail="x" * 10_000))
    assert rows(ledger, "SELECT length(detail) FROM meter_attempt") == [(500,)]


def test_an_answer_with_what_no_database_stores_is_kept_in_other_letters(
    ledger: Ledger, event: OpenEvent
) -> None:
    answer(
        ledger,
        event,
        SendAnswer(SendVerdict.UNKNOWN, 500, "r\0", detail="a\0b\ud800c'\"é"),
    )
    kept = rows(ledger, "SELECT request_id, detail FROM meter_attempt")
    assert kept == [("r\\0", "a\\0b\\ud800c'\"é")]
