"""Call metadata: what calls say under a few keys, kept apart and erased on request.

It is no evidence of anything that is billed, so this table alone loses what it held. A
value that was erased leaves its place empty, or the next pull would bring it back.
"""

from collections.abc import Iterator, Sequence
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

from billing.ledger.audit import audit_log
from billing.ledger.audit.audit_log import Actor
from billing.ledger.pull.calls import RatedCall
from billing.ledger.schema.tables import b2b_usage, call_metadata

_BATCH = 5_000
held = call_metadata.c


class Erasure(NamedTuple):
    """What is to be erased: all values of a key, or those of a part; None is any."""

    key: str | None = None
    customer: str | None = None
    call_id: str | None = None
    before: datetime | None = None


def keep(connection: Connection, readings: Sequence[RatedCall], now: datetime) -> None:
    """Keep what billed calls say, in place of what they said before."""
    saying = [reading for reading in readings if reading.metadata.values]
    for first in range(0, len(saying), _BATCH):
        _keep(connection, saying[first : first + _BATCH], now)


def _keep(connection: Connection, batch: Sequence[RatedCall], now: datetime) -> None:
    account = batch[0].call.account
    names = [reading.call.call_id for reading in batch]
    query = select(held.call_id, held.key, held.value, held.erased_at).where(
        held.account == account, held.call_id.in_(names)
    )
    had = {(row.call_id, row.key): row for row in connection.execute(query)}
    new: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    gone: list[dict[str, Any]] = []
    for reading, key, value in _said(batch):
        call_id, row = reading.call.call_id, had.get((reading.call.call_id, key))
        if row is None and value is not None:
            new.append(
                {
                    "account": account,
                    "call_id": call_id,
                    "key": key,
                    "value": value,
                    "called_at": reading.call.started_at,
                    "recorded_at": now,
                }
            )
        elif row is None or row.erased_at is not None or row.value == value:
            continue
        else:
            place = {"of_account": account, "of_call": call_id, "of_key": key}
            (gone if value is None else changed).append({**place, "said": value})
    _write(connection, new, changed, gone)


def _said(batch: Sequence[RatedCall]) -> Iterator[tuple[RatedCall, str, str | None]]:
    for reading in batch:
        for key, value in reading.metadata.values:
            yield reading, key, value


def _write(
    connection: Connection,
    new: list[dict[str, Any]],
    changed: list[dict[str, Any]],
    gone: list[dict[str, Any]],
) -> None:
    place = (
        (held.account == bindparam("of_account"))
        & (held.call_id == bindparam("of_call"))
        & (held.key == bindparam("of_key"))
    )
    if new:
        connection.execute(insert(call_metadata), new)
    if changed:
        query = update(call_metadata).where(place).values(value=bindparam("said"))
        connection.execute(query, changed)
    if gone:
        connection.execute(delete(call_metadata).where(place), gone)


def erase(
    connection: Connection, actor: Actor, what: Erasure, reason: str | None = None
) -> int:
    """Erase values for good; returns how many. What was erased is never audited."""
    query = (
        update(call_metadata)
        .where(held.value.is_not(None), *_conditions(what))
        .values(value=None, erased_at=actor.at)
    )
    erased = connection.execute(query).rowcount
    if erased:
        named = {name: value for name, value in what._asdict().items() if value}
        audit_log.record(
            connection,
            actor,
            "metadata.erased",
            what.key or "retention",
            {"erased": erased, **named},
            reason=reason,
        )
    return erased


def _conditions(what: Erasure) -> Iterator[ColumnElement[bool]]:
    if what.key is not None:
        yield held.key == what.key
    if what.call_id is not None:
        yield held.call_id == what.call_id
    if what.before is not None:
        yield held.called_at < what.before
    if what.customer is not None:
        usage = b2b_usage.c
        billed = select(usage.id).where(
            usage.account == held.account,
            usage.call_id == held.call_id,
            usage.customer == what.customer,
        )
        yield billed.exists()


def kept_keys(connection: Connection) -> dict[str, int]:
    """Return the keys that values are kept of, each with their number."""
    query = select(held.key, func.count()).where(held.value.is_not(None))
    rows = connection.execute(query.group_by(held.key).order_by(held.key))
    return {row[0]: row[1] for row in rows}
