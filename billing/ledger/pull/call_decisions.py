"""Decisions: what a person said of calls that their source leaves unclear."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, insert, select

from billing.domain.call import DECIDED
from billing.domain.posting import Charge
from billing.ledger.audit import audit_log
from billing.ledger.audit.audit_log import Actor
from billing.ledger.pull import calls
from billing.ledger.pull.calls import PullContext
from billing.ledger.pull.rated_call import RatedCall
from billing.ledger.pull.unclear_calls import UnclearCall
from billing.ledger.schema.tables import b2b_usage, call, call_decision
from billing.ledger.schema.usage_joins import is_newest

OF_REVISION = (
    (call.c.account == call_decision.c.account)
    & (call.c.call_id == call_decision.c.call_id)
    & (call.c.revision == call_decision.c.revision)
)


class Decision(NamedTuple):
    """What a person said of a call: so many seconds, or None: it is not billed.

    The month, the start and the customer are those of the revision that it made.
    """

    id: int
    account: str
    call_id: str
    revision: int
    quarantine_id: int | None
    seconds: int | None
    evidence: str
    at: datetime
    actor: str
    reason: str
    period: str
    started_at: datetime | None
    customer: str | None
    in_force: bool

    @property
    def sentence(self) -> str:
        """Who decided what, and why."""
        what = "not billed" if self.seconds is None else f"billed as {self.seconds} s"
        who = f"{self.actor} at {self.at:%Y-%m-%dT%H:%M:%SZ}"
        return f"{what}, as {who} decided: {self.reason} ({self.evidence})"


def decisions(
    connection: Connection,
    *,
    account: str | None = None,
    call_id: str | None = None,
    in_force: bool = False,
) -> list[Decision]:
    """Return what was decided, oldest first; in force is what nothing came after."""
    of_revision = call.c.period, call.c.started_at, call.c.customer
    query = (
        select(call_decision, *of_revision, is_newest().label("in_force"))
        .join(call, OF_REVISION)
        .order_by(call_decision.c.id)
    )
    if account is not None:
        query = query.where(call_decision.c.account == account)
    if call_id is not None:
        query = query.where(call_decision.c.call_id == call_id)
    if in_force:
        query = query.where(is_newest())
    return [
        Decision(**{name: getattr(row, name) for name in Decision._fields})
        for row in connection.execute(query)
    ]


def decided_calls(connection: Connection, account: str) -> Mapping[str, Decision]:
    """Return what was decided, and holds, of an account's calls, by their ids."""
    held = decisions(connection, account=account, in_force=True)
    return {decision.call_id: decision for decision in held}


def decided_before(connection: Connection, call_id: str) -> list[UnclearCall]:
    """Return what a decision rests on that holds, to be decided anew."""
    query = (
        select(
            call_decision.c.evidence,
            call_decision.c.quarantine_id,
            call_decision.c.at.label("decided_at"),
            call,
        )
        .join(call, OF_REVISION)
        .where(call_decision.c.call_id == call_id, is_newest())
        .order_by(call_decision.c.id)
    )
    return [
        UnclearCall(
            account=row.account,
            call_id=row.call_id,
            period=row.period,
            reason=DECIDED,
            detail=row.evidence,
            seen_at=row.decided_at,
            source_sha256=row.source_sha256,
            pull_id=row.pull_id,
            number=row.quarantine_id,
            created_at=row.created_at,
            started_at=row.started_at,
            customer=row.customer,
        )
        for row in connection.execute(query)
    ]


def billed_elsewhere(
    connection: Connection, account: str, call_id: str, created_at: datetime | None
) -> str | None:
    """Return another account that bills the very same call, as far as one can tell."""
    query = select(call.c.account).where(
        call.c.account != account, call.c.call_id == call_id
    )
    if created_at is not None:
        of_its_moment = call.c.created_at == created_at
        undated = call.c.created_at.is_(None) & (call.c.status == DECIDED)
        query = query.where(of_its_moment | undated)
    others: list[str] = sorted(set(connection.scalars(query)))
    for other in others:
        if charged(connection, other, call_id).minutes:
            return other
    return None


def charged(connection: Connection, account: str, call_id: str) -> Charge:
    """Return what a call is billed, in all months and for all customers."""
    usage = b2b_usage.c
    sums = func.sum(usage.billed_minutes), func.sum(usage.amount_micro)
    query = select(*(func.coalesce(each, 0) for each in sums)).where(
        usage.account == account, usage.call_id == call_id
    )
    minutes, amount = connection.execute(query).one()
    return Charge(int(minutes), int(amount))


def record_decision(
    connection: Connection,
    actor: Actor,
    context: PullContext,
    rated: RatedCall,
    unclear: Sequence[UnclearCall],
    *,
    reason: str,
) -> Decision | None:
    """Record what a person says of a call, and what it comes to, with its rows.

    None, and nothing is recorded, when the same was said last.
    """
    revision = calls.record_decided(connection, context, rated)
    if revision is None:
        return None
    account, call_id = rated.call.account, rated.call.call_id
    numbers = [item.number for item in unclear if item.number is not None]
    row = {
        "account": account,
        "call_id": call_id,
        "revision": revision,
        "quarantine_id": max(numbers, default=None),
        "seconds": rated.call.duration_seconds,
        "evidence": "; ".join(each.evidence for each in unclear)[:1_000],
        "at": actor.at,
        "actor": actor.name,
        "reason": reason,
    }
    connection.execute(insert(call_decision).values(row))
    detail = {
        "account": account,
        "revision": revision,
        "seconds": rated.call.duration_seconds,
        "minutes": rated.due[1].minutes if rated.due else 0,
        "quarantine": row["quarantine_id"],
        "record": rated.source_sha256,
    }
    audit_log.record(connection, actor, "call.decided", call_id, detail, reason=reason)
    return decisions(connection, account=account, call_id=call_id)[-1]
