"""The outbox: each meter event's state, each attempt, and each answer."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    ScalarSelect,
    func,
    insert,
    select,
    update,
)

from billing.domain.metering import (
    Answer,
    EventState,
    FailReason,
    MeterEvent,
    Verdict,
)
from billing.errors import Overtaken
from billing.ledger import audit
from billing.ledger.audit import Actor
from billing.ledger.tables import meter_attempt, meter_event

# Of these nothing is left to do by anybody.
_FINISHED = (FailReason.REPLACED.value, FailReason.VOIDED.value)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A staged event, with what decides whether it may be sent."""

    id: int
    event: MeterEvent
    state: EventState
    reason: FailReason | None
    tries: int
    attempts: int
    first_unknown_at: datetime | None
    last_sent_at: datetime | None
    rearmed_at: datetime | None = None


def unsynced_events(connection: Connection, customer: str) -> list[Outgoing]:
    """Return a customer's events with something left to do, oldest timestamp first."""
    event = meter_event.c
    unfinished = event.reason.is_(None) | event.reason.not_in(_FINISHED)
    return _events(
        connection,
        (event.customer == customer) & (event.state != "synced") & unfinished,
    )


def event_named(connection: Connection, identifier: str) -> Outgoing | None:
    """Return an event by its identifier; None when there is none."""
    found = _events(connection, meter_event.c.identifier == identifier)
    return found[0] if found else None


def event_numbered(connection: Connection, number: int) -> Outgoing:
    """Return an event by its number."""
    return _events(connection, meter_event.c.id == number)[0]


def _events(connection: Connection, which: ColumnElement[bool]) -> list[Outgoing]:
    query = select(meter_event, _attempts_made().label("attempts")).where(which)
    in_order = query.order_by(meter_event.c.timestamp, meter_event.c.id)
    return [_outgoing(row) for row in connection.execute(in_order)]


def _attempts_made() -> ScalarSelect[int]:
    made = select(func.count()).where(meter_attempt.c.event_id == meter_event.c.id)
    return made.scalar_subquery()


def _outgoing(row: Row[tuple[object, ...]]) -> Outgoing:
    return Outgoing(
        row.id,
        MeterEvent(
            row.customer,
            row.stripe_customer,
            row.meter,
            bool(row.livemode),
            row.hour,
            row.sequence,
            row.minutes,
        ),
        EventState(row.state),
        FailReason(row.reason) if row.reason else None,
        row.tries,
        row.attempts,
        row.first_unknown_at,
        row.last_sent_at,
        row.rearmed_at,
    )


def record_attempt(
    connection: Connection,
    event: Outgoing,
    *,
    owner: str,
    idempotency_key: str,
    now: datetime,
) -> int:
    """Write an attempt down before it leaves; until answered, its outcome is unknown.

    The try counts from here on, so that the count survives a kill. Raises Overtaken
    when another process has moved the event since it was read.
    """
    move(
        connection,
        event,
        tries=event.tries + 1,
        first_unknown_at=event.first_unknown_at or now,
        last_sent_at=now,
    )
    who = {"owner": owner, "idempotency_key": idempotency_key}
    return insert_attempt(connection, event, kind="event", now=now, **who)


def insert_attempt(
    connection: Connection,
    event: Outgoing,
    *,
    kind: str,
    owner: str,
    idempotency_key: str,
    now: datetime,
) -> int:
    """Add an attempt of a kind, `event` or `cancel`; returns its number."""
    row = {
        "event_id": event.id,
        "number": event.attempts + 1,
        "idempotency_key": idempotency_key,
        "owner": owner,
        "started_at": now,
        "kind": kind,
    }
    made = insert(meter_attempt).values(row).returning(meter_attempt.c.id)
    return int(connection.execute(made).scalar_one())


def record_answer(
    connection: Connection,
    event: Outgoing,
    attempt: int,
    answer: Answer,
    now: datetime,
) -> bool:
    """Write down what came of an attempt, and move its event accordingly.

    `event` is as it was before the attempt. The answer is kept in any case; False says
    that another process had moved the event on, so it was left alone.
    """
    note_answer(connection, attempt, answer, now)
    moves: dict[str, object] = {}
    if answer.counted:
        evidence = f"{answer.verdict.value}: {answer.request_id or answer.detail}"
        moves = {"state": "synced", "reason": None, "evidence": evidence}
    elif answer.verdict is Verdict.REFUSED:
        # A refusal proves nothing of an earlier request whose answer was lost.
        doubted = event.first_unknown_at is not None
        reason = FailReason.UNCERTAIN if doubted else FailReason.REJECTED
        moves = {"state": "failed", "reason": reason.value}
        moves["first_unknown_at"] = event.first_unknown_at
    elif answer.verdict is not Verdict.UNKNOWN:
        # Certainly not counted: what was unknown before this attempt is all there is.
        tried = int(answer.verdict is Verdict.BUSY)
        moves = {
            "tries": event.tries + tried,
            "first_unknown_at": event.first_unknown_at,
        }
        if answer.verdict is Verdict.UNSENT:
            moves["last_sent_at"] = event.last_sent_at
    return not moves or _moved(connection, event, event.attempts + 1, moves)


def note_answer(
    connection: Connection, attempt: int, answer: Answer, now: datetime
) -> None:
    """Keep the answer of an attempt."""
    answered = {
        "answered_at": now,
        "verdict": answer.verdict.value,
        "http_status": answer.http_status,
        "request_id": answer.request_id,
        "detail": answer.detail[:500],
    }
    one = update(meter_attempt).where(meter_attempt.c.id == attempt)
    connection.execute(one.values(answered))


def move_to_failed(connection: Connection, event: Outgoing, reason: FailReason) -> None:
    """Mark an event failed, and why; raises Overtaken."""
    move(connection, event, state="failed", reason=reason.value)


def take_up(
    connection: Connection,
    actor: Actor,
    customer: str,
    *,
    again: Collection[Outgoing],
    too_old: Collection[Outgoing],
) -> None:
    """Give unanswered events a new round of tries; the too old become uncertain."""
    for event in again:
        move(connection, event, state="pending", reason=None, tries=0)
    for event in too_old:
        move_to_failed(connection, event, FailReason.UNCERTAIN)
    detail = {
        "again": [event.id for event in again],
        "uncertain": [event.id for event in too_old],
    }
    audit.record(connection, actor, "events.taken_up", customer, detail)


def move(connection: Connection, event: Outgoing, **values: object) -> None:
    """Change an event that is still as it was read; raises Overtaken otherwise."""
    if not _moved(connection, event, event.attempts, values):
        raise Overtaken(event.event.identifier)


def _moved(
    connection: Connection, event: Outgoing, attempts: int, values: dict[str, object]
) -> bool:
    """Compare and set: a stale owner writes nothing."""
    row = meter_event.c
    unchanged = (
        (row.id == event.id)
        & (row.state == event.state.value)
        & (row.reason.is_not_distinct_from(event.reason and event.reason.value))
        & (_attempts_made() == attempts)
    )
    done = connection.execute(update(meter_event).where(unchanged).values(values))
    return done.rowcount == 1
