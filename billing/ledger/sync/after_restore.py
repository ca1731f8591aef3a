"""After a restore: what a ledger may have sent since its backup, without knowing it."""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, select, update

from billing.domain.meter_event import EventState, FailReason
from billing.ledger.audit import audit_log
from billing.ledger.audit.events import last_of_actions
from billing.ledger.schema.tables import meter_event

RESTORED = "ledger.restored"
event = meter_event.c


def mark_waiting_uncertain(connection: Connection, now: datetime) -> None:
    """Take all that waits to be sent as sent, with an unknown outcome, up to now."""
    unanswered = event.reason == FailReason.UNANSWERED.value
    _mark_uncertain(
        connection, (event.state == EventState.PENDING.value) | unanswered, now
    )


def mark_staged_uncertain(connection: Connection, customer: str) -> None:
    """Take staged events of hours before a restore as uncertain: Stripe may have them.

    It is read before it is sent. What was read, and requeued, is left alone.
    """
    restored = last_of_actions(connection, [RESTORED])
    if restored is None:
        return
    never_sent = event.last_sent_at.is_(None) & event.rearmed_at.is_(None)
    pending = event.state == EventState.PENDING.value
    earlier = event.hour < restored.at
    own = event.customer == customer
    _mark_uncertain(connection, own & pending & never_sent & earlier, restored.at)


def was_forgotten() -> ColumnElement[bool]:
    """Say of an event whether a restore took from the ledger how it was sent.

    No send that it knows of is from as early as the event's own hour.
    """
    return (event.first_unknown_at == event.hour).label("was_forgotten")


def _mark_uncertain(
    connection: Connection, condition: ColumnElement[bool], at: datetime
) -> None:
    # Nobody knows when it was sent, if it was: at the earliest in its own hour. Counted
    # from the restore, Stripe would seem to know a name that it has long forgotten.
    since = func.coalesce(event.first_unknown_at, event.hour)
    values = {
        "state": EventState.FAILED.value,
        "reason": FailReason.UNCERTAIN.value,
        "first_unknown_at": since,
        "last_sent_at": at,
    }
    waiting = connection.scalars(select(event.id).where(condition)).all()
    audit_log.touch(connection, meter_event, waiting)
    connection.execute(update(meter_event).where(condition).values(values))
