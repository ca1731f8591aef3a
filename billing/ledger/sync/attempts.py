"""Attempts: written down before a request leaves, and answered once it came back.

Those of many threads are written by one statement each: a sync spends its time on
requests.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Update, update

from billing.domain.meter_event import FailReason, SendAnswer, SendVerdict
from billing.errors import Overtaken
from billing.ledger.audit import audit_log
from billing.ledger.schema.bulk_execute import BoundRow, execute_for_all, insert_for_all
from billing.ledger.schema.tables import meter_attempt, meter_event
from billing.ledger.sync.outbox import OpenEvent, as_read, moved, unchanged

EVENT, CANCEL = "event", "cancel"

_NOTED = ("answered_at", "verdict", "http_status", "request_id", "detail")
_TRIED = ("tries", "first_unknown_at", "last_sent_at")


def _note(row: BoundRow) -> Update:
    key = row.fields(meter_attempt, ("event_id", "number"))
    return (
        update(meter_attempt)
        .where(*(meter_attempt.c[name] == field for name, field in key.items()))
        .values(row.fields(meter_attempt, _NOTED))
    )


def _try(row: BoundRow) -> Update:
    changes = row.fields(meter_event, _TRIED)
    return update(meter_event).where(unchanged(row.field)).values(changes)


def _count(row: BoundRow) -> Update:
    changes = {"state": "synced", "reason": None}
    return (
        update(meter_event)
        .where(unchanged(row.field))
        .values(changes | row.fields(meter_event, ["evidence"]))
    )


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request that is about to leave for an event, which is as it was read."""

    event: OpenEvent
    owner: str
    idempotency_key: str
    started_at: datetime
    kind: str = EVENT


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of an attempt, for an event as it was before that attempt."""

    event: OpenEvent
    answer: SendAnswer
    answered_at: datetime


def record_attempts(connection: Connection, attempts: Sequence[Attempt]) -> None:
    """Write attempts down before they leave; until answered, they are unknown.

    The tries count from here on, so that the count survives a kill. Raises Overtaken
    when another process has moved one of the events since it was read.
    """
    moves = [
        {
            **as_read(attempt.event, attempt.event.attempts),
            "tries": attempt.event.tries + 1,
            "first_unknown_at": attempt.event.first_unknown_at or attempt.started_at,
            "last_sent_at": attempt.started_at,
        }
        for attempt in attempts
    ]
    audit_log.touch(connection, meter_event, [attempt.event.id for attempt in attempts])
    if execute_for_all(connection, _try, moves) != len(attempts):
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
    insert_for_all(connection, meter_attempt, rows)
    for attempt in attempts:
        audit_log.note(
            connection, f"{attempt.kind}.attempted", attempt.event.event.customer
        )


def record_answers(connection: Connection, answers: Sequence[Answered]) -> None:
    """Write down what came of attempts, and move their events accordingly.

    The answers are kept in any case; an event that another process has moved on is
    left alone.
    """
    note_answers(connection, answers)
    counted = [
        {
            **as_read(answered.event, answered.event.attempts + 1),
            "evidence": _evidence(answered.answer),
        }
        for answered in answers
        if answered.answer.counted
    ]
    if counted:
        counted_events = [
            answered.event.id for answered in answers if answered.answer.counted
        ]
        audit_log.touch(connection, meter_event, counted_events)
        execute_for_all(connection, _count, counted)
    for answered in answers:
        if changes := _changes(answered.event, answered.answer):
            moved(connection, answered.event, answered.event.attempts + 1, changes)


def note_answers(connection: Connection, answers: Sequence[Answered]) -> None:
    """Keep the answers alone; their events are not moved."""
    notes = [
        {
            "event_id": answered.event.id,
            "number": answered.event.attempts + 1,
            "answered_at": answered.answered_at,
            "verdict": answered.answer.verdict.value,
            "http_status": answered.answer.http_status,
            "request_id": _storable(answered.answer.request_id),
            "detail": _storable(answered.answer.detail[:500]),
        }
        for answered in answers
    ]
    audit_log.touch(
        connection, meter_attempt, [answered.event.id for answered in answers]
    )
    execute_for_all(connection, _note, notes)
    for answered in answers:
        audit_log.note(connection, "attempt.answered", answered.event.event.customer)


def _evidence(answer: SendAnswer) -> str:
    words = f"{answer.verdict.value}: {answer.request_id or answer.detail}"
    return str(_storable(words))


def _storable(words: str | None) -> str | None:
    """Spell out what no database stores: a NUL, and half a character."""
    if words is None:
        return None
    return words.encode("utf-8", "backslashreplace").decode().replace("\0", r"\0")


def _changes(event: OpenEvent, answer: SendAnswer) -> dict[str, object]:
    """Return what an answer that is no proof of counting changes in its event."""
    if answer.counted or answer.verdict is SendVerdict.UNKNOWN:
        return {}
    # Certainly not counted: what was unknown before this attempt is all there is.
    before: dict[str, object] = {"first_unknown_at": event.first_unknown_at}
    if answer.verdict is SendVerdict.REFUSED:
        # A refusal proves nothing of an earlier request whose answer was lost.
        was_unknown = event.first_unknown_at is not None
        reason = FailReason.UNCERTAIN if was_unknown else FailReason.REJECTED
        return before | {"state": "failed", "reason": reason.value}
    if answer.verdict is SendVerdict.UNSENT:
        before["last_sent_at"] = event.last_sent_at
    return before | {"tries": event.tries + int(answer.verdict is SendVerdict.BUSY)}
