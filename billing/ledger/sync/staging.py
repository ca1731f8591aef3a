"""Staging: usage rows are bound to the meter events that carry them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import (
    Connection,
    Insert,
    Update,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)

from billing.domain.meter_event import EventState, FailReason
from billing.domain.period import BillingPeriod
from billing.domain.staging import (
    MeterDestination,
    PlannedEvent,
    ReportSlot,
    StagingPlan,
    UnstagedRow,
    place_rows,
    plan_events,
)
from billing.ledger.audit import audit_log
from billing.ledger.audit.audit_log import Actor
from billing.ledger.schema.bulk_execute import BoundRow, execute_for_all
from billing.ledger.schema.closed_months import closed_months
from billing.ledger.schema.tables import b2b_usage, meter_event
from billing.ledger.sync.after_restore import mark_staged_uncertain

_NUMBERS_PER_STATEMENT = 10_000
NOTHING_TO_SEND = "its rows cancel out: nothing to report"
# What a sync takes up by itself; the other reasons wait for a person, or for nothing.
_TAKEN_UP = (FailReason.UNANSWERED, FailReason.UNCERTAIN, FailReason.CANCELLING)

event, usage = meter_event.c, b2b_usage.c
_ADDED = (
    "identifier",
    "customer",
    "stripe_customer",
    "meter",
    "livemode",
    "period",
    "hour",
    "sequence",
    "timestamp",
    "minutes",
    "amount_micro",
    "usage_rows",
    "carries",
    "staged_at",
    "state",
    "evidence",
    "tries",
)
# So few rows are bound together with those of other events.
_FEW_ROWS = 20
_BIND = (
    update(b2b_usage)
    .where(usage.id.in_(bindparam("numbers", expanding=True)))
    .values(meter_event_id=bindparam("to_event"))
)
_WITH_UNSTAGED = select(usage.customer).where(usage.meter_event_id.is_(None)).distinct()
_WITH_OPEN = (
    select(event.customer)
    .where(
        event.state != "synced",
        or_(
            event.state == EventState.PENDING.value,
            event.reason.in_([reason.value for reason in _TAKEN_UP]),
        ),
    )
    .distinct()
)
_REFUSED = (event.state != "synced") & (event.reason == FailReason.REJECTED.value)
_WITH_REFUSED = select(event.customer, event.stripe_customer).where(_REFUSED).distinct()
_UNSTAGED = select(
    usage.id, usage.hour, usage.billed_minutes, usage.amount_micro
).where(usage.customer == bindparam("customer"), usage.meter_event_id.is_(None))
_NEXT_SEQUENCES = (
    select(event.hour, func.max(event.sequence) + 1)
    .where(
        event.livemode == bindparam("livemode"),
        event.meter == bindparam("meter"),
        event.stripe_customer == bindparam("stripe_customer"),
        event.hour.in_(bindparam("hours", expanding=True)),
    )
    .group_by(event.hour)
)


def _add(row: BoundRow) -> Insert:
    fields = row.fields(meter_event, _ADDED)
    return insert(meter_event).from_select([*fields], select(*fields.values()))


def _bind(row: BoundRow) -> Update:
    number = row.field("row", usage.id.type)
    to_event = row.field("event", event.id.type)
    return update(b2b_usage).where(usage.id == number).values(meter_event_id=to_event)


def customers_with_work(
    connection: Connection, stripe_customers: Mapping[str, str]
) -> set[str]:
    """Return the customers with rows to stage, or events to send or settle."""
    customers = {*connection.scalars(_WITH_UNSTAGED), *connection.scalars(_WITH_OPEN)}
    for customer, stripe_customer in connection.execute(_WITH_REFUSED):
        if stripe_customers.get(customer, stripe_customer) != stripe_customer:
            customers.add(customer)
    return customers


def stage(
    connection: Connection,
    to: MeterDestination,
    actor: Actor,
    *,
    at_once: bool = False,
    waiting: Collection[datetime] = (),
) -> StagingPlan:
    """Stage a customer's unstaged rows; returns what was planned and made.

    Rows of hours that are `waiting`, for a cancellation to end, are left.
    """
    unstaged = unstaged_places(connection, to.customer, actor.at)
    slots = {slot: rows for slot, rows in unstaged.items() if slot.hour not in waiting}
    if not slots:
        return StagingPlan(())
    staged = _staged(connection, to, {slot.hour for slot in slots})
    plan = plan_events(slots, to, staged, actor.at, at_once=at_once)
    _make(connection, plan.events, actor.at)
    if plan.events:
        mark_staged_uncertain(connection, to.customer)
        detail = {
            "events": len(plan.events),
            "minutes": sum(planned.event.minutes for planned in plan.events),
        }
        audit_log.record(connection, actor, "events.staged", to.customer, detail)
    return plan


def unstaged_places(
    connection: Connection, customer: str, now: datetime
) -> dict[ReportSlot, list[UnstagedRow]]:
    """Return a customer's rows that no event carries, by where they are reported."""
    waiting = connection.execute(_UNSTAGED, {"customer": customer})
    # By position: a first sync stages millions.
    rows = [UnstagedRow(*row) for row in waiting]
    return place_rows(rows, closed_months(connection), now) if rows else {}


