"""The cut-over: what stood at a meter becomes the opening, in one transaction."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from billing.domain.adoption import (
    Adoption,
    AdoptionKind,
    HourlyReading,
    MeterSplit,
    arrived_at,
    split_month,
)
from billing.domain.meter_contact import ContactReading
from billing.domain.meter_event import EventState, FailReason
from billing.domain.period import BillingPeriod
from billing.domain.staging import MeterDestination, UnstagedRow
from billing.ledger.adopt.decisions import AdoptionDecision, record_decision
from billing.ledger.adopt.shadow_readings import ShadowReading, shadow_readings
from billing.ledger.audit.audit_log import Actor
from billing.ledger.schema.closed_months import closed_months
from billing.ledger.schema.tables import b2b_usage, meter_event
from billing.ledger.sync import outbox
from billing.ledger.sync.adoptions import (
    OpeningHour,
    add_openings,
    adopted_rows,
    charge_of,
)
from billing.ledger.sync.event_rows import release
from billing.ledger.sync.first_contact import Contact, record_contacts
from billing.ledger.sync.meter_bounds import contact_bounds, hourly_bounds
from billing.ledger.sync.staging import unstaged_rows

event, usage = meter_event.c, b2b_usage.c
_DONE = [FailReason.REPLACED.value, FailReason.VOIDED.value]


@dataclass(frozen=True, slots=True)
class MonthPlan:
    """A month of a cut-over: what is not ours, and what our rows of then come to."""

    reading: ShadowReading
    split: MeterSplit
    rated_minutes: int

    @property
    def period(self) -> BillingPeriod:
        """The month."""
        return self.reading.month.period

    @property
    def opening_minutes(self) -> int:
        """What stood there and is not ours."""
        return sum(self.split.opening.values())

    @property
    def holds_anything(self) -> bool:
        """Whether anybody has reported, or billed, anything before the cut-over."""
        return bool(self.split.opening or self.rated_minutes)


@dataclass(frozen=True, slots=True)
class CutOverPlan:
    """All of a cut-over that is to be: its months, and what has no final answer."""

    to: MeterDestination
    from_hour: datetime
    months: tuple[MonthPlan, ...]
    proved_at: datetime  # when equal readings show that nothing is in flight
    undecided: tuple[str, ...] = ()  # events of ours before it, by their identifiers


def open_months(
    connection: Connection, customer: str, earliest: BillingPeriod, now: datetime
) -> list[BillingPeriod]:
    """Return the months to read: those that are open, up to the present one.

    They begin with `earliest`, or with the first that holds usage of the customer.
    """
    closed = closed_months(connection)
    names = [str(month) for month in closed]
    first = select(func.min(usage.period)).where(
        usage.customer == customer, usage.period.not_in(names)
    )
    oldest = connection.execute(first).scalar()
    month = min(earliest, BillingPeriod.parse(oldest)) if oldest else earliest
    months = []
    while month.start <= now:
        if month not in closed:
            months.append(month)
        month = month.next
    return months


def plan_cut_over(
    connection: Connection,
    to: MeterDestination,
    from_hour: datetime,
    readings: Sequence[ShadowReading],
    now: datetime,
) -> CutOverPlan:
    """Return what a cut-over comes to, by readings of its months."""
    rated = _rated(connection, to.names, from_hour)
    months = []
    for reading in readings:
        ours = hourly_bounds(connection, reading.month, now)
        split = split_month(reading.hours, ours, from_hour)
        minutes = rated[reading.month.period]
        months.append(MonthPlan(reading, split, minutes))
    undecided = connection.scalars(
        select(event.identifier)
        .where(
            event.customer.in_(to.names),
            event.hour < from_hour,
            event.state != EventState.SYNCED.value,
            ~_is_free(),
            or_(event.reason.is_(None), event.reason.not_in(_DONE)),
        )
        .order_by(event.id)
    )
    return CutOverPlan(
        to=to,
        from_hour=from_hour,
        months=tuple(months),
        proved_at=_proved_at(connection, readings, from_hour, now),
        undecided=tuple(undecided),
    )


def _proved_at(
    connection: Connection,
    readings: Sequence[ShadowReading],
    from_hour: datetime,
    now: datetime,
) -> datetime:
    """Return when a reading that says the same comes a day after the first of them."""
    moments = []
    for reading in readings:
        known = [
            HourlyReading(earlier.read_at, earlier.hours)
            for earlier in shadow_readings(connection, reading.month, from_hour)
            if earlier.read_at < reading.read_at
        ]
        newest = HourlyReading(reading.read_at, reading.hours)
        moments.append(arrived_at([*known, newest], from_hour))
    return max(moments, default=now)


def record_cut_over(
    connection: Connection,
    actor: Actor,
    plan: CutOverPlan,
    reason: str,
    stopped_at: datetime | None,
) -> None:
    """Decide that a meter is ours from an hour on, and count our rows before it.

    What was queued for those hours and never sent is let go, to be counted as well.
    """
    to, from_hour = plan.to, plan.from_hour
    decision = AdoptionDecision(
        kind=AdoptionKind.CUT_OVER,
        to=to,
        from_hour=from_hour,
        reason=reason,
        stopped_at=stopped_at,
    )
    number = record_decision(connection, actor, decision)
    free = outbox.events_that(
        connection,
        event.customer.in_(to.names),
        event.hour < from_hour,
        _is_free(),
    )
    for released in free:
        release(connection, released)
    adopted = Adoption(
        id=number,
        customer=to.customer,
        stripe_customer=to.stripe_customer,
        meter=to.meter,
        livemode=to.livemode,
        from_hour=from_hour,
        at=actor.at,
        actor=actor.name,
        reason=reason,
    )
    _count(connection, actor, adopted, plan)
    for month in plan.months:
        _know(connection, to.customer, month.reading, actor.at)


def _count(
    connection: Connection,
    actor: Actor,
    adopted: Adoption,
    plan: CutOverPlan,
) -> None:
    """Make an event of every hour before the cut-over that anything stood in.

    Rows under an earlier name of the customer take of it what they come to.
    """
    opening: dict[datetime, int] = {}
    for month in plan.months:
        opening |= month.split.opening
    closed = closed_months(connection)
    for name in [*sorted(plan.to.other_names), plan.to.customer]:
        rows: dict[datetime, list[UnstagedRow]] = defaultdict(list)
        for row in adopted_rows(adopted, unstaged_rows(connection, name), closed):
            rows[row.hour].append(row)
        hours = {}
        for hour in {*opening, *rows} if name == plan.to.customer else {*rows}:
            minutes, own = opening.get(hour, 0), rows.get(hour, [])
            if name != plan.to.customer:
                minutes = min(minutes, max(0, charge_of(own).minutes))
                opening[hour] = opening.get(hour, 0) - minutes
            hours[hour] = OpeningHour(minutes, own)
        if hours:
            read_at = max(month.reading.read_at for month in plan.months)
            add_openings(connection, name, adopted, hours, actor, read_at=read_at)


def _know(
    connection: Connection, customer: str, reading: ShadowReading, now: datetime
) -> None:
    """Keep the reading as the month's contact, of which nothing is unknown now."""
    bounds = contact_bounds(connection, customer, reading.month, now)
    minutes = sum(reading.hours.values())
    shown = ContactReading(reading.read_at, minutes, bounds.upper)
    contact = Contact(customer, reading.month, shown, bounds.lower)
    record_contacts(connection, [contact])


def _rated(
    connection: Connection, names: Collection[str], from_hour: datetime
) -> defaultdict[BillingPeriod, int]:
    """Return, by month, what our rows come to that a cut-over would count."""
    closed = closed_months(connection)
    minutes: defaultdict[BillingPeriod, int] = defaultdict(int)
    for name in names:
        for row in unstaged_rows(connection, name):
            if row.hour < from_hour and BillingPeriod.of(row.hour) not in closed:
                minutes[BillingPeriod.of(row.hour)] += row.minutes
    free = select(event.period, func.sum(event.minutes)).where(
        event.customer.in_(names), event.hour < from_hour, _is_free()
    )
    for period, queued in connection.execute(free.group_by(event.period)):
        minutes[BillingPeriod.parse(period)] += int(queued)
    return minutes


def _is_free() -> ColumnElement[bool]:
    """Say of an event that it certainly does not count: never sent, or refused."""
    never_sent = event.last_sent_at.is_(None) & or_(
        event.state == EventState.PENDING.value,
        event.reason == FailReason.EXPIRED.value,
    )
    refused = event.reason == FailReason.REJECTED.value
    return and_(event.state != EventState.SYNCED.value, or_(never_sent, refused))
