"""Parity: the newest readings of a month by the hour, beside what is rated here."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import Connection, func, select

from billing.domain.parity import (
    CustomerHours,
    CustomerParity,
    ParityVerdict,
    by_customer,
)
from billing.domain.parity_causes import find_parity
from billing.domain.period import BillingPeriod
from billing.domain.rounding_rule import TimedCall
from billing.ledger.adopt.shadow_readings import ShadowReading, newest_readings
from billing.ledger.queries.billed_calls import billed_calls
from billing.ledger.schema.tables import b2b_usage
from billing.ledger.schema.usage_joins import called_between
from billing.ledger.sync.adoptions import read_adoptions

usage = b2b_usage.c


def read_parity(
    connection: Connection, period: BillingPeriod, customers: Collection[str] | None
) -> list[CustomerParity]:
    """Compare a month of some customers, or of all whose meter was ever read.

    What is ours since a cut-over is not compared.
    """
    adoptions = read_adoptions(connection)
    ends = {name: adopted.from_hour for name, adopted in adoptions.items()}
    readings = [
        reading
        for name, reading in sorted(newest_readings(connection, period).items())
        if customers is None or name in customers
    ]
    ours = _minutes_by_hour(connection, period)
    hours = [
        _hours(each, ours[each.customer]).before(ends.get(each.customer))
        for each in readings
    ]
    differing = {each.customer for each in hours if each.differs}
    if not differing:
        return find_parity(hours)
    calls: defaultdict[str, list[TimedCall]] = defaultdict(list)
    for call in billed_calls(connection, period):
        if call.customer in differing:
            calls[call.customer].append(
                TimedCall(call.call_id, call.started_at, call.seconds, call.minutes)
            )
    return find_parity(
        _hours(each, ours[each.customer], calls[each.customer]).before(
            ends.get(each.customer)
        )
        for each in readings
    )


def read_verdict(
    connection: Connection, customers: Collection[str], periods: Iterable[BillingPeriod]
) -> ParityVerdict:
    """Say how parity stands for customers in shadow, over some months."""
    parities = [
        parity
        for period in sorted(periods)
        for parity in read_parity(connection, period, customers)
    ]
    found = by_customer(parities)
    unread = frozenset(customers) - {parity.customer for parity in found}
    return ParityVerdict(tuple(found), tuple(sorted(unread)))


def _hours(
    reading: ShadowReading,
    ours: dict[datetime, int],
    calls: Iterable[TimedCall] = (),
) -> CustomerHours:
    return CustomerHours(
        customer=reading.customer,
        read_at=reading.read_at,
        meter=reading.hours,
        ours=ours,
        calls=list(calls),
    )


def _minutes_by_hour(
    connection: Connection, period: BillingPeriod
) -> defaultdict[str, dict[datetime, int]]:
    """Return what is rated of a month's calls, in the hours in which they began."""
    keys = usage.customer, usage.call_hour
    query = (
        select(*keys, func.sum(usage.billed_minutes))
        .where(usage.period == str(period), called_between(period.start, period.end))
        .group_by(*keys)
    )
    minutes: defaultdict[str, dict[datetime, int]] = defaultdict(dict)
    for customer, hour, held in connection.execute(query):
        if held:
            minutes[customer][hour] = int(held)
    return minutes
