"""Closed months: which they are, for whoever posts or stages."""

from sqlalchemy import Connection, select

from billing.domain.period import BillingPeriod
from billing.ledger.schema.tables import period_close

_CLOSED = select(period_close.c.period)


def closed_months(connection: Connection) -> frozenset[BillingPeriod]:
    """Return the months that are closed."""
    names = connection.scalars(_CLOSED)
    return frozenset(BillingPeriod.parse(name) for name in names)
