"""Usage totals: what is billed in a month, by customer, account, day or call."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from sqlalchemy import ColumnElement, Connection, case, func, select

from billing.domain.period import BillingPeriod
from billing.ledger.tables import b2b_usage, customer

usage = b2b_usage.c
Key = Literal["customer", "account", "day"]
_IS_USAGE = usage.type == "api_usage"


@dataclass(frozen=True, slots=True)
class UsageTotal:
    """What was billed under one heading, corrections apart."""

    calls: int = 0
    minutes: int = 0
    amount_micro: int = 0
    adjustments: int = 0
    adjusted_minutes: int = 0
    adjusted_amount_micro: int = 0

    def __add__(self, other: "UsageTotal") -> "UsageTotal":
        return UsageTotal(
            self.calls + other.calls,
            self.minutes + other.minutes,
            self.amount_micro + other.amount_micro,
            self.adjustments + other.adjustments,
            self.adjusted_minutes + other.adjusted_minutes,
            self.adjusted_amount_micro + other.adjusted_amount_micro,
        )

    @property
    def billed_minutes(self) -> int:
        """The minutes with all corrections."""
        return self.minutes + self.adjusted_minutes

    @property
    def billed_amount_micro(self) -> int:
        """The amount with all corrections."""
        return self.amount_micro + self.adjusted_amount_micro


class Adjustment(NamedTuple):
    """One correction of a call that was billed before."""

    account: str
    call_id: str
    hour: datetime
    minutes: int
    amount_micro: int
    posted_at: datetime


def totals_by(
    connection: Connection,
    period: BillingPeriod,
    key: Key,
    *,
    only_customer: str | None = None,
) -> dict[str, UsageTotal]:
    """Return a month's totals by the key, in its order."""
    column = usage.hour if key == "day" else usage[key]
    query = select(column, *_sums()).where(usage.period == str(period))
    if only_customer is not None:
        query = query.where(usage.customer == only_customer)
    totals: dict[str, UsageTotal] = defaultdict(UsageTotal)
    for name, *sums in connection.execute(query.group_by(column).order_by(column)):
        heading = name.date().isoformat() if isinstance(name, datetime) else name
        totals[heading] += UsageTotal(*(int(number) for number in sums))
    return dict(totals)


def adjustments(
    connection: Connection, period: BillingPeriod, name: str
) -> list[Adjustment]:
    """Return the corrections of a customer's month, in the order they were made."""
    query = select(
        usage.account,
        usage.call_id,
        usage.hour,
        usage.billed_minutes,
        usage.amount_micro,
        usage.posted_at,
    ).where(usage.period == str(period), usage.customer == name, ~_IS_USAGE)
    return [
        Adjustment._make(row) for row in connection.execute(query.order_by(usage.id))
    ]


def currency_of(connection: Connection, period: BillingPeriod) -> str | None:
    """Return the currency of a month's rows; None when there are none."""
    query = select(usage.currency).where(usage.period == str(period)).limit(1)
    return connection.execute(query).scalar()


def known_customers(connection: Connection) -> dict[str, str]:
    """Return Stripe's name of each customer that was ever registered."""
    columns = customer.c.name, customer.c.stripe_customer
    rows = connection.execute(select(*columns).order_by(customer.c.name))
    return {row.name: row.stripe_customer for row in rows}


def _sums() -> list[ColumnElement[int]]:
    def total(
        column: ColumnElement[int] | int, *, of_usage: bool
    ) -> ColumnElement[int]:
        kind = _IS_USAGE if of_usage else ~_IS_USAGE
        return func.coalesce(func.sum(case((kind, column), else_=0)), 0)

    columns = (1, usage.billed_minutes, usage.amount_micro)
    return [total(c, of_usage=of_usage) for of_usage in (True, False) for c in columns]
