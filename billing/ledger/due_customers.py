"""Due customers: many are staged by a few statements, where nothing else is to be seen.

Most customers of an hour have new rows and nothing that is open. What is particular
about one, such as an event without an outcome, minutes to take back or a closed month,
is left to the sync of that customer alone.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import BindParameter, Connection, bindparam, func, select

from billing.domain.meter_contact import (
    ContactReading,
    ContactState,
    MeterMonth,
    MonthContact,
    decide_contact,
)
from billing.domain.period import BillingPeriod
from billing.domain.staging import (
    MeterDestination,
    PlannedEvent,
    UnstagedRow,
    place_rows,
    plan_events,
)
from billing.ledger.audit import audit_log
from billing.ledger.audit.audit_log import Actor
from billing.ledger.audit.events import last_of_actions
from billing.ledger.schema.closed_months import closed_months
from billing.ledger.schema.tables import (
    adoption,
    b2b_usage,
    meter_contact,
    meter_event,
    reconciliation_reading,
)
from billing.ledger.sync import outbox
from billing.ledger.sync.after_restore import RESTORED
from billing.ledger.sync.contact_context import ContactContext
from billing.ledger.sync.event_rows import add_events
from billing.ledger.sync.outbox import OpenEvent

usage, event = b2b_usage.c, meter_event.c
contact, reading = meter_contact.c, reconciliation_reading.c


def _names(name: str) -> BindParameter[str]:
    return bindparam(name, expanding=True)


_UNSTAGED = select(
    usage.customer, usage.id, usage.hour, usage.billed_minutes, usage.amount_micro
).where(usage.customer.in_(_names("customers")), usage.meter_event_id.is_(None))
_ADOPTED = select(adoption.c.customer).distinct()
_SEQUENCES = (
    select(event.stripe_customer, event.hour, func.max(event.sequence) + 1)
    .where(
        event.livemode == bindparam("livemode"),
        event.meter == bindparam("meter"),
        event.stripe_customer.in_(_names("stripe_customers")),
        event.hour.in_(_names("hours")),
    )
    .group_by(event.stripe_customer, event.hour)
)
_AT_METER = (
    contact.meter == bindparam("meter"),
    contact.livemode == bindparam("livemode"),
    contact.period == bindparam("period"),
    contact.stripe_customer.in_(_names("stripe_customers")),
)
_READINGS = select(
    contact.stripe_customer, contact.read_at, contact.minutes, contact.upper
).where(
    contact.id.in_(
        select(func.max(contact.id)).where(*_AT_METER).group_by(contact.stripe_customer)
    )
)
_SENT = (
    select(event.stripe_customer)
    .where(
        event.livemode == bindparam("livemode"),
        event.meter == bindparam("meter"),
        event.stripe_customer.in_(_names("stripe_customers")),
        event.hour >= bindparam("start"),
        event.hour < bindparam("end"),
        event.last_sent_at.is_not(None),
    )
    .distinct()
)
_RECONCILED = (
    select(
        reading.customer, reading.stripe_customer, func.max(reading.read_at).label("at")
    )
    .where(
        reading.period == bindparam("period"),
        reading.customer.in_(_names("customers")),
    )
    .group_by(reading.customer, reading.stripe_customer)
)


@dataclass(frozen=True, slots=True)
class StagedCustomer:
    """What was staged for a customer, and the events that are open then."""

    staged: int
    events: Sequence[OpenEvent]


class SendMonth(NamedTuple):
    """A customer, with a month of one of Stripe's."""

    customer: str
    month: MeterMonth


def stage_plain(
    connection: Connection,
    destinations: Iterable[MeterDestination],
    actor: Actor,
    *,
    at_once: bool = False,
) -> dict[str, StagedCustomer]:
    """Stage what is due of the customers of whom nothing else is to be seen.

    Returns them; about all others nothing is done. Their locks are held.
    """
    if last_of_actions(connection, [RESTORED]) is not None:
        return {}
    adopted = {*connection.scalars(_ADOPTED)}
    plain = {to.customer: to for to in destinations if not adopted & to.names}
    for open_event in _open_events(connection, plain):
        plain.pop(open_event.event.customer, None)
    closed = closed_months(connection)
    rows = _unstaged(connection, plain)
    for customer, of_customer in rows.items():
        if any(row.minutes < 0 or _month(row) in closed for row in of_customer):
            del plain[customer]
    plans = _plans(connection, plain, rows, actor.at, at_once=at_once)
    planned = [plan for events_of in plans.values() for plan in events_of]
    add_events(connection, planned, actor.at)
    for customer, events_of in plans.items():
        if events_of:
            detail = {
                "events": len(events_of),
                "minutes": sum(plan.event.minutes for plan in events_of),
            }
            audit_log.record(connection, actor, "events.staged", customer, detail)
    events: dict[str, list[OpenEvent]] = defaultdict(list)
    for open_event in _open_events(connection, plans):
        events[open_event.event.customer].append(open_event)
    return {
        customer: StagedCustomer(len(events_of), events[customer])
        for customer, events_of in plans.items()
    }


