"""Usage totals: what is billed in a month, by customer, account, day or call."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, case, func, select

from billing.domain.period import BillingPeriod
from billing.ledger.pull import pulls
from billing.ledger.schema.tables import account, b2b_usage, call_metadata

usage = b2b_usage.c
# What a month is summed by: one of KEYS, or the values of a metadata key.
Key = str
KEYS: tuple[Key, ...] = ("customer", "account", "day", "hour")
METADATA = "metadata:"
NO_VALUE = "(none)"
Heading = str | date | datetime
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
            calls=self.calls + other.calls,
            minutes=self.minutes + other.minutes,
            amount_micro=self.amount_micro + other.amount_micro,
            adjustments=self.adjustments + other.adjustments,
            adjusted_minutes=self.adjusted_minutes + other.adjusted_minutes,
            adjusted_amount_micro=self.adjusted_amount_micro
            + other.adjusted_amount_micro,
        )

    @property
    def billed_minutes(self) -> int:
        """The minutes with all corrections."""
        return self.minutes + self.adjusted_minutes

    @property
    def billed_amount_micro(self) -> int:
        """The amount with all corrections."""
        return self.amount_micro + self.adjusted_amount_micro


def totals_by(
    connection: Connection, period: BillingPeriod, key: Key
) -> dict[Heading, UsageTotal]:
    """Return a month's totals by the key, in its order."""
    rows: FromClause = b2b_usage
    if key.startswith(METADATA):
        column: ColumnElement[Any] = call_metadata.c.value
        rows = b2b_usage.outerjoin(call_metadata, _of_key(key.removeprefix(METADATA)))
    else:
        column = usage.hour if key in {"day", "hour"} else usage[key]
    query = select(column, *_sums()).select_from(rows)
    query = query.where(usage.period == str(period))
    totals: dict[Heading, UsageTotal] = defaultdict(UsageTotal)
    for name, *sums in connection.execute(query.group_by(column)):
        heading = name.date() if key == "day" else name or NO_VALUE
        totals[heading] += UsageTotal(*(int(number) for number in sums))
    # Sorted here: every database has an order of its own for texts.
    return {heading: totals[heading] for heading in sorted(totals, key=str)}


def known_until(connection: Connection, period: BillingPeriod) -> datetime | None:
    """Return until when all calls of a month are known: the eldest account's moment.

    None where a month of an account was never read whole.
    """
    names = connection.scalars(select(account.c.name)).all()
    moments = [pulls.last_complete(connection, name, period, None) for name in names]
    complete = [moment for moment in moments if moment is not None]
    return min(complete) if complete and len(complete) == len(moments) else None


def _of_key(key: str) -> ColumnElement[bool]:
    metadata = call_metadata.c
    same_call = (metadata.account == usage.account) & (
        metadata.call_id == usage.call_id
    )
    return same_call & (metadata.key == key)


def currency_of(connection: Connection, period: BillingPeriod) -> str | None:
    """Return the currency of a month's rows; None when there are none."""
    query = select(usage.currency).where(usage.period == str(period)).limit(1)
    return connection.execute(query).scalar()


def _sums() -> list[ColumnElement[int]]:
    def total(
        column: ColumnElement[int] | int, *, of_usage: bool
    ) -> ColumnElement[int]:
        kind = _IS_USAGE if of_usage else ~_IS_USAGE
        return func.coalesce(func.sum(case((kind, column), else_=0)), 0)

    columns = (1, usage.billed_minutes, usage.amount_micro)
    return [total(c, of_usage=of_usage) for of_usage in (True, False) for c in columns]
