"""The outbox: each meter event's state, each attempt, and each answer."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from billing.domain.metering import (
    Answer,
    EventState,
    FailReason,
    MeterEvent,
    Verdict,
)
from billing.ledger import audit
from billing.ledger.audit import Actor
from billing.ledger.tables import meter_attempt, meter_event


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


def unsynced_events(connection: Connection, customer: str) -> list[Outgoing]:
    """Return a customer's events that are not synced, oldest timestamp first."""
    attempts = (
        select(func.count())
        .where(meter_attempt.c.event_id == meter_event.c.id)
        .scalar_subquery()
    )
    query = (
        select(meter_event, attempts.label("attempts"))
        .where(meter_event.c.customer == customer, meter_event.c.state != "synced")
        .order_by(meter_event.c.timestamp, meter_event.c.id)
    )
    return [
        Outgoing(
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
        )
        for row in connection.execute(query)
    ]


def record_attempt(
    connection: Connection,
    event: Outgoing,
    *,
    owner: str,
    idempotency_key: str,
    now: datetime,
) -> int:
    """Write an attempt down before it leaves; until answered, its outcome is unknown.

    The try counts from here on, so that the count survives a kill.
    """
    row = {
        "event_id": event.id,
        "number": event.attempts + 1,
        "idempotency_key": idempotency_key,
        "owner": owner,
        "started_at": now,
    }
    made = insert(meter_attempt).values(row).returning(meter_attempt.c.id)
    attempt = connection.execute(made).scalar_one()
    _move(
        connection,
        event.id,
        tries=event.tries + 1,
        first_unknown_at=event.first_unknown_at or now,
        last_sent_at=now,
    )
    return int(attempt)


def record_answer(
    connection: Connection,
    event: Outgoing,
    attempt: int,
    answer: Answer,
    now: datetime,
) -> None:
    """Write down what came of an attempt, and move its event accordingly.

    `event` is as it was before the attempt.
    """
    answered = {
        "answered_at": now,
        "verdict": answer.verdict.value,
        "http_status": answer.http_status,
        "request_id": answer.request_id,
        "detail": answer.detail[:500],
    }
    one = update(meter_attempt).where(meter_attempt.c.id == attempt)
    connection.execute(one.values(answered))
    if answer.counted:
        evidence = f"{answer.verdict.value}: {answer.request_id or answer.detail}"
        _move(connection, event.id, state="synced", reason=None, evidence=evidence)
    elif answer.verdict is Verdict.REFUSED:
        _move(
            connection,
            event.id,
            state="failed",
            reason=FailReason.REJECTED.value,
            first_unknown_at=event.first_unknown_at,
        )
    elif answer.verdict is not Verdict.UNKNOWN:
        # Certainly not counted: what was unknown before this attempt is all there is.
        tried = int(answer.verdict is Verdict.BUSY)
        _move(
            connection,
            event.id,
            tries=event.tries + tried,
            first_unknown_at=event.first_unknown_at,
        )


def move_to_failed(connection: Connection, event: int, reason: FailReason) -> None:
    """Mark an event failed, and why."""
    _move(connection, event, state="failed", reason=reason.value)


def take_up(
    connection: Connection,
    actor: Actor,
    customer: str,
    *,
    again: Collection[int],
    too_old: Collection[int],
) -> None:
    """Give unanswered events a new round of tries; the too old become uncertain."""
    for event in again:
        _move(connection, event, state="pending", reason=None, tries=0)
    for event in too_old:
        move_to_failed(connection, event, FailReason.UNCERTAIN)
    detail = {"again": list(again), "uncertain": list(too_old)}
    audit.record(connection, actor, "events.taken_up", customer, detail)


def _move(connection: Connection, event: int, **values: object) -> None:
    # A stale owner changes nothing: synced is only left on evidence.
    unsynced = (meter_event.c.id == event) & (meter_event.c.state != "synced")
    connection.execute(update(meter_event).where(unsynced).values(values))
