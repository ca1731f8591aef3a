"""Price uses: what of a customer's month was billed at which price."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from billing.domain.period import BillingPeriod
from billing.ledger.schema.tables import b2b_usage, price

usage = b2b_usage.c


class PriceUse(NamedTuple):
    """What was billed at one price; a call taken back wholly names none."""

    effective_from: datetime | None
    per_minute: Decimal | None
    rows: int
    minutes: int
    amount_micro: int


def price_uses(
    connection: Connection, period: BillingPeriod, customer: str
) -> list[PriceUse]:
    """Return the prices of a customer's month, in the order of their dates."""
    sums = func.count(), func.sum(usage.billed_minutes), func.sum(usage.amount_micro)
    sums_by_price = (
        select(usage.price_id, *sums)
        .where(usage.period == str(period), usage.customer == customer)
        .group_by(usage.price_id)
    )
    prices = {row.id: row for row in connection.execute(select(price))}
    uses = []
    for number, rows, minutes, amount in connection.execute(sums_by_price):
        row = prices.get(number)
        since, per_minute = (
            (row.effective_from, row.per_minute) if row else (None, None)
        )
        uses.append(
            PriceUse(
                effective_from=since,
                per_minute=per_minute,
                rows=rows,
                minutes=int(minutes),
                amount_micro=int(amount),
            )
        )
    return sorted(uses, key=_by_date)


def _by_date(use: PriceUse) -> tuple[bool, str]:
    since = use.effective_from
    return since is None, since.isoformat() if since else ""
