"""Meter bounds: the least and the most of a month at the meter that can be ours."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    case,
    exists,
    func,
    or_,
    select,
)

from billing.domain.breaks import MinuteBounds
from billing.domain.meter_contact import LATEST_DECREASE, MeterMonth
from billing.domain.meter_event import EventState, FailReason
from billing.domain.period import BillingPeriod
from billing.ledger.schema.tables import meter_attempt, meter_event
from billing.ledger.sync.attempts import CANCEL

event, attempt = meter_event.c, meter_attempt.c
_NOT_COUNTED = [
    FailReason.REJECTED.value,
    FailReason.REPLACED.value,
    FailReason.VOIDED.value,
]


def month_bounds(
    connection: Connection, month: MeterMonth, now: datetime
) -> MinuteBounds:
    """Return the least and the most that can be ours in a month, whoever it is for."""
    query = select(
        func.coalesce(func.sum(_at_least()), 0).label("lower"),
        func.coalesce(func.sum(_at_most(now)), 0).label("upper"),
    ).where(
        event.livemode == int(month.livemode),
        event.meter == month.meter,
        event.stripe_customer == month.stripe_customer,
        event.hour >= month.period.start,
        event.hour < month.period.end,
    )
    row = connection.execute(query).one()
    return MinuteBounds(int(row.lower), int(row.upper))


def hourly_bounds(
    connection: Connection, month: MeterMonth, now: datetime
) -> dict[datetime, MinuteBounds]:
    """Return the same of each hour of a month that anything is ours in."""
    query = select(event.hour, func.sum(_at_least()), func.sum(_at_most(now))).where(
        event.livemode == int(month.livemode),
        event.meter == month.meter,
        event.stripe_customer == month.stripe_customer,
        event.hour >= month.period.start,
        event.hour < month.period.end,
    )
    return {
        hour: MinuteBounds(int(least), int(most))
        for hour, least, most in connection.execute(query.group_by(event.hour))
    }


def most_by_hour(
    connection: Connection,
    period: BillingPeriod,
    stripe_customers: Collection[str],
    now: datetime,
) -> Mapping[str, Mapping[datetime, int]]:
    """Return the most that can be ours in each hour of some of Stripe's customers."""
    keys = event.stripe_customer, event.hour
    query = select(*keys, func.sum(_at_most(now))).where(
        event.period == str(period), event.stripe_customer.in_(stripe_customers)
    )
    most: dict[str, dict[datetime, int]] = {name: {} for name in stripe_customers}
    for name, hour, minutes in connection.execute(query.group_by(*keys)):
        most[name][hour] = int(minutes)
    return most


def found_absent(
    connection: Connection, month: MeterMonth, before: datetime
) -> Sequence[Row[Any, Any, Any]]:
    """Return the hours before a time with events that were sent, and found absent."""
    columns = (
        event.hour,
        func.sum(event.minutes).label("minutes"),
        func.max(event.rearmed_at).label("at"),
    )
    query = select(*columns).where(
        event.livemode == int(month.livemode),
        event.meter == month.meter,
        event.stripe_customer == month.stripe_customer,
        event.hour >= month.period.start,
        event.hour < min(month.period.end, before),
        event.state == EventState.PENDING.value,
        event.minutes > 0,
        event.last_sent_at <= event.rearmed_at,
    )
    return connection.execute(query.group_by(event.hour)).all()


def _at_least() -> ColumnElement[int]:
    """Return the least that an event comes to in a summary which lags for none."""
    return case(
        (event.state == EventState.SYNCED.value, event.minutes),
        (_may_count() & (event.minutes < 0), event.minutes),
        else_=0,
    )


def _at_most(now: datetime) -> ColumnElement[int]:
    """Return the most that an event can come to.

    What takes minutes back, a cancellation or an event below zero, may be missing in a
    summary for some days.
    """
    since = now - LATEST_DECREASE
    is_synced = event.state == EventState.SYNCED.value
    may_be_missing = (event.minutes < 0) & (event.last_sent_at > since)
    return case(
        (is_synced & may_be_missing, 0),
        (is_synced, event.minutes),
        (event.minutes <= 0, 0),
        (_may_count(), event.minutes),
        (_taken_back_since(since), event.minutes),
        else_=0,
    )


def _may_count() -> ColumnElement[bool]:
    """Say of an event that is not synced whether it was sent and may yet count."""
    undecided = or_(event.reason.is_(None), event.reason.not_in(_NOT_COUNTED))
    given_up = event.reason == FailReason.VOIDED.value
    return (event.state != EventState.SYNCED.value) & or_(
        undecided & event.last_sent_at.is_not(None),
        given_up & event.first_unknown_at.is_not(None),
    )


def _taken_back_since(since: datetime) -> ColumnElement[bool]:
    cancelled = exists().where(
        attempt.event_id == event.id,
        attempt.kind == CANCEL,
        attempt.started_at > since,
    )
    return and_(event.reason == FailReason.REPLACED.value, cancelled)