def release_misaddressed(
    connection: Connection, to: MeterDestination, actor: Actor
) -> int:
    """Release what is addressed to another Stripe customer and certainly not counted.

    What was tried keeps its address: its payload is frozen at the first attempt.
    """
    untried = (event.state == EventState.PENDING.value) & event.last_sent_at.is_(None)
    query = select(event.id).where(
        event.customer == to.customer,
        event.stripe_customer != to.stripe_customer,
        event.livemode == int(to.livemode),
        or_(untried, _REFUSED),
    )
    numbers = list(connection.scalars(query))
    for number in numbers:
        release(connection, number)
    if numbers:
        detail = {"events": numbers, "now": to.stripe_customer}
        audit_log.record(connection, actor, "events.readdressed", to.customer, detail)
    return len(numbers)


def release(connection: Connection, number: int) -> None:
    """Take the rows from an event that certainly does not count, to be staged anew."""
    values = {"state": "failed", "reason": FailReason.REPLACED.value}
    connection.execute(update(meter_event).where(event.id == number).values(values))
    free = update(b2b_usage).where(usage.meter_event_id == number)
    connection.execute(free.values(meter_event_id=None))
    audit_log.touch(connection, meter_event, [number])
    audit_log.touch_binding(connection, [number])


def _staged(
    connection: Connection, to: MeterDestination, hours: set[datetime]
) -> dict[datetime, int]:
    values = {
        "livemode": int(to.livemode),
        "meter": to.meter,
        "stripe_customer": to.stripe_customer,
        "hours": sorted(hours),
    }
    rows = connection.execute(_NEXT_SEQUENCES, values)
    return {hour: int(following) for hour, following in rows}


def _make(connection: Connection, plans: Sequence[PlannedEvent], now: datetime) -> None:
    """Insert the events, and bind to each the rows that it carries."""
    if not plans:
        return
    execute_for_all(connection, _add, [_row(plan, now) for plan in plans])
    names = [plan.event.identifier for plan in plans]
    numbers: dict[str, int] = {}
    for first in range(0, len(names), _NUMBERS_PER_STATEMENT):
        part = names[first : first + _NUMBERS_PER_STATEMENT]
        query = select(event.identifier, event.id).where(event.identifier.in_(part))
        numbers |= dict(map(tuple, connection.execute(query)))
    audit_log.touch_binding(connection, numbers.values())
    few: list[dict[str, object]] = []
    for plan in plans:
        number = numbers[plan.event.identifier]
        if len(plan.rows) <= _FEW_ROWS:
            few += [{"event": number, "row": row} for row in plan.rows]
            continue
        for first in range(0, len(plan.rows), _NUMBERS_PER_STATEMENT):
            rows = plan.rows[first : first + _NUMBERS_PER_STATEMENT]
            connection.execute(_BIND, {"to_event": number, "numbers": rows})
    if few:
        execute_for_all(connection, _bind, few)


def _row(planned: PlannedEvent, now: datetime) -> dict[str, object]:
    planned_event = planned.event
    state = EventState.PENDING if planned_event.minutes else EventState.SYNCED
    return {
        "identifier": planned_event.identifier,
        "customer": planned_event.customer,
        "stripe_customer": planned_event.stripe_customer,
        "meter": planned_event.meter,
        "livemode": int(planned_event.livemode),
        "period": str(BillingPeriod.of(planned_event.hour)),
        "hour": planned_event.hour,
        "sequence": planned_event.sequence,
        "timestamp": planned_event.timestamp,
        "minutes": planned_event.minutes,
        "amount_micro": planned.amount_micro,
        "usage_rows": len(planned.rows),
        "carries": None if planned.carries is None else str(planned.carries),
        "staged_at": now,
        "state": state.value,
        "evidence": None if planned_event.minutes else NOTHING_TO_SEND,
        "tries": 0,
    }
