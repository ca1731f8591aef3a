"""The outbox: each meter event's state, moved by compare and set."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    ScalarSelect,
    and_,
    bindparam,
    func,
    select,
    update,
)
from sqlalchemy.types import TypeEngine

from billing.domain.meter_event import EventState, FailReason, MeterEvent
from billing.errors import Overtaken
from billing.ledger.audit import audit_log
from billing.ledger.audit.audit_log import Actor
from billing.ledger.schema.tables import meter_attempt, meter_event

# Of these nothing is left to do by anybody.
_FINISHED = (FailReason.REPLACED.value, FailReason.VOIDED.value)


@dataclass(frozen=True, slots=True)
class OpenEvent:
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
    last_answered_at: datetime | None = None

    @property
    def was_sent_again(self) -> bool:
        """Whether it was sent more than once, so that it may count more than once."""
        return self.attempts > 1 or self.rearmed_at is not None


def _attempts_made() -> ScalarSelect[int]:
    query = select(func.count()).where(meter_attempt.c.event_id == meter_event.c.id)
    return query.scalar_subquery()


def unchanged(
    read: Callable[[str, TypeEngine[Any]], ColumnElement[Any]],
) -> ColumnElement[bool]:
    """Say in SQL whether an event is still as it was read; `as_read` has the values."""
    event = meter_event.c
    return and_(
        event.id == read("read_id", event.id.type),
        event.state == read("read_state", event.state.type),
        event.reason.is_not_distinct_from(read("read_reason", event.reason.type)),
        _attempts_made() == read("read_attempts", event.tries.type),
    )


_UNCHANGED = unchanged(lambda name, kind: bindparam(name, type_=kind))


_UNFINISHED = meter_event.c.reason.is_(None) | meter_event.c.reason.not_in(_FINISHED)
_LAST_ANSWER = (
    select(func.max(meter_attempt.c.answered_at))
    .where(meter_attempt.c.event_id == meter_event.c.id)
    .scalar_subquery()
)
_READ = select(
    meter_event,
    _attempts_made().label("attempts"),
    _LAST_ANSWER.label("last_answered_at"),
).order_by(meter_event.c.timestamp, meter_event.c.id)
_UNSYNCED = _READ.where(
    meter_event.c.customer == bindparam("customer"),
    meter_event.c.state != "synced",
    _UNFINISHED,
)
_UNSYNCED_OF = _READ.where(
    meter_event.c.customer.in_(bindparam("customers", expanding=True)),
    meter_event.c.state != "synced",
    _UNFINISHED,
)
_NAMED = _READ.where(meter_event.c.identifier == bindparam("identifier"))
_NUMBERED = _READ.where(meter_event.c.id == bindparam("number"))


def unsynced_events(connection: Connection, customer: str) -> list[OpenEvent]:
    """Return a customer's events with something left to do, oldest timestamp first."""
    rows = connection.execute(_UNSYNCED, {"customer": customer})
    return [_open_event(row) for row in rows]


def unsynced_events_of(
    connection: Connection, customers: Collection[str]
) -> list[OpenEvent]:
    """Return the same of several customers."""
    rows = connection.execute(_UNSYNCED_OF, {"customers": sorted(customers)})
    return [_open_event(row) for row in rows]


def event_named(connection: Connection, identifier: str) -> OpenEvent | None:
    """Return an event by its identifier; None when there is none."""
    row = connection.execute(_NAMED, {"identifier": identifier}).first()
    return _open_event(row) if row else None


def event_numbered(connection: Connection, number: int) -> OpenEvent:
    """Return an event by its number."""
    return _open_event(connection.execute(_NUMBERED, {"number": number}).one())


def events_that(
    connection: Connection, *conditions: ColumnElement[bool]
) -> list[OpenEvent]:
    """Return the events that meet conditions, oldest timestamp first."""
    return [_open_event(row) for row in connection.execute(_READ.where(*conditions))]


def _open_event(row: Row[tuple[object, ...]]) -> OpenEvent:
    return OpenEvent(
        id=row.id,
        event=MeterEvent(
            customer=row.customer,
            stripe_customer=row.stripe_customer,
            meter=row.meter,
            livemode=bool(row.livemode),
            hour=row.hour,
            sequence=row.sequence,
            minutes=row.minutes,
        ),
        state=EventState(row.state),
        reason=FailReason(row.reason) if row.reason else None,
        tries=row.tries,
        attempts=row.attempts,
        first_unknown_at=row.first_unknown_at,
        last_sent_at=row.last_sent_at,
        rearmed_at=row.rearmed_at,
        last_answered_at=row.last_answered_at,
    )


def move_to_failed(
    connection: Connection, event: OpenEvent, reason: FailReason
) -> None:
    """Mark an event failed, and why; raises Overtaken."""
    move(connection, event, state="failed", reason=reason.value)
    detail = {"event": event.event.identifier, "reason": reason.value}
    audit_log.note(connection, "event.failed", event.event.customer, detail)


def requeue(
    connection: Connection,
    actor: Actor,
    customer: str,
    *,
    again: Collection[OpenEvent],
    too_old: Collection[OpenEvent],
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
    audit_log.record(connection, actor, "events.taken_up", customer, detail)


def move(connection: Connection, event: OpenEvent, **values: object) -> None:
    """Change an event that is still as it was read; raises Overtaken otherwise."""
    if not moved(connection, event, event.attempts, values):
        raise Overtaken(event.event.identifier)


def moved(
    connection: Connection, event: OpenEvent, attempts: int, values: dict[str, object]
) -> bool:
    """Compare and set: a stale owner, of so many attempts, writes nothing."""
    audit_log.touch(connection, meter_event, [event.id])
    change = update(meter_event).where(_UNCHANGED).values(values)
    return connection.execute(change, as_read(event, attempts)).rowcount == 1


def as_read(event: OpenEvent, attempts: int) -> dict[str, object]:
    """Return what `unchanged` reads: an event as it was after so many attempts."""
    return {
        "read_id": event.id,
        "read_state": event.state.value,
        "read_reason": event.reason and event.reason.value,
        "read_attempts": attempts,
    }
