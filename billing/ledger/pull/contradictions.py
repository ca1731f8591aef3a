"""Contradictions: calls that were billed before anybody compared their times."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, bindparam, insert, select

from billing.domain.period import BillingPeriod
from billing.ledger.pull.call_identity import UNKNOWN, KnownCall
from billing.ledger.pull.rated_call import RatedCall
from billing.ledger.schema.tables import call, contradicting_call

listed = contradicting_call.c


class ContradictingCall(NamedTuple):
    """A call that is billed, though its duration and its times contradict."""

    customer: str
    call_id: str
    evidence: str


def note(
    connection: Connection,
    rated_calls: Sequence[RatedCall],
    known: Mapping[str, KnownCall],
    pull_id: int,
    now: datetime,
) -> None:
    """List, once each, the calls that stay billed as they are and contradict."""
    for rated in rated_calls:
        if rated.contradiction is None:
            continue
        account, call_id = rated.call.account, rated.call.call_id
        before = known.get(call_id, UNKNOWN)
        if before.digest != rated.extract_sha256:
            continue
        row = {"account": account, "call_id": call_id, "revision": before.revision}
        same = select(listed.id).filter_by(**row)
        if connection.execute(same).first() is None:
            row |= {"period": str(rated.period), "detail": rated.contradiction}
            row |= {"pull_id": pull_id, "seen_at": now}
            connection.execute(insert(contradicting_call).values(row))


def contradicting_calls(
    connection: Connection, period: BillingPeriod
) -> list[ContradictingCall]:
    """Return the calls of a month that are still as they were when they were listed."""
    rows = connection.execute(_listed(), {"month": str(period)})
    return [ContradictingCall(**row._mapping) for row in rows]


@cache
def _listed() -> Select[Any]:
    same = (
        (call.c.account == listed.account)
        & (call.c.call_id == listed.call_id)
        & (call.c.revision == listed.revision)
    )
    newer = call.alias("newer")
    later = select(newer.c.id).where(
        newer.c.account == listed.account,
        newer.c.call_id == listed.call_id,
        newer.c.revision > listed.revision,
    )
    return (
        select(call.c.customer, listed.call_id, listed.detail.label("evidence"))
        .select_from(contradicting_call.join(call, same))
        .where(
            listed.period == bindparam("month"),
            call.c.customer.is_not(None),
            ~later.exists(),
        )
        .order_by(listed.id)
    )
