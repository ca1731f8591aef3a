"""Cases: the life of a break, from the first run that found it to one without it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select, update

from billing.domain.break_causes import CARRIED, SOMEBODY_ELSE, Cause, known_amount
from billing.domain.break_kinds import Book, Resolution
from billing.domain.breaks import Break
from billing.domain.period import BillingPeriod
from billing.errors import NoOpenBreak
from billing.ledger.audit import audit_log
from billing.ledger.audit.audit_log import Actor
from billing.ledger.schema.findings import CASES_AS_FOUND
from billing.ledger.schema.tables import break_case, reconciliation_break

case, break_ = break_case.c, reconciliation_break.c
_AS_FOUND = select(
    break_case,
    break_.minutes,
    break_.amount_micro,
    break_.evidence,
    break_.calls.label("last_calls"),
).select_from(CASES_AS_FOUND)
# What resolves itself does so within a day, or somebody has to look.
OVERDUE = timedelta(hours=24)
NOBODYS = CARRIED | {Cause.NOT_SETTLED}


class OwnedBreak(NamedTuple):
    """A break, and whose it is: a customer's, or an account's as a whole."""

    customer: str | None
    account: str | None
    item: Break

    @property
    def key(self) -> tuple[str, ...]:
        """What makes it the same break in the next run: its cause and its place."""
        return self.item.cause.value, *self.place

    @property
    def place(self) -> tuple[str, ...]:
        """Where it is: what stays the same when only the cause changes.

        An event or an hour says it alone, since calls come to an hour one by one.
        """
        whose = self.customer or "", self.account or ""
        if self.item.event:
            return *whose, self.item.event
        if self.item.hour:
            return *whose, self.item.hour.isoformat()
        return *whose, _format(self.item.calls)


@dataclass(frozen=True, slots=True)
class Run:
    """A reconciliation as the cases see it: its number, and which sides it compared."""

    number: int
    period: BillingPeriod
    complete: bool  # every account's month was read whole
    invoices_read: bool

    def compared(self, cause: Cause) -> bool:
        """Say whether the run would have found a break of this cause."""
        if cause.book is Book.INVOICE:
            return self.invoices_read
        return cause.book is not Book.SOURCE or self.complete


def track(
    connection: Connection, run: Run, breaks: Iterable[OwnedBreak], actor: Actor
) -> list[int | None]:
    """Open a case for what is new and resolve what is gone; returns each one's case.

    Minutes that stand in another month for good are nobody's case, and neither is what
    nobody can know yet.
    """
    open_rows = {
        (row.cause, *_place_of(row)): row for row in _open(connection, run.period)
    }
    numbers: list[int | None] = []
    now_at: dict[tuple[str, ...], str] = {}
    case_of_key: dict[tuple[str, ...], int] = {}
    for owned in breaks:
        key = owned.key
        now_at.setdefault(
            owned.place, f"now {owned.item.cause}, {owned.item.minutes:+d}"
        )
        if owned.item.cause in NOBODYS:
            numbers.append(None)
            continue
        if key not in case_of_key:
            row = open_rows.get(key)
            if row is not None and not _has_outgrown(owned.item, row):
                case_of_key[key] = int(open_rows.pop(key).id)
            else:
                acknowledged = _acknowledged_before(owned, open_rows.values())
                case_of_key[key] = _open_case(
                    connection, run, owned, actor, acknowledged
                )
        numbers.append(case_of_key[key])
    for key, row in open_rows.items():
        if run.compared(Cause(key[0])):
            how = f"run {run.number}: {now_at.get(key[1:], 'no longer there')}"
            values = {"resolved_at": actor.at, "resolved_by": how}
            connection.execute(
                update(break_case).where(case.id == row.id).values(values)
            )
            audit_log.touch(connection, break_case, [row.id])
    return numbers


def acknowledged_keys(
    connection: Connection, period: BillingPeriod
) -> frozenset[tuple[str, ...]]:
    """Return the keys of a month's open breaks that somebody has acknowledged."""
    return frozenset(
        (row.cause, *_place_of(row))
        for row in _open(connection, period)
        if row.acknowledged_at is not None
    )


def _has_outgrown(item: Break, row: Any) -> bool:
    """Say whether a break is another one than somebody has acknowledged."""
    return row.acknowledged_at is not None and row.minutes != item.minutes


def _acknowledged_before(owned: OwnedBreak, rows: Iterable[Any]) -> dict[str, Any]:
    """Return who has acknowledged the same minutes of somebody else by another name."""
    item = owned.item
    if item.cause not in SOMEBODY_ELSE:
        return {}
    for row in rows:
        same = (owned.customer, item.hour, item.minutes)
        if (
            Cause(row.cause) in SOMEBODY_ELSE
            and row.acknowledged_at is not None
            and (row.customer, row.hour, row.minutes) == same
        ):
            names = ("acknowledged_at", "acknowledged_by", "reason")
            return {name: row._mapping[name] for name in names}
    return {}


