"""Whole readings: when each account's months were read whole, of those still billed."""

from collections.abc import Collection
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    case,
    func,
    literal_column,
    select,
)

from billing.domain.period import BillingPeriod
from billing.domain.rereading import MonthReading
from billing.ledger.pull.pulls import MONTH
from billing.ledger.schema.tables import period_close, pull


def month_readings(
    connection: Connection, accounts: Collection[str]
) -> list[MonthReading]:
    """Return how every month that accounts were read whole in was read last."""
    rows = connection.execute(_readings(), {"accounts": sorted(accounts)})
    readings = []
    for account, name, read_at, tried_at, closed_at in rows:
        period = BillingPeriod.parse(name)
        reading = MonthReading(
            account=account,
            period=period,
            since=closed_at or period.end,
            read_at=read_at,
            tried_at=tried_at,
        )
        readings.append(reading)
    return readings


@cache
def _readings() -> Select[Any]:
    keys = pull.c.account, pull.c.period
    # A literal, so that SQLite finds the index of just these.
    whole: ColumnElement[str] = literal_column(f"'{MONTH}'")
    read_at = func.max(case((pull.c.state == "complete", pull.c.started_at)))
    return (
        select(*keys, read_at, func.max(pull.c.started_at), period_close.c.closed_at)
        .join(period_close, period_close.c.period == pull.c.period, isouter=True)
        .where(
            pull.c.account.in_(bindparam("accounts", expanding=True)),
            pull.c.scope == whole,
        )
        .group_by(*keys, period_close.c.closed_at)
        .having(read_at.is_not(None))
        .order_by(*keys)
    )
