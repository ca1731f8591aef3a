"""Usage totals: what is billed in a month, by customer, account, day or call."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
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
# What several months are summed by.
SPAN_KEYS: tuple[Key, ...] = ("month", *KEYS)
METADATA = "metadata:"
NO_VALUE = "(none)"
Heading = str | date | datetime
_COLUMNS = {
    "customer": usage.customer,
    "account": usage.account,
    "month": usage.period,
}
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
    return totals_of(connection, [period], key)


def totals_of(
    connection: Connection, periods: Sequence[BillingPeriod], key: Key
) -> dict[Heading, UsageTotal]:
    """Return the totals of several months by the key, in its order."""
    rows: FromClause = b2b_usage
    if key.startswith(METADATA):
        column: ColumnElement[Any] = call_metadata.c.value
        rows = b2b_usage.outerjoin(call_metadata, _of_key(key.removeprefix(METADATA)))
    else:
        column = _COLUMNS.get(key, usage.hour)
    query = select(column, *_sums()).select_from(rows)
    query = query.where(usage.period.in_(map(str, periods)))
    lines = connection.execute(query.group_by(column))
    return headed(
        ((name, UsageTotal(*map(int, sums))) for name, *sums in lines),
        by_day=key == "day",
    )


def headed(
    lines: Iterable[tuple[str | datetime | None, UsageTotal]], *, by_day: bool
) -> dict[Heading, UsageTotal]:
    """Return totals under their headings in order, those of hours under their days."""
    totals: dict[Heading, UsageTotal] = defaultdict(UsageTotal)
    for name, total in lines:
        day = name.date() if by_day and isinstance(name, datetime) else None
        totals[day or name or NO_VALUE] += total
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


class LedgerUsage:
    """Adds up usage in the ledger's own database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def totals(
        self, periods: Sequence[BillingPeriod], key: Key
    ) -> dict[Heading, UsageTotal]:
        """Return the totals of some months by the key, in its order."""
        return totals_of(self._connection, periods, key)

    def currency(self, period: BillingPeriod) -> str | None:
        """Return the currency of a month's rows; None when there are none."""
        return currency_of(self._connection, period)