def _open(connection: Connection, period: BillingPeriod) -> list[Any]:
    query = _AS_FOUND.where(case.period == str(period), case.resolved_at.is_(None))
    return list(connection.execute(query.order_by(case.id)))


def _place_of(row: Any) -> tuple[str, ...]:
    where = row.event or (row.hour and row.hour.isoformat()) or row.calls
    return row.customer or "", row.account or "", where


def _open_case(
    connection: Connection,
    run: Run,
    owned: OwnedBreak,
    actor: Actor,
    acknowledged: dict[str, Any],
) -> int:
    values = {
        "period": str(run.period),
        "customer": owned.customer,
        "account": owned.account,
        "cause": owned.item.cause.value,
        "hour": owned.item.hour,
        "event": owned.item.event,
        "calls": _format(owned.item.calls),
        "opened_at": actor.at,
        "opened_run": run.number,
        **acknowledged,
    }
    result = connection.execute(insert(break_case).values(values).returning(case.id))
    return int(result.scalar_one())


def _format(calls: tuple[str, ...]) -> str:
    return json.dumps(list(calls))


@dataclass(frozen=True, slots=True)
class Case:
    """A break with its life: found, acknowledged by whom and why, resolved by what."""

    number: int
    period: BillingPeriod
    customer: str | None
    account: str | None
    cause: Cause
    hour: datetime | None
    event: str | None
    evidence: str | None
    calls: tuple[str, ...]
    minutes: int
    amount_micro: int
    opened_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    reason: str | None
    resolved_at: datetime | None
    resolved_by: str | None

    @property
    def known_amount_micro(self) -> int | None:
        """The amount; None when nobody can price the minutes."""
        return known_amount(self.cause, self.minutes, self.amount_micro)

    def state_at(self, now: datetime) -> str:
        """Say in a word where it stands."""
        if self.resolved_at is not None:
            return "resolved"
        if self.acknowledged_at is not None:
            return "acknowledged"
        waits = self.cause.resolution is Resolution.WAITS
        if waits and now - self.opened_at < OVERDUE:
            return "waiting"
        return "overdue" if waits else "open"

    def age_at(self, now: datetime) -> timedelta:
        """Return how long it was, or has been, open."""
        return (self.resolved_at or now) - self.opened_at


def list_cases(
    connection: Connection, period: BillingPeriod | None, *, resolved: bool = False
) -> list[Case]:
    """Return the open cases (and the resolved ones) of a month, or of all; by number.

    Minutes, amount and calls are those of the last run that found the break.
    """
    query = _AS_FOUND
    if period is not None:
        query = query.where(case.period == str(period))
    if not resolved:
        query = query.where(case.resolved_at.is_(None))
    return [_case(row) for row in connection.execute(query.order_by(case.id))]


def acknowledge(connection: Connection, actor: Actor, number: int, reason: str) -> Case:
    """Record who knows of a break and why it is left; raises NoOpenBreak."""
    row = connection.execute(_AS_FOUND.where(case.id == number)).first()
    if row is None:
        raise NoOpenBreak(number, "there is none of that number")
    if row.resolved_at is not None:
        raise NoOpenBreak(number, f"it was resolved by {row.resolved_by}")
    if row.acknowledged_at is not None:
        raise NoOpenBreak(number, f"{row.acknowledged_by} acknowledged it already")
    values = {
        "acknowledged_at": actor.at,
        "acknowledged_by": actor.name,
        "reason": reason,
    }
    connection.execute(update(break_case).where(case.id == number).values(values))
    audit_log.touch(connection, break_case, [number])
    detail = {"cause": row.cause, "minutes": row.minutes}
    audit_log.record(
        connection, actor, "break.acknowledged", str(number), detail, reason=reason
    )
    changed = connection.execute(_AS_FOUND.where(case.id == number))
    return _case(changed.one())


def _case(row: Any) -> Case:
    return Case(
        number=row.id,
        period=BillingPeriod.parse(row.period),
        customer=row.customer,
        account=row.account,
        cause=Cause(row.cause),
        hour=row.hour,
        event=row.event,
        evidence=row.evidence,
        calls=tuple(json.loads(row.last_calls)),
        minutes=row.minutes,
        amount_micro=row.amount_micro,
        opened_at=row.opened_at,
        acknowledged_at=row.acknowledged_at,
        acknowledged_by=row.acknowledged_by,
        reason=row.reason,
        resolved_at=row.resolved_at,
        resolved_by=row.resolved_by,
    )
