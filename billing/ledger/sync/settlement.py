"""Settlement: what was read of an event's own minute, and what that settles."""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, insert, select

from billing.domain.cancellation import SyncedEvent
from billing.domain.meter_event import FailReason, SendVerdict, may_resend
from billing.domain.period import BillingPeriod
from billing.domain.settlement import MinuteReading
from billing.domain.staging import MeterDestination
from billing.ledger.audit import audit_log
from billing.ledger.audit.audit_log import Actor
from billing.ledger.schema.tables import meter_attempt, meter_event, meter_reading
from billing.ledger.sync import event_rows, outbox
from billing.ledger.sync.attempts import (
    CANCEL,
    EVENT,
    Answered,
    Attempt,
    add_attempts,
    note_answers,
)
from billing.ledger.sync.outbox import OpenEvent

event, attempt = meter_event.c, meter_attempt.c


def record_reading(
    connection: Connection, uncertain: OpenEvent, minutes: int, now: datetime
) -> None:
    """Keep what an event's own minute held."""
    row = {"event_id": uncertain.id, "read_at": now, "minutes": minutes}
    connection.execute(insert(meter_reading).values(row))
    detail = {"event": uncertain.event.identifier, "minutes": minutes}
    audit_log.note(connection, "minute.read", uncertain.event.customer, detail)


def readings_of(connection: Connection, number: int) -> list[MinuteReading]:
    """Return what was read of an event's own minute, the newest last."""
    reading = meter_reading.c
    query = select(reading.read_at.label("at"), reading.minutes).where(
        reading.event_id == number
    )
    rows = connection.execute(query.order_by(reading.id))
    return [MinuteReading(**row._mapping) for row in rows]


def last_touched_at(connection: Connection, number: int) -> datetime | None:
    """Return when anything about an event last left for Stripe."""
    query = select(func.max(attempt.started_at)).where(attempt.event_id == number)
    touched_at: datetime | None = connection.execute(query).scalar()
    return touched_at


def record_counted(
    connection: Connection, actor: Actor, uncertain: OpenEvent, minutes: int
) -> None:
    """Take a read of its own minute as the proof that an event counts."""
    evidence = f"reading: its minute holds {minutes} at {actor.at.isoformat()}"
    outbox.move(connection, uncertain, state="synced", reason=None, evidence=evidence)
    _settled(connection, actor, uncertain, "counted")


def requeue_absent(connection: Connection, actor: Actor, uncertain: OpenEvent) -> None:
    """Let an event that was found absent be sent again, as it is.

    The time of its first unknown attempt stays while resends are proved harmless by it:
    what Stripe has, and shows late, is still known there by its identifier until then.
    """
    first = uncertain.first_unknown_at
    outbox.move(
        connection,
        uncertain,
        state="pending",
        reason=None,
        tries=0,
        first_unknown_at=first if may_resend(first, actor.at) else None,
        rearmed_at=actor.at,
    )
    _settled(connection, actor, uncertain, "absent: armed again")


def reject(
    connection: Connection, actor: Actor, rejected: OpenEvent, because: str
) -> None:
    """Mark an event that was taken as rejected after all; raises Overtaken."""
    state = {"state": "failed", "reason": FailReason.REJECTED.value}
    outbox.move(connection, rejected, **state, evidence=f"rejected: {because}")
    _settled(connection, actor, rejected, f"rejected: {because}")


def counted_minutes(
    connection: Connection, period: BillingPeriod, stripe_customer: str
) -> int:
    """Return what a customer's month holds at Stripe at the least.

    A negative event whose outcome is unknown counts here, a positive one does not.
    """
    month = event.period == str(period)
    of_month = month & (event.stripe_customer == stripe_customer)
    perhaps = (event.state != "synced") & (event.minutes < 0) & _is_uncertain()
    sure = event.state == "synced"
    query = select(func.coalesce(func.sum(event.minutes), 0))
    return int(connection.execute(query.where(of_month, sure | perhaps)).scalar_one())


def _is_uncertain() -> ColumnElement[bool]:
    finished = [FailReason.REPLACED.value, FailReason.REJECTED.value]
    open_still = event.reason.is_(None) | event.reason.not_in(finished)
    return open_still & event.first_unknown_at.is_not(None)


def synced_in_hour(
    connection: Connection, to: MeterDestination, hour: datetime
) -> list[SyncedEvent]:
    """Return the events of a customer's hour that count, with their first attempt."""
    first = (
        select(func.min(attempt.started_at))
        .where(attempt.event_id == event.id, attempt.kind == EVENT)
        .scalar_subquery()
        .label("first_sent_at")
    )
    query = select(event.id, event.minutes, first).where(
        event.customer == to.customer,
        event.stripe_customer == to.stripe_customer,
        event.hour == hour,
        event.state == "synced",
        event.minutes > 0,
    )
    rows = connection.execute(query.order_by(event.id))
    return [
        SyncedEvent(**row._mapping) for row in rows if row.first_sent_at is not None
    ]


def first_sent_at(connection: Connection, number: int) -> datetime | None:
    """Return when an event was first tried: the earliest that Stripe can have it."""
    query = select(func.min(attempt.started_at)).where(
        attempt.event_id == number, attempt.kind == EVENT
    )
    sent_at: datetime | None = connection.execute(query).scalar()
    return sent_at


def record_cancel_attempt(connection: Connection, attempt: Attempt) -> None:
    """Write down that an event is about to be cancelled; raises Overtaken."""
    outbox.move_to_failed(connection, attempt.event, FailReason.CANCELLING)
    add_attempts(connection, [attempt])


def record_cancel_answer(
    connection: Connection, actor: Actor, answered: Answered
) -> bool:
    """Write down what came of a cancellation; returns whether it is decided by that.

    Taken back, its rows are free; refused, or not taken in, the event counts as before,
    unless an earlier request went unanswered.
    """
    note_answers(connection, [answered])
    cancelled, answer = answered.event, answered.answer
    present = outbox.event_numbered(connection, cancelled.id)
    if present.reason is not FailReason.CANCELLING:
        return False
    if answer.verdict is SendVerdict.CANCELLED:
        event_rows.release(connection, present)
        _settled(connection, actor, cancelled, "cancelled: its rows are staged anew")
        return True
    if _cancel_uncertain(connection, cancelled.id):
        return False
    outbox.move(connection, present, state="synced", reason=None)
    return answer.verdict is SendVerdict.REFUSED


def record_cancel_read(
    connection: Connection, actor: Actor, cancelled: OpenEvent, *, gone: bool
) -> None:
    """Take reads of its minute as proof of a cancellation or not; raises Overtaken."""
    if gone:
        event_rows.release(connection, cancelled)
        _settled(connection, actor, cancelled, "cancelled: its minute is empty")
    else:
        outbox.move(connection, cancelled, state="synced", reason=None)
        _settled(connection, actor, cancelled, "not cancelled: its minute holds it")


def _cancel_uncertain(connection: Connection, number: int) -> bool:
    unknown = attempt.verdict.is_(None) | (attempt.verdict == SendVerdict.UNKNOWN.value)
    query = select(attempt.id).where(
        attempt.event_id == number, attempt.kind == CANCEL, unknown
    )
    return connection.execute(query.limit(1)).first() is not None


def _settled(
    connection: Connection, actor: Actor, settled: OpenEvent, how: str
) -> None:
    detail = {"event": settled.event.identifier, "how": how}
    audit_log.record(connection, actor, "event.settled", settled.event.customer, detail)
