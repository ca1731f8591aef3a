"""Billed calls: each call of a month with its seconds and what it is billed."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from billing.domain.period import BillingPeriod
from billing.domain.rating import billed_minutes
from billing.ledger.schema.tables import b2b_usage, call
from billing.ledger.schema.usage_joins import called_between

_AT_ONCE = 5_000
usage = b2b_usage.c


class BilledCall(NamedTuple):
    """A call of the month, corrections within the month included."""

    account: str
    customer: str
    call_id: str
    started_at: datetime
    seconds: int
    minutes: int
    amount_micro: int


class Carried(NamedTuple):
    """What a month bills of the calls of other months."""

    rows: int
    minutes: int
    amount_micro: int


def billed_calls(connection: Connection, period: BillingPeriod) -> Iterator[BilledCall]:
    """Yield the calls of a month that it bills, in the order they were posted."""
    keys = usage.account, usage.customer, usage.call_id
    billed = (
        select(
            *keys,
            func.max(usage.call_revision).label("revision"),
            func.sum(usage.billed_minutes).label("minutes"),
            func.sum(usage.amount_micro).label("amount"),
            func.min(usage.id).label("first"),
        )
        .where(usage.period == str(period), called_between(period.start, period.end))
        .group_by(*keys)
        .having(func.sum(usage.billed_minutes) != 0)
        .subquery()
    )
    same = (call.c.account == billed.c.account) & (call.c.call_id == billed.c.call_id)
    rated = same & (call.c.revision == billed.c.revision)
    later = call.alias("later")
    newest = (
        select(later.c.duration_seconds)
        .where(later.c.account == billed.c.account, later.c.call_id == billed.c.call_id)
        .order_by(later.c.revision.desc())
        .limit(1)
        .scalar_subquery()
        .label("newest")
    )
    query = (
        select(
            *(billed.c[name] for name in ("account", "customer", "call_id")),
            call.c.started_at,
            call.c.duration_seconds,
            newest,
            billed.c.minutes,
            billed.c.amount,
        )
        .select_from(billed.join(call, rated))
        .order_by(billed.c.first)
    )
    options = {"yield_per": _AT_ONCE}
    for row in connection.execute(query, execution_options=options):
        # A revision that changes the seconds and not the minutes posts no row.
        last, minutes = row.newest, int(row.minutes)
        is_same = last is not None and billed_minutes(last) == minutes
        yield BilledCall(
            account=row.account,
            customer=row.customer,
            call_id=row.call_id,
            started_at=row.started_at,
            seconds=last if is_same else row.duration_seconds or 0,
            minutes=minutes,
            amount_micro=int(row.amount),
        )


def carried_usage(connection: Connection, period: BillingPeriod) -> Carried:
    """Return what a month bills of other months' calls."""
    sums = func.sum(usage.billed_minutes), func.sum(usage.amount_micro)
    query = select(func.count(), *(func.coalesce(total, 0) for total in sums)).where(
        usage.period == str(period), ~called_between(period.start, period.end)
    )
    rows, minutes, amount = connection.execute(query).one()
    return Carried(rows, int(minutes), int(amount))
