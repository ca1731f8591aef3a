"""Quarantine: records that could not be understood, kept in sight until they are."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    func,
    insert,
    select,
    update,
)

from billing.domain.period import BillingPeriod
from billing.ledger.audit import audit_log
from billing.ledger.schema.closed_months import closed_months
from billing.ledger.schema.tables import call_decision, quarantine, quarantine_place

_OPEN_OF_ACCOUNT = select(quarantine.c.id, quarantine.c.call_id).where(
    quarantine.c.account == bindparam("account"), quarantine.c.released_at.is_(None)
)


class SetAside(NamedTuple):
    """One record set aside: its reason, and the digest of what the source sent.

    `period` is its month, as far as it says one, and `minutes` what it may come to.
    When it began and who would pay are what a decision on it starts from.
    """

    account: str
    call_id: str
    reason: str
    detail: str
    source_sha256: str
    period: BillingPeriod
    minutes: int | None = None
    extract_sha256: str | None = None  # where the call itself can be understood
    created_at: datetime | None = None
    started_at: datetime | None = None
    customer: str | None = None


class QuarantinedCall(NamedTuple):
    """A record that is still in quarantine."""

    account: str
    call_id: str
    period: str
    reason: str
    detail: str
    seen_at: datetime


def set_aside(
    connection: Connection,
    items: Sequence[SetAside],
    *,
    period: BillingPeriod,
    pull_id: int,
    now: datetime,
) -> None:
    """Add what is not in quarantine already, to its month; `period` is being pulled.

    Nobody looks at a closed month any more, so what is of one stands in this one, or
    in the first open one after it.
    """
    closed = closed_months(connection) if items else frozenset()
    while period in closed:
        period = period.next
    for item in items:
        same_item = select(quarantine.c.id).where(
            quarantine.c.account == item.account,
            quarantine.c.call_id == item.call_id,
            quarantine.c.reason == item.reason,
            quarantine.c.source_sha256 == item.source_sha256,
            quarantine.c.released_at.is_(None),
        )
        number = connection.execute(same_item).scalar()
        if number is None:
            row = {
                "account": item.account,
                "call_id": item.call_id,
                "reason": item.reason,
                "detail": item.detail,
                "source_sha256": item.source_sha256,
                "period": str(period if item.period in closed else item.period),
                "pull_id": pull_id,
                "seen_at": now,
            }
            add = insert(quarantine).values(row).returning(quarantine.c.id)
            number = connection.execute(add).scalar_one()
        _keep_place(connection, number, item)


def _keep_place(connection: Connection, number: int, item: SetAside) -> None:
    """Keep when a record began and who would pay, unless that is known of it."""
    of_item = quarantine.c.id == number
    kept = select(quarantine_place.c.id).where(
        quarantine_place.c.quarantine_id == number
    )
    period = connection.execute(
        select(quarantine.c.period).where(of_item, ~kept.exists())
    ).scalar()
    if period is not None and (item.customer or item.created_at or item.started_at):
        row = {
            "quarantine_id": number,
            "period": period,
            "created_at": item.created_at,
            "started_at": item.started_at,
            "customer": item.customer,
        }
        connection.execute(insert(quarantine_place).values(row))


def release(
    connection: Connection, account: str, understood: Collection[str], now: datetime
) -> int:
    """Release the calls that are understood now; returns how many items that were."""
    rows = connection.execute(_OPEN_OF_ACCOUNT, {"account": account})
    numbers = [row.id for row in rows if row.call_id in understood]
    audit_log.touch(connection, quarantine, numbers)
    for number in numbers:
        query = update(quarantine).where(quarantine.c.id == number)
        connection.execute(query.values(released_at=now))
    return len(numbers)


def is_undecided() -> ColumnElement[bool]:
    """Return the condition that a record waits: neither understood nor decided."""
    decided = select(call_decision.c.id).where(
        call_decision.c.account == quarantine.c.account,
        call_decision.c.call_id == quarantine.c.call_id,
        call_decision.c.quarantine_id >= quarantine.c.id,
    )
    return quarantine.c.released_at.is_(None) & ~decided.exists()


def open_items(
    connection: Connection, period: BillingPeriod | None = None
) -> list[QuarantinedCall]:
    """Return what is in quarantine and not decided, oldest first."""
    columns = [quarantine.c[name] for name in QuarantinedCall._fields]
    query = select(*columns).where(is_undecided())
    if period is not None:
        query = query.where(quarantine.c.period == str(period))
    rows = connection.execute(query.order_by(quarantine.c.id))
    return [QuarantinedCall(**row._mapping) for row in rows]


def count_open(connection: Connection, period: BillingPeriod) -> int:
    """Return how many items of a month are in quarantine and not decided."""
    query = select(func.count()).where(
        is_undecided(), quarantine.c.period == str(period)
    )
    return int(connection.execute(query).scalar_one())
