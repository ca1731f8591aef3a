"""Ledger totals: what the ledger holds, summed the ways that readers ask for."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    bindparam,
    func,
    select,
)

from billing.domain.breaks_source import CarriedCall, EdgeCall
from billing.domain.period import HOUR, BillingPeriod
from billing.domain.posting import Charge
from billing.ledger.schema.tables import b2b_usage, call, quarantine
from billing.ledger.schema.usage_joins import called_between, is_newest

usage = b2b_usage.c
# A statement is made once, with these for the month: making it costs as much as asking.
_START: BindParameter[datetime] = bindparam("start")
_END: BindParameter[datetime] = bindparam("end")
_MONTH: BindParameter[str] = bindparam("month")


@dataclass(frozen=True, slots=True)
class LedgerTotal:
    """What the ledger holds of one account's customer in a month."""

    account: str
    customer: str
    minutes: int
    rows: int


@dataclass(frozen=True, slots=True)
class SourceGap:
    """A call whose minutes at the source are not by the rule: theirs less ours."""

    account: str
    customer: str
    call_id: str
    minutes: int


@dataclass(frozen=True, slots=True)
class CarriedRow:
    """A call of an account's customer that is billed in another month than its own."""

    account: str
    customer: str
    carried: CarriedCall


def account_totals(connection: Connection, period: BillingPeriod) -> list[LedgerTotal]:
    """Return the minutes of a month by account and customer."""
    rows = connection.execute(_account_totals(), {"month": str(period)})
    return [
        LedgerTotal(row.account, row.customer, int(row.minutes), row.rows)
        for row in rows
    ]


@cache
def _account_totals() -> Select[Any]:
    # In the order of the index that holds all of it, so nothing is sorted.
    keys = usage.customer, usage.account
    return (
        select(
            *keys,
            func.sum(usage.billed_minutes).label("minutes"),
            func.count().label("rows"),
        )
        .where(usage.period == _MONTH)
        .group_by(*keys)
        .order_by(*keys)
    )


def carried_calls(connection: Connection, period: BillingPeriod) -> list[CarriedRow]:
    """Return the calls that are billed in this month and not of it, or the reverse."""
    rows: list[Any] = []
    for query in _carried():
        rows += connection.execute(query, _edges(period))
    carried_rows = []
    for account, customer, call_id, hour, month_name, minutes, amount in rows:
        called_in, billed_in = BillingPeriod.of(hour), BillingPeriod.parse(month_name)
        charge = Charge(int(minutes), int(amount))
        call_carried = CarriedCall(call_id, called_in, billed_in, charge)
        carried_rows.append(CarriedRow(account, customer, call_carried))
    return carried_rows


@cache
def _carried() -> tuple[Select[Any], ...]:
    keys = (
        usage.account,
        usage.customer,
        usage.call_id,
        usage.call_hour,
        usage.period,
    )
    sums = func.sum(usage.billed_minutes), func.sum(usage.amount_micro)
    return tuple(
        select(*keys, *sums).where(carried).group_by(*keys).order_by(*keys)
        for carried in (*_carried_in(), _carried_out())
    )


def account_minutes(connection: Connection, period: BillingPeriod, account: str) -> int:
    """Return the minutes of an account's calls of a month, wherever they are billed."""
    values = {"month": str(period), "whose": account}
    minutes = int(connection.execute(_billed_of_account(), values).scalar_one())
    for row in carried_calls(connection, period):
        if row.account == account:
            minutes += row.carried.signed_in(period)
    return minutes


@cache
def _billed_of_account() -> Select[Any]:
    total = func.coalesce(func.sum(usage.billed_minutes), 0)
    return select(total).where(
        usage.period == _MONTH, usage.account == bindparam("whose")
    )


def _edges(period: BillingPeriod) -> dict[str, datetime]:
    return {"start": period.start, "end": period.end}


# Few rows among very many: none may start from the rows of the month. So all speak of
# one range of the calls' hours, which has an index, and not of the period.
def _carried_in() -> tuple[ColumnElement[bool], ...]:
    carried = usage.call_hour != usage.hour
    here = (usage.hour >= _START) & (usage.hour < _END)
    earlier, later = usage.call_hour < _START, usage.call_hour >= _END
    return carried & here & earlier, carried & here & later


def _carried_out() -> ColumnElement[bool]:
    there = (usage.hour < _START) | (usage.hour >= _END)
    return (usage.call_hour != usage.hour) & there & called_between(_START, _END)


