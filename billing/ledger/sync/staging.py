"""Staging: usage rows are bound to the meter events that carry them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import (
    BindParameter,
    Connection,
    bindparam,
    or_,
    select,
)

from billing.domain.adoption import Adoption
from billing.domain.meter_event import EventState, FailReason
from billing.domain.staging import (
    MeterDestination,
    ReportSlot,
    StagingPlan,
    UnstagedRow,
    place_rows,
    plan_events,
)
from billing.ledger.audit import audit_log
from billing.ledger.audit.audit_log import Actor
from billing.ledger.schema.closed_months import closed_months
from billing.ledger.schema.tables import b2b_usage, meter_event
from billing.ledger.sync import outbox
from billing.ledger.sync.adoptions import (
    OpeningHour,
    add_openings,
    adopted_rows,
    adoption_of,
)
from billing.ledger.sync.after_restore import mark_staged_uncertain
from billing.ledger.sync.event_rows import add_events, next_sequences, release

# What a sync takes up by itself; the other reasons wait for a person, or for nothing.
_TAKEN_UP = (FailReason.UNANSWERED, FailReason.UNCERTAIN, FailReason.CANCELLING)

event, usage = meter_event.c, b2b_usage.c
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
_OF_THEM: BindParameter[str] = bindparam("customers", expanding=True)
_STILL_UNSTAGED = _WITH_UNSTAGED.where(usage.customer.in_(_OF_THEM))
_STILL_OPEN = _WITH_OPEN.where(event.customer.in_(_OF_THEM))
_STILL_REFUSED = _WITH_REFUSED.where(event.customer.in_(_OF_THEM))
_IS_UNSTAGED = (usage.customer == bindparam("customer")) & usage.meter_event_id.is_(
    None
)
_UNSTAGED = select(
    usage.id, usage.hour, usage.billed_minutes, usage.amount_micro
).where(_IS_UNSTAGED)
_TAKES_BACK = select(usage.id).where(_IS_UNSTAGED, usage.billed_minutes < 0).limit(1)


class _UnstagedRows(NamedTuple):
    """A customer's rows that no event carries, as they stand to its cut-over."""

    adopted: Adoption | None
    counted: Sequence[UnstagedRow]  # by its opening: they are never sent
    places: dict[ReportSlot, list[UnstagedRow]]


def customers_with_work(
    connection: Connection, stripe_customers: Mapping[str, str]
) -> set[str]:
    """Return the customers with rows to stage, or events to send or settle."""
    customers = {*connection.scalars(_WITH_UNSTAGED), *connection.scalars(_WITH_OPEN)}
    for customer, stripe_customer in connection.execute(_WITH_REFUSED):
        if stripe_customers.get(customer, stripe_customer) != stripe_customer:
            customers.add(customer)
    return customers


def still_with_work(
    connection: Connection, names: Collection[str], stripe_customers: Mapping[str, str]
) -> set[str]:
    """Return those of some customers that still have work, asked for them alone."""
    of_them = {"customers": sorted(names)}
    customers = {
        *connection.scalars(_STILL_UNSTAGED, of_them),
        *connection.scalars(_STILL_OPEN, of_them),
    }
    for customer, stripe_customer in connection.execute(_STILL_REFUSED, of_them):
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
    unstaged = _unstaged(connection, to, actor.at)
    if unstaged.adopted is not None:
        _count_by_opening(connection, to, unstaged.adopted, unstaged.counted, actor)
    places = unstaged.places.items()
    slots = {slot: rows for slot, rows in places if slot.hour not in waiting}
    if not slots:
        return StagingPlan(())
    staged = next_sequences(connection, to, {slot.hour for slot in slots})
    plan = plan_events(slots, to, staged, actor.at, at_once=at_once)
    add_events(connection, plan.events, actor.at)
    if plan.events:
        mark_staged_uncertain(connection, to.customer)
        detail = {
            "events": len(plan.events),
            "minutes": sum(planned.event.minutes for planned in plan.events),
        }
        audit_log.record(connection, actor, "events.staged", to.customer, detail)
    return plan


def unstaged_places(
    connection: Connection, to: MeterDestination, now: datetime
) -> dict[ReportSlot, list[UnstagedRow]]:
    """Return a customer's rows that no event carries, by where they are reported.

    What an opening counts is not among them: it is never sent.
    """
    return _unstaged(connection, to, now).places


def _unstaged(
    connection: Connection, to: MeterDestination, now: datetime
) -> _UnstagedRows:
    rows = unstaged_rows(connection, to.customer)
    if not rows:
        return _UnstagedRows(None, [], {})
    adopted, closed = adoption_of(connection, to.names), closed_months(connection)
    counted = adopted_rows(adopted, rows, closed)
    if counted:
        rows = sorted({*rows}.difference(counted))
    return _UnstagedRows(adopted, counted, place_rows(rows, closed, now))


def takes_minutes_back(connection: Connection, customer: str) -> bool:
    """Say whether a row that no event carries takes minutes from any hour."""
    return connection.execute(_TAKES_BACK, {"customer": customer}).first() is not None


def _count_by_opening(
    connection: Connection,
    to: MeterDestination,
    adopted: Adoption,
    rows: Iterable[UnstagedRow],
    actor: Actor,
) -> None:
    """Bind rows of hours before a customer's cut-over to its opening.

    They came after it: nothing is known to stand at the meter for them.
    """
    by_hour: dict[datetime, list[UnstagedRow]] = defaultdict(list)
    for row in rows:
        by_hour[row.hour].append(row)
    if by_hour:
        hours = {hour: OpeningHour(0, of_hour) for hour, of_hour in by_hour.items()}
        add_openings(connection, to.customer, adopted, hours, actor)


def unstaged_rows(connection: Connection, customer: str) -> list[UnstagedRow]:
    """Return a customer's rows that no event carries."""
    waiting = connection.execute(_UNSTAGED, {"customer": customer})
    # By position: a first sync stages millions.
    return [UnstagedRow(*row) for row in waiting]


def release_misaddressed(
    connection: Connection,
    to: MeterDestination,
    actor: Actor,
    kept: Collection[int] = (),
) -> int:
    """Release what is addressed to another Stripe customer and certainly not counted.

    What was tried keeps its address: its payload is frozen at the first attempt. So do
    the events that are `kept`, since the meter shows them.
    """
    untried = (event.state == EventState.PENDING.value) & event.last_sent_at.is_(None)
    released = outbox.events_that(
        connection,
        event.customer == to.customer,
        event.stripe_customer != to.stripe_customer,
        event.livemode == int(to.livemode),
        or_(untried, _REFUSED),
        event.id.not_in(kept),
    )
    for misaddressed in released:
        release(connection, misaddressed)
    if released:
        numbers = [misaddressed.id for misaddressed in released]
        detail = {"events": numbers, "now": to.stripe_customer}
        audit_log.record(connection, actor, "events.readdressed", to.customer, detail)
    return len(released)