def clear_months(
    connection: Connection,
    wanted: Collection[SendMonth],
    context: ContactContext,
    now: datetime,
) -> set[SendMonth]:
    """Return the months that may be sent into by what was read in the running day.

    A restored ledger has forgotten events: there each customer is asked for alone.
    """
    if context.restored_at is not None:
        return set()
    clear: set[SendMonth] = set()
    groups: dict[MeterMonth, list[SendMonth]] = defaultdict(list)
    for each in wanted:
        groups[_without_customer(each.month)].append(each)
    for month, of_month in groups.items():
        clear |= _clear_in(connection, month, of_month, context, now)
    return clear


def _clear_in(
    connection: Connection,
    month: MeterMonth,
    wanted: Sequence[SendMonth],
    context: ContactContext,
    now: datetime,
) -> set[SendMonth]:
    asked = {
        "meter": month.meter,
        "livemode": int(month.livemode),
        "period": str(month.period),
        "start": month.period.start,
        "end": month.period.end,
        "stripe_customers": sorted({each.month.stripe_customer for each in wanted}),
        "customers": sorted({each.customer for each in wanted}),
    }
    sent = {*connection.scalars(_SENT, asked)}
    readings = {
        row.stripe_customer: ContactReading(row.read_at, row.minutes, row.upper)
        for row in connection.execute(_READINGS, asked)
    }
    reconciled = {
        (row.customer, row.stripe_customer): row.at
        for row in connection.execute(_RECONCILED, asked)
    }
    clear = set()
    for each in wanted:
        name = each.month.stripe_customer
        latest, watched = readings.get(name), reconciled.get((each.customer, name))
        known = MonthContact(
            readings=[latest] if latest else [],
            has_sent=name in sent,
            is_watched=watched is not None and watched > context.watched_since,
        )
        decision = decide_contact(known, now)
        if known.has_sent and decision.state is ContactState.CLEAR:
            clear.add(each)
    return clear


def _without_customer(month: MeterMonth) -> MeterMonth:
    return MeterMonth("", month.meter, month.livemode, month.period)


def _open_events(connection: Connection, customers: Collection[str]) -> list[OpenEvent]:
    return outbox.unsynced_events_of(connection, customers) if customers else []


def _unstaged(
    connection: Connection, customers: Collection[str]
) -> dict[str, list[UnstagedRow]]:
    rows: dict[str, list[UnstagedRow]] = {customer: [] for customer in customers}
    if rows:
        found = connection.execute(_UNSTAGED, {"customers": sorted(customers)})
        for customer, *row in found:
            rows[customer].append(UnstagedRow._make(row))
    return rows


def _plans(
    connection: Connection,
    destinations: Mapping[str, MeterDestination],
    rows: Mapping[str, Sequence[UnstagedRow]],
    now: datetime,
    *,
    at_once: bool,
) -> dict[str, Sequence[PlannedEvent]]:
    """Plan each customer's events; one with a full hour is left out."""
    places = {
        customer: place_rows(rows[customer], frozenset(), now)
        for customer in destinations
    }
    sequences = _sequences(
        connection,
        destinations.values(),
        {slot.hour for of_customer in places.values() for slot in of_customer},
    )
    plans: dict[str, Sequence[PlannedEvent]] = {}
    for customer, to in destinations.items():
        taken = sequences.get(to.stripe_customer, {})
        plan = plan_events(places[customer], to, taken, now, at_once=at_once)
        if not plan.full_hours:
            plans[customer] = plan.events
    return plans


def _sequences(
    connection: Connection,
    destinations: Collection[MeterDestination],
    hours: Collection[datetime],
) -> dict[str, dict[datetime, int]]:
    taken: dict[str, dict[datetime, int]] = defaultdict(dict)
    by_meter: dict[MeterInMode, list[str]] = defaultdict(list)
    for to in destinations:
        by_meter[MeterInMode(to.meter, to.livemode)].append(to.stripe_customer)
    for meter, names in by_meter.items():
        asked = {
            "meter": meter.name,
            "livemode": int(meter.livemode),
            "stripe_customers": names,
            "hours": sorted(hours),
        }
        for name, hour, following in connection.execute(_SEQUENCES, asked):
            taken[name][hour] = int(following)
    return taken


class MeterInMode(NamedTuple):
    """A meter in one mode."""

    name: str
    livemode: bool


def _month(row: UnstagedRow) -> BillingPeriod:
    return BillingPeriod.of(row.hour)
