"""Decided calls: what people decided of the calls that a month bills, or did bill."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, func, select

from billing.domain.period import BillingPeriod
from billing.domain.posting import Charge
from billing.ledger.close.period_close import closed_month
from billing.ledger.pull.call_decisions import OF_REVISION
from billing.ledger.schema.tables import (
    b2b_usage,
    call,
    call_decision,
    quarantine_place,
)

usage = b2b_usage.c
_NOTHING = Charge(0, 0)


class DecidedCall(NamedTuple):
    """A call that is billed in this month, or not, as a person decided."""

    account: str
    call_id: str
    started_at: datetime | None
    seconds: int | None
    minutes: int  # of all its rows in this month
    amount_micro: int
    decided_at: datetime
    decided_by: str
    reason: str
    in_force: bool


def decided_calls(
    connection: Connection, period: BillingPeriod, customer: str
) -> list[DecidedCall]:
    """Return what people decided of a customer's calls of a month, or billed in it.

    Of a month that is closed they are those that were recorded by its close.
    """
    closed = closed_month(connection, period)
    last_call = None if closed is None else int(closed.totals.get("last_call", 0))
    billed = _billed(connection, period, customer)
    return [
        DecidedCall(
            account=row.account,
            call_id=row.call_id,
            started_at=row.started_at,
            seconds=row.seconds,
            minutes=billed.get(row.id, _NOTHING).minutes,
            amount_micro=billed.get(row.id, _NOTHING).amount_micro,
            decided_at=row.at,
            decided_by=row.actor,
            reason=row.reason,
            in_force=row.revision == row.newest,
        )
        for row in connection.execute(_decisions(last_call))
        if row.id in billed or (row.period, row.payer) == (str(period), customer)
    ]


def _decisions(last_call: int | None) -> Select[Any]:
    """Select decisions, each with who would pay, and the revision that stands now."""
    later, place = call.alias("later"), quarantine_place.c
    newest = select(func.max(later.c.revision)).where(
        later.c.account == call_decision.c.account,
        later.c.call_id == call_decision.c.call_id,
    )
    of_item = place.quarantine_id == call_decision.c.quarantine_id
    payer = func.coalesce(call.c.customer, place.customer).label("payer")
    if last_call is not None:
        newest = newest.where(later.c.id <= last_call)
    query = (
        select(
            call_decision,
            call.c.started_at,
            call.c.period,
            payer,
            newest.scalar_subquery().label("newest"),
        )
        .select_from(
            call_decision.join(call, OF_REVISION).outerjoin(quarantine_place, of_item)
        )
        .order_by(call_decision.c.id)
    )
    return query if last_call is None else query.where(call.c.id <= last_call)


def _billed(
    connection: Connection, period: BillingPeriod, customer: str
) -> dict[int, Charge]:
    """Return what a month bills of each call that was decided, by the decision."""
    sums = func.sum(usage.billed_minutes), func.sum(usage.amount_micro)
    of_call = (usage.account == call_decision.c.account) & (
        usage.call_id == call_decision.c.call_id
    )
    query = (
        select(call_decision.c.id, *sums)
        .join(b2b_usage, of_call)
        .where(usage.period == str(period), usage.customer == customer)
        .group_by(call_decision.c.id)
    )
    rows = connection.execute(query)
    return {number: Charge(int(held), int(amount)) for number, held, amount in rows}
