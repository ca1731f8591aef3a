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
from billing.ledger.schema.bulk_execute import Given, execute_for_all
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
    .where(usage.id.in_(bindparam("those", expanding=True)))
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


def _add(given: Given) -> Insert:
    fields = given.fields(meter_event, _ADDED)
    return insert(meter_event).from_select([*fields], select(*fields.values()))


def _bind(given: Given) -> Update:
    that = given.field("row", usage.id.type)
    to_event = given.field("event", event.id.type)
    return update(b2b_usage).where(usage.id == that).values(meter_event_id=to_event)


def customers_with_work(
    connection: Connection, stripe_customers: Mapping[str, str]
) -> set[str]:
    """Return the customers with rows to stage, events to send, or doubts to settle."""
    found = {*connection.scalars(_WITH_UNSTAGED), *connection.scalars(_WITH_OPEN)}
    for customer, stripe_customer in connection.execute(_WITH_REFUSED):
        if stripe_customers.get(customer, stripe_customer) != stripe_customer:
            found.add(customer)
    return found


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
    every = unstaged_places(connection, to.customer, actor.at)
    places = {place: rows for place, rows in every.items() if place.hour not in waiting}
    if not places:
        return StagingPlan(())
    staged = _staged(connection, to, {place.hour for place in places})
    plan = plan_events(places, to, staged, actor.at, at_once=at_once)
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
    rows = [UnstagedRow(*row) for row in waiting]
    return place_rows(rows, closed_months(connection), now) if rows else {}


def release_misaddressed(
    connection: Connection, to: MeterDestination, actor: Actor
) -> int:
    """Release what is addressed to another Stripe customer and certainly not counted.

    What was tried keeps its address: its payload is frozen at the first attempt.
    """
    untried = (event.state == EventState.PENDING.value) & event.last_sent_at.is_(None)
    found = select(event.id).where(
        event.customer == to.customer,
        event.stripe_customer != to.stripe_customer,
        event.livemode == int(to.livemode),
        or_(untried, _REFUSED),
    )
    numbers = list(connection.scalars(found))
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
    which = {
        "livemode": int(to.livemode),
        "meter": to.meter,
        "stripe_customer": to.stripe_customer,
        "hours": sorted(hours),
    }
    rows = connection.execute(_NEXT_SEQUENCES, which)
    return {hour: int(following) for hour, following in rows}


def _make(
    connection: Connection, planned: Sequence[PlannedEvent], now: datetime
) -> None:
    """Make the events, and bind to each the rows that it carries."""
    if not planned:
        return
    execute_for_all(connection, _add, [_row(one, now) for one in planned])
    names = [one.event.identifier for one in planned]
    numbers: dict[str, int] = {}
    for first in range(0, len(names), _NUMBERS_PER_STATEMENT):
        part = names[first : first + _NUMBERS_PER_STATEMENT]
        made = select(event.identifier, event.id).where(event.identifier.in_(part))
        numbers |= dict(map(tuple, connection.execute(made)))
    audit_log.touch_binding(connection, numbers.values())
    few: list[dict[str, object]] = []
    for one in planned:
        number = numbers[one.event.identifier]
        if len(one.rows) <= _FEW_ROWS:
            few += [{"event": number, "row": row} for row in one.rows]
            continue
        for first in range(0, len(one.rows), _NUMBERS_PER_STATEMENT):
            rows = one.rows[first : first + _NUMBERS_PER_STATEMENT]
            connection.execute(_BIND, {"to_event": number, "those": rows})
    if few:
        execute_for_all(connection, _bind, few)


def _row(planned: PlannedEvent, now: datetime) -> dict[str, object]:
    made_of = planned.event
    state = EventState.PENDING if made_of.minutes else EventState.SYNCED
    return {
        "identifier": made_of.identifier,
        "customer": made_of.customer,
        "stripe_customer": made_of.stripe_customer,
        "meter": made_of.meter,
        "livemode": int(made_of.livemode),
        "period": str(BillingPeriod.of(made_of.hour)),
        "hour": made_of.hour,
        "sequence": made_of.sequence,
        "timestamp": made_of.timestamp,
        "minutes": made_of.minutes,
        "amount_micro": planned.amount_micro,
        "usage_rows": len(planned.rows),
        "carries": None if planned.carries is None else str(planned.carries),
        "staged_at": now,
        "state": state.value,
        "evidence": None if made_of.minutes else NOTHING_TO_SEND,
        "tries": 0,
    }