def calls_underway(connection: Connection, account: str) -> list[str]:
    """Return the calls that were not over when they were last read."""
    return list(connection.scalars(_underway(), {"whose": account}))


@cache
def _underway() -> Select[Any]:
    query = select(call.c.call_id).where(
        call.c.account == bindparam("whose"),
        call.c.not_billable == "underway",
        is_newest(),
    )
    return query.order_by(call.c.id)


def source_gaps(connection: Connection, period: BillingPeriod) -> list[SourceGap]:
    """Return the calls whose minutes at the source are not by the rule."""
    rows = connection.execute(_gaps(), {"month": str(period)})
    return [SourceGap(**row._mapping) for row in rows]


@cache
def _gaps() -> Select[Any]:
    columns = call.c.account, call.c.customer, call.c.call_id
    query = select(*columns, call.c.minutes_gap.label("minutes")).where(
        call.c.period == _MONTH, call.c.minutes_gap != 0, is_newest()
    )
    return query.order_by(call.c.id)


def posted_calls(
    connection: Connection, period: BillingPeriod, account: str
) -> dict[str, dict[str, Charge]]:
    """Return what is posted of an account's calls of a month, by customer and call.

    Where they are billed does not matter.
    """
    keys = usage.customer, usage.call_id
    sums = func.sum(usage.billed_minutes), func.sum(usage.amount_micro)
    of_account = select(*keys, *sums).where(usage.account == account)
    billed_here = of_account.where(
        usage.period == str(period), called_between(_START, _END)
    )
    carried_out = of_account.where(_carried_out())
    posted: dict[str, dict[str, Charge]] = defaultdict(dict)
    for query in (billed_here.group_by(*keys), carried_out.group_by(*keys)):
        rows = connection.execute(query, _edges(period))
        for customer, call_id, minutes, amount in rows:
            before = posted[customer].get(call_id, Charge(0, 0))
            posted[customer][call_id] = Charge(
                before.minutes + int(minutes), before.amount_micro + int(amount)
            )
    return posted


def billed_calls(
    connection: Connection, period: BillingPeriod, account: str
) -> Iterator[tuple[str, int]]:
    """Yield an account's calls of a month with their minutes, as they are read."""
    values = {"month": str(period), "whose": account, **_edges(period)}
    for call_id, minutes in connection.execute(_billed_calls(), values):
        yield call_id, int(minutes)


@cache
def _billed_calls() -> Select[Any]:
    minutes = func.sum(usage.billed_minutes)
    of_month = (usage.period == _MONTH) & called_between(_START, _END)
    query = select(usage.call_id, minutes).where(
        of_month, usage.account == bindparam("whose")
    )
    return query.group_by(usage.call_id).having(minutes != 0)


def known_calls(
    connection: Connection, period: BillingPeriod, account: str
) -> set[str]:
    """Name an account's calls of a month that are posted or in quarantine."""
    posted = posted_calls(connection, period, account)
    held = select(quarantine.c.call_id).where(
        quarantine.c.account == account,
        quarantine.c.period == str(period),
        quarantine.c.released_at.is_(None),
    )
    return {*connection.scalars(held)}.union(*posted.values())


def months_of_calls(
    connection: Connection, account: str, calls: Collection[str]
) -> dict[str, BillingPeriod]:
    """Return the month that the ledger last put each of these calls into."""
    query = (
        select(usage.call_id, usage.call_hour, func.sum(usage.billed_minutes))
        .where(usage.account == account, usage.call_id.in_(calls))
        .group_by(usage.call_id, usage.call_hour)
        .having(func.sum(usage.billed_minutes) != 0)
    )
    return {
        call_id: BillingPeriod.of(hour)
        for call_id, hour, _ in connection.execute(query)
    }


def edge_calls(
    connection: Connection, period: BillingPeriod, account: str
) -> list[EdgeCall]:
    """Return the account's calls in the hours on either side of the month's edges."""
    hours = [
        edge + hours * HOUR for edge in (period.start, period.end) for hours in (-1, 0)
    ]
    minutes = func.sum(usage.billed_minutes)
    same = (call.c.account == usage.account) & (call.c.call_id == usage.call_id)
    query = (
        select(usage.call_id, call.c.started_at, minutes)
        .select_from(b2b_usage.join(call, same))
        .where(usage.account == account, usage.call_hour.in_(hours), is_newest())
        .group_by(usage.call_id, call.c.started_at)
        .order_by(usage.call_id)
    )
    return [
        EdgeCall(call_id, started_at, int(total))
        for call_id, started_at, total in connection.execute(query)
        if started_at is not None
    ]
