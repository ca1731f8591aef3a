"""Cases: the life of a break, from the first run that found it to one without it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select, update

from billing.domain.break_causes import Cause
from billing.domain.break_groups import EXPLAINED, TOO_MUCH
from billing.domain.break_kinds import Book
from billing.domain.breaks import Break
from billing.domain.period import BillingPeriod
from billing.ledger.audit import audit_log
from billing.ledger.audit.audit_log import Actor
from billing.ledger.reconcile.case_list import AS_FOUND
from billing.ledger.schema.tables import break_case

case = break_case.c
NOBODYS = EXPLAINED | {Cause.NOT_SETTLED}


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
    unread: frozenset[str] = frozenset()  # customers that were left out
    invoices_unread: frozenset[str] = frozenset()

    def compared(self, cause: Cause, customer: str | None) -> bool:
        """Say whether the run would have found a break of this cause of a customer."""
        if customer in self.unread:
            return False
        if cause.book is Book.INVOICE:
            return self.invoices_read and customer not in self.invoices_unread
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
        if run.compared(Cause(key[0]), row.customer):
            how = f"run {run.number}: {now_at.get(key[1:], 'no longer there')}"
            values = {"resolved_at": actor.at, "resolved_by": how}
            audit_log.touch(connection, break_case, [row.id])
            connection.execute(
                update(break_case).where(case.id == row.id).values(values)
            )
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


def customers_above(connection: Connection, period: BillingPeriod) -> frozenset[str]:
    """Name the customers whose meter has shown more of a month than is billed."""
    causes = [cause.value for cause in TOO_MUCH]
    query = select(case.customer).where(
        case.period == str(period), case.resolved_at.is_(None), case.cause.in_(causes)
    )
    return frozenset(name for name in connection.scalars(query) if name)


def _has_outgrown(item: Break, row: Any) -> bool:
    """Say whether a break is another one than somebody has acknowledged."""
    return row.acknowledged_at is not None and row.minutes != item.minutes


def _acknowledged_before(owned: OwnedBreak, rows: Iterable[Any]) -> dict[str, Any]:
    """Return who has acknowledged the same minutes of somebody else by another name."""
    item = owned.item
    if item.cause not in TOO_MUCH:
        return {}
    for row in rows:
        same = (owned.customer, item.hour, item.minutes)
        if (
            Cause(row.cause) in TOO_MUCH
            and row.acknowledged_at is not None
            and (row.customer, row.hour, row.minutes) == same
        ):
            names = ("acknowledged_at", "acknowledged_by", "reason")
            return {name: row._mapping[name] for name in names}
    return {}


def _open(connection: Connection, period: BillingPeriod) -> list[Any]:
    query = AS_FOUND.where(case.period == str(period), case.resolved_at.is_(None))
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
