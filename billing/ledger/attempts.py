"""Attempts: written down before a request leaves, and answered once it came back.

Those of many threads are written by one statement each, made once: a sync spends its
time on requests.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, update

from billing.domain.metering import Answer, FailReason, Verdict
from billing.errors import Overtaken
from billing.ledger.outbox import UNCHANGED, Outgoing, as_read, moved
from billing.ledger.tables import meter_attempt, meter_event

EVENT, CANCEL = "event", "cancel"

_ADD = insert(meter_attempt)
_TRY = (
    update(meter_event)
    .where(UNCHANGED)
    .values(
        tries=bindparam("now_tries"),
        first_unknown_at=bindparam("now_unknown_at"),
        last_sent_at=bindparam("now_sent_at"),
    )
)
_COUNT = (
    update(meter_event)
    .where(UNCHANGED)
    .values(state="synced", reason=None, evidence=bindparam("now_evidence"))
)
_NOTE = (
    update(meter_attempt)
    .where(
        meter_attempt.c.event_id == bindparam("of_event"),
        meter_attempt.c.number == bindparam("of_number"),
    )
    .values(
        answered_at=bindparam("now_answered_at"),
        verdict=bindparam("now_verdict"),
        http_status=bindparam("now_http_status"),
        request_id=bindparam("now_request_id"),
        detail=bindparam("now_detail"),
    )
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request that is about to leave for an event, which is as it was read."""

    event: Outgoing
    owner: str
    idempotency_key: str
    started_at: datetime
    kind: str = EVENT


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of an attempt, for an event as it was before that attempt."""

    event: Outgoing
    answer: Answer
    answered_at: datetime


def record_attempts(connection: Connection, attempts: Sequence[Attempt]) -> None:
    """Write attempts down before they leave; until answered, they are unknown.

    The tries count from here on, so that the count survives a kill. Raises Overtaken
    when another process has moved one of the events since it was read.
    """
    moves = [
        {
            **as_read(attempt.event, attempt.event.attempts),
            "now_tries": attempt.event.tries + 1,
            "now_unknown_at": attempt.event.first_unknown_at or attempt.started_at,
            "now_sent_at": attempt.started_at,
        }
        for attempt in attempts
    ]
    if connection.execute(_TRY, moves).rowcount != len(attempts):
        raise Overtaken(attempts[0].event.event.identifier)
    add_attempts(connection, attempts)


def add_attempts(connection: Connection, attempts: Sequence[Attempt]) -> None:
    """Add the attempts alone; their events are not moved."""
    rows = [
        {
            "event_id": attempt.event.id,
            "number": attempt.event.attempts + 1,
            "idempotency_key": attempt.idempotency_key,
            "owner": attempt.owner,
            "started_at": attempt.started_at,
            "kind": attempt.kind,
        }
        for attempt in attempts
    ]
    connection.execute(_ADD, rows)


def record_answers(connection: Connection, answers: Sequence[Answered]) -> None:
    """Write down what came of attempts, and move their events accordingly.

    The answers are kept in any case; an event that another process has moved on is
    left alone.
    """
    note_answers(connection, answers)
    counted = [
        {
            **as_read(answered.event, answered.event.attempts + 1),
            "now_evidence": _evidence(answered.answer),
        }
        for answered in answers
        if answered.answer.counted
    ]
    if counted:
        connection.execute(_COUNT, counted)
    for answered in answers:
        if changes := _changes(answered.event, answered.answer):
            moved(connection, answered.event, answered.event.attempts + 1, changes)


def note_answers(connection: Connection, answers: Sequence[Answered]) -> None:
    """Keep the answers alone; their events are not moved."""
    notes = [
        {
            "of_event": answered.event.id,
            "of_number": answered.event.attempts + 1,
            "now_answered_at": answered.answered_at,
            "now_verdict": answered.answer.verdict.value,
            "now_http_status": answered.answer.http_status,
            "now_request_id": answered.answer.request_id,
            "now_detail": answered.answer.detail[:500],
        }
        for answered in answers
    ]
    connection.execute(_NOTE, notes)


def _evidence(answer: Answer) -> str:
    return f"{answer.verdict.value}: {answer.request_id or answer.detail}"


def _changes(event: Outgoing, answer: Answer) -> dict[str, object]:
    """Return what an answer that is no proof of counting changes in its event."""
    if answer.counted or answer.verdict is Verdict.UNKNOWN:
        return {}
    # Certainly not counted: what was unknown before this attempt is all there is.
    before: dict[str, object] = {"first_unknown_at": event.first_unknown_at}
    if answer.verdict is Verdict.REFUSED:
        # A refusal proves nothing of an earlier request whose answer was lost.
        doubted = event.first_unknown_at is not None
        reason = FailReason.UNCERTAIN if doubted else FailReason.REJECTED
        return before | {"state": "failed", "reason": reason.value}
    if answer.verdict is Verdict.UNSENT:
        before["last_sent_at"] = event.last_sent_at
    return before | {"tries": event.tries + int(answer.verdict is Verdict.BUSY)}
