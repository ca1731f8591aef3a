"""Call metadata: what calls say under a few keys, kept apart and erased on request.

It is no evidence of anything that is billed, so this table alone loses what it held. A
value that was erased leaves its place empty, or the next pull would bring it back.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from billing.domain.period import BillingPeriod
from billing.ledger.audit import audit_log
from billing.ledger.audit.audit_log import Actor
from billing.ledger.pull.calls import RatedCall
from billing.ledger.schema.closed_months import closed_months
from billing.ledger.schema.tables import b2b_usage, call_metadata

_BATCH = 5_000
stored = call_metadata.c


class Erasure(NamedTuple):
    """What is to be erased: all values of a key, or those of a part; None is any."""

    key: str | None = None
    customer: str | None = None
    call_id: str | None = None
    before: datetime | None = None


def keep(
    connection: Connection, rated_calls: Sequence[RatedCall], now: datetime
) -> None:
    """Keep what billed calls say, in place of what they said before.

    What a month that is closed has billed stays as it was recorded by then.
    """
    with_values = [rated for rated in rated_calls if rated.metadata.values]
    closed = closed_months(connection) if with_values else frozenset()
    if closed:
        frozen = _billed_in(connection, closed, with_values)
        with_values = [
            rated for rated in with_values if rated.call.call_id not in frozen
        ]
    for first in range(0, len(with_values), _BATCH):
        _keep(connection, with_values[first : first + _BATCH], now)


def _billed_in(
    connection: Connection,
    closed: Collection[BillingPeriod],
    rated_calls: Sequence[RatedCall],
) -> set[str]:
    """Name those of an account's calls that closed months have billed."""
    names = [
        rated.call.call_id
        for rated in rated_calls
        if rated.call.started_at and BillingPeriod.of(rated.call.started_at) in closed
    ]
    usage, billed = b2b_usage.c, set[str]()
    for first in range(0, len(names), _BATCH):
        query = select(usage.call_id).where(
            usage.account == rated_calls[0].call.account,
            usage.call_id.in_(names[first : first + _BATCH]),
            usage.period.in_([str(month) for month in closed]),
        )
        billed.update(connection.scalars(query))
    return billed


def _keep(connection: Connection, batch: Sequence[RatedCall], now: datetime) -> None:
    account = batch[0].call.account
    names = [rated.call.call_id for rated in batch]
    query = select(stored.call_id, stored.key, stored.value, stored.erased_at).where(
        stored.account == account, stored.call_id.in_(names)
    )
    stored_values = {(row.call_id, row.key): row for row in connection.execute(query)}
    new: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    removed: list[dict[str, Any]] = []
    for rated, key, value in _values(batch):
        call_id = rated.call.call_id
        row = stored_values.get((call_id, key))
        if row is None and value is not None:
            new.append(
                {
                    "account": account,
                    "call_id": call_id,
                    "key": key,
                    "value": value,
                    "called_at": rated.call.started_at,
                    "recorded_at": now,
                }
            )
        elif row is None or row.erased_at is not None or row.value == value:
            continue
        else:
            place = {"of_account": account, "of_call": call_id, "of_key": key}
            (removed if value is None else changed).append(
                {**place, "new_value": value}
            )
    _write(connection, new, changed, removed)


def _values(batch: Sequence[RatedCall]) -> Iterator[tuple[RatedCall, str, str | None]]:
    for rated in batch:
        for key, value in rated.metadata.values:
            yield rated, key, value


def _write(
    connection: Connection,
    new: list[dict[str, Any]],
    changed: list[dict[str, Any]],
    removed: list[dict[str, Any]],
) -> None:
    same_value = (
        (stored.account == bindparam("of_account"))
        & (stored.call_id == bindparam("of_call"))
        & (stored.key == bindparam("of_key"))
    )
    if new:
        connection.execute(insert(call_metadata), new)
    if changed:
        query = (
            update(call_metadata).where(same_value).values(value=bindparam("new_value"))
        )
        connection.execute(query, changed)
    if removed:
        connection.execute(delete(call_metadata).where(same_value), removed)


def erase(
    connection: Connection, actor: Actor, erasure: Erasure, reason: str | None = None
) -> int:
    """Erase values for good; returns how many. What was erased is never audited."""
    query = (
        update(call_metadata)
        .where(stored.value.is_not(None), *_conditions(erasure))
        .values(value=None, erased_at=actor.at)
    )
    erased = connection.execute(query).rowcount
    if erased:
        named = {name: value for name, value in erasure._asdict().items() if value}
        audit_log.record(
            connection,
            actor,
            "metadata.erased",
            erasure.key or "retention",
            {"erased": erased, **named},
            reason=reason,
        )
    return erased


def _conditions(erasure: Erasure) -> Iterator[ColumnElement[bool]]:
    if erasure.key is not None:
        yield stored.key == erasure.key
    if erasure.call_id is not None:
        yield stored.call_id == erasure.call_id
    if erasure.before is not None:
        yield stored.called_at < erasure.before
    if erasure.customer is not None:
        usage = b2b_usage.c
        billed = select(usage.id).where(
            usage.account == stored.account,
            usage.call_id == stored.call_id,
            usage.customer == erasure.customer,
        )
        yield billed.exists()


def kept_keys(connection: Connection) -> dict[str, int]:
    """Return the keys that values are kept of, each with their number."""
    query = select(stored.key, func.count().label("calls")).where(
        stored.value.is_not(None)
    )
    rows = connection.execute(query.group_by(stored.key).order_by(stored.key))
    return {row.key: row.calls for row in rows}
