"""Meter bounds: the least and the most of a month at the meter that can be ours."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    bindparam,
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
from billing.ledger.sync.contact_context import acknowledged_minutes

event, attempt = meter_event.c, meter_attempt.c
_NOT_COUNTED = [
    FailReason.REJECTED.value,
    FailReason.REPLACED.value,
    FailReason.VOIDED.value,
]
_LATE = "decreases_since"  # what took minutes back since then may be missing


def _may_count() -> ColumnElement[bool]:
    """Say of an event that is not synced whether it was sent and may yet count."""
    undecided = or_(event.reason.is_(None), event.reason.not_in(_NOT_COUNTED))
    given_up = event.reason == FailReason.VOIDED.value
    return (event.state != EventState.SYNCED.value) & or_(
        undecided & event.last_sent_at.is_not(None),
        given_up & event.first_unknown_at.is_not(None),
    )


def _taken_back_lately() -> ColumnElement[bool]:
    cancelled = exists().where(
        attempt.event_id == event.id,
        attempt.kind == CANCEL,
        attempt.started_at > bindparam(_LATE),
    )
    return and_(event.reason == FailReason.REPLACED.value, cancelled)


def _at_least() -> ColumnElement[int]:
    """Return the least that an event comes to in a summary which lags for none."""
    return case(
        (event.state == EventState.SYNCED.value, event.minutes),
        (_may_count() & (event.minutes < 0), event.minutes),
        else_=0,
    )


def _at_most() -> ColumnElement[int]:
    """Return the most that an event can come to.

    What takes minutes back, a cancellation or an event below zero, may be missing in a
    summary for some days.
    """
    is_synced = event.state == EventState.SYNCED.value
    may_be_missing = (event.minutes < 0) & (event.last_sent_at > bindparam(_LATE))
    return case(
        (is_synced & may_be_missing, 0),
        (is_synced, event.minutes),
        (event.minutes <= 0, 0),
        (_may_count(), event.minutes),
        (_taken_back_lately(), event.minutes),
        else_=0,
    )


# Of one of Stripe's customers, and of a month there. Made once: each customer's sync
# asks them.
AT_ADDRESS = and_(
    event.livemode == bindparam("livemode"),
    event.meter == bindparam("meter"),
    event.stripe_customer == bindparam("stripe_customer"),
)
OF_MONTH = and_(
    AT_ADDRESS,
    event.hour >= bindparam("start"),
    event.hour < bindparam("end"),
)
_LOWER, _UPPER = func.sum(_at_least()), func.sum(_at_most())
_MONTH = select(func.coalesce(_LOWER, 0), func.coalesce(_UPPER, 0)).where(OF_MONTH)
_HOURS = select(event.hour, _LOWER, _UPPER).where(OF_MONTH).group_by(event.hour)
_FOUND_ABSENT = (
    select(
        event.hour,
        func.sum(event.minutes).label("minutes"),
        func.max(event.rearmed_at).label("at"),
    )
    .where(
        OF_MONTH,
        event.hour < bindparam("before"),
        event.state == EventState.PENDING.value,
        event.minutes > 0,
        event.last_sent_at <= event.rearmed_at,
    )
    .group_by(event.hour)
)
_MOST_BY_HOUR = (
    select(event.stripe_customer, event.hour, _UPPER)
    .where(
        event.period == bindparam("period"),
        event.stripe_customer.in_(bindparam("stripe_customers", expanding=True)),
    )
    .group_by(event.stripe_customer, event.hour)
)


def of_month(month: MeterMonth) -> dict[str, object]:
    """Return what `OF_MONTH` asks for."""
    return {
        "livemode": int(month.livemode),
        "meter": month.meter,
        "stripe_customer": month.stripe_customer,
        "start": month.period.start,
        "end": month.period.end,
    }


def month_bounds(
    connection: Connection, month: MeterMonth, now: datetime
) -> MinuteBounds:
    """Return the least and the most that can be ours in a month, whoever it is for."""
    asked = of_month(month) | _late(now)
    least, most = connection.execute(_MONTH, asked).one()
    return MinuteBounds(int(least), int(most))


def contact_bounds(
    connection: Connection,
    customer: str,
    month: MeterMonth,
    now: datetime,
    hours: Mapping[datetime, int] | None = None,
    *,
    lets_be: bool = True,
) -> MinuteBounds:
    """Return what of a month can be ours, or is known and let be by a person.

    Where its hours were read, what one shows too much stands for no other hour. Unless
    anything is let be at all, nobody needs to be asked for it.
    """
    bounds = month_bounds(connection, month, now)
    more = acknowledged_minutes(connection, customer, month.period) if lets_be else 0
    upper = bounds.upper + more
    if hours is not None:
        own = hourly_bounds(connection, month, now)
        most = {hour: each.upper for hour, each in own.items()}
        for absent in found_absent(connection, month, now):
            most[absent.hour] -= absent.minutes
        too_much = sum(
            max(0, minutes - most.get(hour, 0)) for hour, minutes in hours.items()
        )
        if too_much > more:
            upper = min(upper, sum(hours.values()) - (too_much - more))
    return MinuteBounds(bounds.lower, upper)


def hourly_bounds(
    connection: Connection, month: MeterMonth, now: datetime
) -> dict[datetime, MinuteBounds]:
    """Return the same of each hour of a month that anything is ours in."""
    asked = of_month(month) | _late(now)
    return {
        hour: MinuteBounds(int(least), int(most))
        for hour, least, most in connection.execute(_HOURS, asked)
    }


def most_by_hour(
    connection: Connection,
    period: BillingPeriod,
    stripe_customers: Collection[str],
    now: datetime,
) -> Mapping[str, Mapping[datetime, int]]:
    """Return the most that can be ours in each hour of some of Stripe's customers."""
    asked = {"period": str(period), "stripe_customers": [*stripe_customers]}
    most: dict[str, dict[datetime, int]] = {name: {} for name in stripe_customers}
    for name, hour, minutes in connection.execute(_MOST_BY_HOUR, asked | _late(now)):
        most[name][hour] = int(minutes)
    return most


def found_absent(
    connection: Connection, month: MeterMonth, before: datetime
) -> Sequence[Row[Any, Any, Any]]:
    """Return the hours before a time with events that were sent, and found absent."""
    asked = of_month(month) | {"before": before}
    return connection.execute(_FOUND_ABSENT, asked).all()


def _late(now: datetime) -> dict[str, object]:
    return {_LATE: now - LATEST_DECREASE}
