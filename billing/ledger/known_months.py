"""Months: whether the ledger knows anything of one."""

from sqlalchemy import Connection, select

from billing.domain.period import BillingPeriod
from billing.errors import BadInput
from billing.ledger.schema.tables import b2b_usage, period_close, pull


def refuse_unknown_month(connection: Connection, period: BillingPeriod) -> None:
    """Raise BadInput for a month that was never pulled, billed or closed."""
    if not holds_month(connection, period):
        raise BadInput(
            f"the ledger holds nothing of {period}; read it with "
            f"`pamela-billing pull {period}`, or name another month"
        )


def holds_month(connection: Connection, period: BillingPeriod) -> bool:
    """Say whether a month was ever pulled, billed or closed."""
    for column in (b2b_usage.c.period, pull.c.period, period_close.c.period):
        rows = select(column).where(column == str(period)).limit(1)
        if connection.execute(rows).first() is not None:
            return True
    return False
