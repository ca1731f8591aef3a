"""Staging: usage rows are bound, for ever, to the meter events that carry them."""

from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from billing.domain.metering import EventState
from billing.domain.period import BillingPeriod
from billing.domain.staging import (
    Destination,
    PlannedEvent,
    StagingPlan,
    UnstagedRow,
    plan_events,
)
from billing.ledger import audit
from billing.ledger.audit import Actor
from billing.ledger.tables import b2b_usage, meter_event

_NUMBERS_PER_STATEMENT = 10_000
NOTHING_TO_SEND = "its rows cancel out: nothing to report"


def customers_with_work(connection: Connection) -> set[str]:
    """Return the customers that have rows to stage or events to send."""
    unstaged = (
        select(b2b_usage.c.customer)
        .where(b2b_usage.c.meter_event_id.is_(None))
        .distinct()
    )
    unsynced = (
        select(meter_event.c.customer).where(meter_event.c.state != "synced").distinct()
    )
    return {*connection.scalars(unstaged), *connection.scalars(unsynced)}


def stage(
    connection: Connection, to: Destination, actor: Actor, *, at_once: bool = False
) -> StagingPlan:
    """Stage a customer's unstaged rows; returns what was planned and made."""
    usage = b2b_usage.c
    columns = usage.id, usage.hour, usage.billed_minutes, usage.amount_micro
    waiting = select(*columns).where(
        usage.customer == to.customer, usage.meter_event_id.is_(None)
    )
    rows = [UnstagedRow(*row) for row in connection.execute(waiting)]
    staged = _staged(connection, to, {row.hour for row in rows}) if rows else {}
    plan = plan_events(rows, to, staged, actor.at, at_once=at_once)
    for planned in plan.events:
        _make(connection, planned, actor.at)
    if plan.events:
        detail = {
            "events": len(plan.events),
            "minutes": sum(planned.event.minutes for planned in plan.events),
        }
        audit.record(connection, actor, "events.staged", to.customer, detail)
    return plan


def _staged(
    connection: Connection, to: Destination, hours: set[datetime]
) -> dict[datetime, int]:
    event = meter_event.c
    query = (
        select(event.hour, func.max(event.sequence) + 1)
        .where(
            event.livemode == int(to.livemode),
            event.meter == to.meter,
            event.stripe_customer == to.stripe_customer,
            event.hour.in_(hours),
        )
        .group_by(event.hour)
    )
    return {hour: int(count) for hour, count in connection.execute(query)}


def _make(connection: Connection, planned: PlannedEvent, now: datetime) -> None:
    event = planned.event
    state = EventState.PENDING if event.minutes else EventState.SYNCED
    values = {
        "identifier": event.identifier,
        "customer": event.customer,
        "stripe_customer": event.stripe_customer,
        "meter": event.meter,
        "livemode": int(event.livemode),
        "period": str(BillingPeriod.of(event.hour)),
        "hour": event.hour,
        "sequence": event.sequence,
        "timestamp": event.timestamp,
        "minutes": event.minutes,
        "amount_micro": planned.amount_micro,
        "usage_rows": len(planned.rows),
        "staged_at": now,
        "state": state.value,
        "evidence": None if event.minutes else NOTHING_TO_SEND,
        "tries": 0,
    }
    made = insert(meter_event).values(values).returning(meter_event.c.id)
    number = connection.execute(made).scalar_one()
    for first in range(0, len(planned.rows), _NUMBERS_PER_STATEMENT):
        part = planned.rows[first : first + _NUMBERS_PER_STATEMENT]
        bind = update(b2b_usage).where(b2b_usage.c.id.in_(part))
        connection.execute(bind.values(meter_event_id=number))
