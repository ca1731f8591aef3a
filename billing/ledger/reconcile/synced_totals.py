"""Synced totals: what is known as counted, in all and by the hour."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, bindparam, func, select

from billing.domain.meter_event import EventState, FailReason
from billing.domain.period import BillingPeriod
from billing.domain.posting import Charge
from billing.ledger.schema.tables import b2b_usage, meter_attempt, meter_event

event, usage = meter_event.c, b2b_usage.c


class MeterCustomer(NamedTuple):
    """Where a customer's minutes went: a customer of ours, and one of Stripe's."""

    customer: str
    stripe_customer: str


class SyncedTotal(NamedTuple):
    """What is known as counted in a month, and when anything was sent last."""

    charge: Charge
    last_sent_at: datetime | None


def synced_totals(
    connection: Connection, period: BillingPeriod
) -> dict[MeterCustomer, SyncedTotal]:
    """Return what is known as counted in a month, wherever anything was staged.

    A cancellation counts as sent, too: summaries take as long to know of it.
    """
    rows = connection.execute(_totals(), {"month": str(period)})
    counted: dict[MeterCustomer, Charge] = {}
    moments = _cancelled_at(connection, period)
    for *names, state, minutes, amount, sent in rows:
        meter_customer = MeterCustomer(*names)
        counted.setdefault(meter_customer, Charge(0, 0))
        moments[meter_customer].append(sent)
        if state == EventState.SYNCED:
            counted[meter_customer] = Charge(int(minutes), int(amount))
    return {
        meter_customer: SyncedTotal(
            charge, max(filter(None, moments[meter_customer]), default=None)
        )
        for meter_customer, charge in counted.items()
    }


@cache
def _totals() -> Select[Any]:
    keys = event.customer, event.stripe_customer, event.state
    return (
        select(
            *keys,
            func.sum(event.minutes),
            func.sum(event.amount_micro),
            func.max(event.last_sent_at),
        )
        .where(event.period == bindparam("month"))
        .group_by(*keys)
    )


def _cancelled_at(
    connection: Connection, period: BillingPeriod
) -> defaultdict[MeterCustomer, list[datetime | None]]:
    edges = {"start": period.start, "end": period.end}
    moments: defaultdict[MeterCustomer, list[datetime | None]] = defaultdict(list)
    for *names, moment in connection.execute(_cancellations(), edges):
        moments[MeterCustomer(*names)].append(moment)
    return moments


@cache
def _cancellations() -> Select[Any]:
    keys = event.customer, event.stripe_customer
    return (
        select(*keys, func.max(meter_attempt.c.started_at))
        .select_from(meter_event.join(meter_attempt))
        .where(
            event.timestamp >= bindparam("start"),
            event.timestamp < bindparam("end"),
            event.state != EventState.SYNCED.value,
            event.reason.in_([FailReason.CANCELLING.value, FailReason.REPLACED.value]),
            meter_attempt.c.kind == "cancel",
        )
        .group_by(*keys)
    )


def synced_hours(
    connection: Connection, period: BillingPeriod, customers: Collection[str]
) -> dict[MeterCustomer, dict[datetime, Charge]]:
    """Return what is known as counted of some customers, hour by hour."""
    keys = event.customer, event.stripe_customer, event.hour
    query = (
        select(*keys, func.sum(event.minutes), func.sum(event.amount_micro))
        .where(
            event.period == str(period),
            event.customer.in_(customers),
            event.state == EventState.SYNCED.value,
        )
        .group_by(*keys)
    )
    hours: dict[MeterCustomer, dict[datetime, Charge]] = defaultdict(dict)
    for customer, stripe_customer, hour, minutes, amount in connection.execute(query):
        charge = Charge(int(minutes), int(amount))
        hours[MeterCustomer(customer, stripe_customer)][hour] = charge
    return hours
