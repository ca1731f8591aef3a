"""Unclear calls: in quarantine, or underway for so long that nobody hears of them."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, literal_column, or_, select

from billing.domain.call import DECIDED, LONGEST_CALL
from billing.domain.period import BillingPeriod
from billing.ledger.schema.tables import call, quarantine, quarantine_place
from billing.ledger.schema.usage_joins import is_newest

STUCK = "underway"
# Spelled out, so that the few are found by their index.
_UNDERWAY: ColumnElement[str] = literal_column("'underway'")


class UnclearCall(NamedTuple):
    """A call that its source leaves unclear: in quarantine, or underway for too long.

    `number` is that of its record in quarantine. What is known of when it began, and of
    who pays for it, may be nothing.
    """

    account: str
    call_id: str
    period: str
    reason: str
    detail: str
    seen_at: datetime
    source_sha256: str
    pull_id: int
    number: int | None
    created_at: datetime | None
    started_at: datetime | None
    customer: str | None

    @property
    def evidence(self) -> str:
        """What a decision rests on, in words; another decision rests on the same."""
        return evidence_of(self.reason, self.detail)


def evidence_of(reason: str, detail: str) -> str:
    """Say why a call is unclear; a decision says already what it rests on."""
    return detail if reason == DECIDED else f"{reason}: {detail}"


def unclear_calls(
    connection: Connection,
    now: datetime,
    *,
    period: BillingPeriod | None = None,
    call_id: str | None = None,
) -> list[UnclearCall]:
    """Return what is in quarantine or stuck, decided or not, oldest first."""
    place = quarantine_place.c
    held = (
        select(quarantine, place.created_at, place.started_at, place.customer)
        .select_from(
            quarantine.outerjoin(
                quarantine_place, place.quarantine_id == quarantine.c.id
            )
        )
        .where(quarantine.c.released_at.is_(None))
    )
    # In the order of what is found: by the bare number, SQLite would read all calls.
    for_ever = select(call).where(is_stuck(now))
    if period is not None:
        held = held.where(quarantine.c.period == str(period))
        for_ever = for_ever.where(call.c.period == str(period))
    if call_id is not None:
        held = held.where(quarantine.c.call_id == call_id)
        for_ever = for_ever.where(call.c.call_id == call_id)
    return [
        *(
            _in_quarantine(row)
            for row in connection.execute(held.order_by(quarantine.c.id))
        ),
        *(_stuck(row) for row in connection.execute(for_ever.order_by(call.c.id + 0))),
    ]


def is_stuck(now: datetime) -> ColumnElement[bool]:
    """Return the condition that a call's last revision is underway for too long.

    A call that nobody has taken yet may be planned for weeks ahead.
    """
    since = now - LONGEST_CALL
    talking = _is_talking() & (call.c.created_at <= since)
    return (
        (call.c.not_billable == _UNDERWAY)
        & or_(call.c.started_at <= since, talking)
        & is_newest()
    )


def may_still_end(now: datetime) -> ColumnElement[bool]:
    """Return the condition that a call's last revision is underway, and not too long.

    No call is longer than a day.
    """
    since = now - LONGEST_CALL
    talking = _is_talking() & (call.c.created_at > since)
    return (
        (call.c.not_billable == _UNDERWAY)
        & or_(call.c.started_at > since, talking)
        & is_newest()
    )


def _is_talking() -> ColumnElement[bool]:
    """Say of a call whether it is underway, and its start is not told yet."""
    return (call.c.status == "in_progress") & call.c.started_at.is_(None)


def _in_quarantine(row: Any) -> UnclearCall:
    named = {
        name: getattr(row, name) for name in UnclearCall._fields if name != "number"
    }
    return UnclearCall(**named, number=row.id)


def _stuck(row: Any) -> UnclearCall:
    since = row.started_at or row.created_at
    return UnclearCall(
        account=row.account,
        call_id=row.call_id,
        period=row.period,
        reason=STUCK,
        detail=f"it is {row.status} since {since:%Y-%m-%dT%H:%M:%SZ}",
        seen_at=since,
        source_sha256=row.source_sha256,
        pull_id=row.pull_id,
        number=None,
        created_at=row.created_at,
        started_at=row.started_at,
        customer=None,
    )


class LastRead(NamedTuple):
    """What its source last said of a call, where it ever said what was understood."""

    created_at: datetime | None = None
    started_at: datetime | None = None
    customer: str | None = None


def last_read(connection: Connection, account: str, call_id: str) -> LastRead:
    """Return what a call's source last said of it."""
    columns = [call.c[name] for name in LastRead._fields]
    query = select(*columns).where(
        call.c.account == account, call.c.call_id == call_id, call.c.status != DECIDED
    )
    row = connection.execute(query.order_by(call.c.revision.desc()).limit(1)).first()
    return LastRead() if row is None else LastRead(**row._mapping)
