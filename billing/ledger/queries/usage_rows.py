"""Usage rows: every one of a month, read as a stream however many there are."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from billing.domain.period import BillingPeriod
from billing.ledger.schema.tables import b2b_usage, meter_event, price

_AT_ONCE = 5_000
usage = b2b_usage.c


def usage_rows(connection: Connection, period: BillingPeriod) -> Iterator[Row[Any]]:
    """Yield a month's rows in the order they were posted, with price and event."""
    options = {"yield_per": _AT_ONCE}
    yield from connection.execute(usage_rows_query(period), execution_options=options)


def usage_rows_query(period: BillingPeriod) -> Select[Any]:
    """Return the query for a month's rows, each under the name of its column."""
    joined = b2b_usage.outerjoin(price, price.c.id == usage.price_id).outerjoin(
        meter_event, meter_event.c.id == usage.meter_event_id
    )
    return (
        select(
            usage.id,
            usage.type,
            usage.account,
            usage.customer,
            usage.call_id,
            usage.call_revision,
            usage.corrects,
            usage.hour,
            usage.call_hour,
            usage.billed_minutes,
            price.c.per_minute,
            usage.amount_micro,
            usage.currency,
            usage.posted_at,
            meter_event.c.identifier,
            meter_event.c.state,
        )
        .select_from(joined)
        .where(usage.period == str(period))
        .order_by(usage.id)
    )


def frozen_rows(connection: Connection, period: BillingPeriod) -> Iterator[Row[Any]]:
    """Yield of a closed month's rows what can never change, in the order of posting.

    Which event a row is in, and how that stands, may change after the close.
    """
    options = {"yield_per": _AT_ONCE}
    query: Select[Any] = (
        select(
            usage.id,
            usage.type,
            usage.account,
            usage.customer,
            usage.call_id,
            usage.call_revision,
            usage.corrects,
            usage.hour,
            usage.call_hour,
            usage.billed_minutes,
            price.c.per_minute,
            usage.amount_micro,
            usage.currency,
            usage.posted_at,
        )
        .select_from(b2b_usage.outerjoin(price, price.c.id == usage.price_id))
        .where(usage.period == str(period))
        .order_by(usage.id)
    )
    yield from connection.execute(query, execution_options=options)
