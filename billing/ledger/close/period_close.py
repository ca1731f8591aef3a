"""Closing: which months are frozen, and the digest of what was frozen.

The digest is the SHA-256 over JSON arrays, a line each: the format and the month; the
prices that the month's rows name; its rows, each with the evidence that it was rated
from; the totals per customer. Nothing in it depends on the database that holds it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

import orjson
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    collate,
    func,
    insert,
    select,
)

from billing.domain.period import BillingPeriod
from billing.ledger.audit import audit_log
from billing.ledger.audit.audit_log import Actor
from billing.ledger.audit.recorded.month_rows import refuse_altered_month
from billing.ledger.schema.tables import b2b_usage, call, period_close, price
from billing.ledger.schema.usage_joins import RATED_FROM, stands_for
from billing.ledger.stored_json import read_stored, whole

FORMAT = "pamela-billing close 1"
_ROWS_AT_ONCE = 2_000

usage = b2b_usage.c


class CustomerTotal(NamedTuple):
    """What a customer's month adds up to, corrections included."""

    customer: str
    currency: str
    rows: int
    minutes: int
    amount_micro: int


class ClosedMonth(NamedTuple):
    """A month that is frozen."""

    period: BillingPeriod
    closed_at: datetime
    closed_by: str
    digest: str
    totals: Mapping[str, Any]


def closed_month(connection: Connection, period: BillingPeriod) -> ClosedMonth | None:
    """Return how a month was closed; None while it is open."""
    close = period_close.c
    columns = close.closed_at, close.closed_by, close.digest, close.totals
    query = select(*columns).where(close.period == str(period))
    row = connection.execute(query).first()
    if row is None:
        return None
    closed_at, closed_by, digest, totals = row
    return ClosedMonth(
        period=period,
        closed_at=closed_at,
        closed_by=closed_by,
        digest=digest,
        totals=read_stored(totals or "{}", "a set of totals", _totals),
    )


def _totals(said: Any) -> Mapping[str, Any]:
    whole(said.get("last_call", 0))
    return dict(said)


def as_recorded(connection: Connection, period: BillingPeriod) -> ColumnElement[bool]:
    """Return which revision of its call a row of a month stands for, in every document.

    Of a closed month it is what was recorded at its close. Earlier versions did not
    keep how far that was: there it is what the row was rated from, as in the digest.
    """
    closed = closed_month(connection, period)
    if closed is None:
        return stands_for(None)
    last_call = closed.totals.get("last_call")
    return RATED_FROM if last_call is None else stands_for(int(last_call))


def freeze(
    connection: Connection,
    period: BillingPeriod,
    actor: Actor,
    *,
    run: int,
    reason: str | None,
) -> ClosedMonth:
    """Close a month for ever, as the reconciliation `run` found it to be right.

    Raises AlteredRows for a row that is not as the trail recorded it.
    """
    refuse_altered_month(connection, period)
    customers = customer_totals(connection, period)
    totals = {
        "rows": sum(total.rows for total in customers),
        "minutes": sum(total.minutes for total in customers),
        "amount_micro": sum(total.amount_micro for total in customers),
        "customers": [total._asdict() for total in customers],
        "reconciliation": run,
        "last_call": connection.execute(select(func.max(call.c.id))).scalar() or 0,
    }
    digest = period_digest(connection, period)
    row = {
        "period": str(period),
        "closed_at": actor.at,
        "closed_by": actor.name,
        "digest": digest,
        "totals": json.dumps(totals, sort_keys=True),
    }
    audit_log.touch(connection, period_close, [str(period)])
    connection.execute(insert(period_close).values(row))
    detail = {"digest": digest, "reconciliation": run}
    audit_log.record(
        connection, actor, "period.closed", str(period), detail, reason=reason
    )
    return ClosedMonth(
        period=period,
        closed_at=actor.at,
        closed_by=actor.name,
        digest=digest,
        totals=totals,
    )


def closed_periods(connection: Connection) -> dict[str, str]:
    """Return the months that are closed, with their digests, oldest first."""
    query = select(period_close.c.period, period_close.c.digest)
    rows = connection.execute(query.order_by(period_close.c.period))
    return {row.period: row.digest for row in rows}


def period_digest(connection: Connection, period: BillingPeriod) -> str:
    """Return the digest of a month as the ledger holds it now, in flat memory."""
    digest = sha256()
    for lines in _canonical_lines(connection, period):
        digest.update(b"".join(map(_format, lines)))
    return digest.hexdigest()


def customer_totals(
    connection: Connection, period: BillingPeriod
) -> list[CustomerTotal]:
    """Return what each customer's month adds up to."""
    keys = usage.customer, usage.currency
    sums = func.count(), func.sum(usage.billed_minutes), func.sum(usage.amount_micro)
    query = (
        select(*keys, *sums)
        .where(usage.period == str(period))
        .group_by(*keys)
        .order_by(*(_in_bytes(connection, key) for key in keys))
    )
    return [
        CustomerTotal(
            customer=customer,
            currency=currency,
            rows=int(rows),
            minutes=int(minutes),
            amount_micro=int(amount),
        )
        for customer, currency, rows, minutes, amount in connection.execute(query)
    ]


def _canonical_lines(
    connection: Connection, period: BillingPeriod
) -> Iterator[Iterable[tuple[Any, ...]]]:
    yield [(FORMAT, str(period))]
    yield _prices(connection, period)
    yield from _rows(connection, period)
    yield [("total", *total) for total in customer_totals(connection, period)]


def _prices(connection: Connection, period: BillingPeriod) -> Iterator[tuple[Any, ...]]:
    named = select(usage.price_id).where(usage.period == str(period))
    columns = price.c.effective_from, price.c.per_minute, price.c.currency
    query = select(*columns).where(price.c.id.in_(named))
    for since, per_minute, currency in connection.execute(
        query.order_by(price.c.effective_from)
    ):
        yield "price", since, format(per_minute, "f"), currency


def _rows(
    connection: Connection, period: BillingPeriod
) -> Iterator[Iterator[tuple[Any, ...]]]:
    """Read the month's rows; a row that it corrects is named by what makes it one."""
    corrected = b2b_usage.alias("corrected")
    columns = (
        usage.account,
        usage.call_id,
        usage.call_revision,
        usage.call_hour,
        usage.customer,
        usage.type,
        usage.hour,
        usage.billed_minutes,
        usage.amount_micro,
        usage.currency,
        usage.posted_at,
        price.c.effective_from,
        corrected.c.call_revision,
        corrected.c.call_hour,
        corrected.c.customer,
        call.c.extract_sha256,
    )
    query = (
        select(*columns)
        .select_from(
            b2b_usage.outerjoin(price, price.c.id == usage.price_id)
            .outerjoin(corrected, corrected.c.id == usage.corrects)
            .outerjoin(call, RATED_FROM)
        )
        .where(usage.period == str(period))
        .order_by(
            _in_bytes(connection, usage.account),
            _in_bytes(connection, usage.call_id),
            usage.call_revision,
            usage.call_hour,
            _in_bytes(connection, usage.customer),
        )
    )
    streamed = query.execution_options(yield_per=_ROWS_AT_ONCE)
    for part in connection.execute(streamed).partitions():
        yield (("usage", *row) for row in part)


def _format(line: tuple[Any, ...]) -> bytes:
    """Format a line in UTF-8: no spaces, times in ISO 8601 with their +00:00."""
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def _in_bytes(connection: Connection, column: Column[str]) -> ColumnElement[str]:
    """Order texts by their bytes: PostgreSQL would go by its language."""
    return column if connection.dialect.name == "sqlite" else collate(column, "C")
