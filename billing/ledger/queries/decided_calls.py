"""Decided calls: what people decided of the calls that a month bills, or did bill."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from billing.domain.period import BillingPeriod
from billing.ledger.pull.call_decisions import decisions
from billing.ledger.schema.tables import b2b_usage, call_decision

usage = b2b_usage.c


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
    """Return what people decided of a customer's calls that the month has rows of."""
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
    billed = {
        number: (int(minutes), int(amount))
        for number, minutes, amount in connection.execute(query)
    }
    return [
        DecidedCall(
            account=each.account,
            call_id=each.call_id,
            started_at=each.started_at,
            seconds=each.seconds,
            minutes=billed[each.id][0],
            amount_micro=billed[each.id][1],
            decided_at=each.at,
            decided_by=each.actor,
            reason=each.reason,
            in_force=each.in_force,
        )
        for each in decisions(connection)
        if each.id in billed
    ]
