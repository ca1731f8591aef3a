"""Billed calls: each call of a month with its seconds and what it is billed."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, func, select

from billing.domain.period import BillingPeriod
from billing.ledger.close.period_close import as_recorded
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
    """Yield the calls of a month that it bills, in the order they were posted.

    Of a month that is closed they are as they were at its close.
    """
    options = {"yield_per": _AT_ONCE}
    query = _billed_calls(period, as_recorded(connection, period))
    for row in connection.execute(query, execution_options=options):
        yield BilledCall(
            account=row.account,
            customer=row.customer,
            call_id=row.call_id,
            started_at=row.started_at,
            seconds=row.duration_seconds or 0,
            minutes=int(row.minutes),
            amount_micro=int(row.amount),
        )


def _billed_calls(period: BillingPeriod, recorded: ColumnElement[bool]) -> Select[Any]:
    """Select each call with its sums, and the revision that its last row stands for."""
    keys = usage.account, usage.customer, usage.call_id
    billed = (
        select(
            func.max(usage.id).label("last"),
            func.sum(usage.billed_minutes).label("minutes"),
            func.sum(usage.amount_micro).label("amount"),
            func.min(usage.id).label("first"),
        )
        .where(usage.period == str(period), called_between(period.start, period.end))
        .group_by(*keys)
        .having(func.sum(usage.billed_minutes) != 0)
        .subquery()
    )
    last_row = billed.join(b2b_usage, usage.id == billed.c.last)
    return (
        select(
            *keys,
            call.c.started_at,
            call.c.duration_seconds,
            billed.c.minutes,
            billed.c.amount,
        )
        .select_from(last_row.join(call, recorded))
        .order_by(billed.c.first)
    )


def carried_usage(connection: Connection, period: BillingPeriod) -> Carried:
    """Return what a month bills of other months' calls."""
    sums = func.sum(usage.billed_minutes), func.sum(usage.amount_micro)
    query = select(func.count(), *(func.coalesce(total, 0) for total in sums)).where(
        usage.period == str(period), ~called_between(period.start, period.end)
    )
    rows, minutes, amount = connection.execute(query).one()
    return Carried(rows, int(minutes), int(amount))
