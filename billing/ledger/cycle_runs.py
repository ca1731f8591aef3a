"""Cycle runs: each cycle's start and end, kept in the ledger."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, func, insert, select

from billing.domain.cycle_schedule import CycleOutcome, Trigger
from billing.domain.period import BillingPeriod
from billing.errors import LedgerFault
from billing.ledger.audit import audit_log
from billing.ledger.audit.audit_log import Actor
from billing.ledger.schema.tables import cycle_run
from billing.ledger.stored_json import stored_names

_SECOND = timedelta(seconds=1)
_column = cycle_run.c


GOOD = (CycleOutcome.CLEAN, CycleOutcome.BREAKS)


class CycleEnd(NamedTuple):
    """How a cycle ended, what failed in it, and how long it took."""

    outcome: CycleOutcome
    errors: Sequence[str]
    took: timedelta


@dataclass(frozen=True, slots=True)
class CycleRun:
    """One cycle; without an outcome it is at work, or it was killed."""

    trigger: str
    owner: str
    started_at: datetime
    finished_at: datetime | None = None
    outcome: str | None = None
    errors: tuple[str, ...] = ()
    seconds: int | None = None


@dataclass(frozen=True, slots=True)
class LastCycles:
    """The cycle that began last, and the one that ended well last."""

    last: CycleRun | None
    good: CycleRun | None


def record_start(connection: Connection, actor: Actor, trigger: Trigger) -> int:
    """Record that a cycle begins; returns its number."""
    values = _start(actor.name, actor.at, trigger)
    row = connection.execute(insert(cycle_run).values(values).returning(_column.id))
    number = row.scalar_one()
    audit_log.record(connection, actor, "cycle.started", f"cycle:{number}")
    return int(number)


def record_end(
    connection: Connection, actor: Actor, number: int, end: CycleEnd
) -> None:
    """Record how a cycle ended; raises LedgerFault if its start is not there."""
    start = connection.execute(select(cycle_run).where(_column.id == number)).first()
    if start is None:
        raise LedgerFault(
            "another ledger took the place of this one during the cycle; see what "
            "`pamela-billing status` says"
        )
    values = {
        **_start(start.owner, start.started_at, Trigger(start.trigger)),
        "start_id": number,
        "finished_at": actor.at,
        "outcome": end.outcome.value,
        "errors": json.dumps(list(end.errors), ensure_ascii=False),
        "seconds": end.took // _SECOND,
    }
    connection.execute(insert(cycle_run).values(values))
    detail = {"outcome": end.outcome.value, "errors": len(end.errors)}
    audit_log.record(connection, actor, "cycle.ended", f"cycle:{number}", detail)


def last_cycles(connection: Connection) -> LastCycles:
    """Return the newest cycle, and the newest that ended well."""
    newest = select(cycle_run).order_by(_column.id.desc()).limit(1)
    start = _first(connection, newest.where(_column.start_id.is_(None)))
    last = start
    if start is not None:
        ended = newest.where(_column.start_id == start.id)
        last = _first(connection, ended) or start
    good = _first(connection, newest.where(_column.outcome.in_(GOOD)))
    return LastCycles(_cycle_of(last), _cycle_of(good))


def latest_start(connection: Connection) -> datetime | None:
    """Return the latest time at which a cycle began, by the clocks of then."""
    return connection.execute(select(func.max(_column.started_at))).scalar()


def _start(owner: str, started_at: datetime, trigger: Trigger) -> dict[str, object]:
    return {
        "period": str(BillingPeriod.of(started_at)),
        "trigger": trigger.value,
        "owner": owner,
        "started_at": started_at,
    }


def _first(connection: Connection, query: Select[Any]) -> Row[Any] | None:
    return connection.execute(query).first()


def _cycle_of(row: Row[Any] | None) -> CycleRun | None:
    if row is None:
        return None
    return CycleRun(
        trigger=row.trigger,
        owner=row.owner,
        started_at=row.started_at,
        finished_at=row.finished_at,
        outcome=row.outcome,
        errors=stored_names(row.errors or "[]"),
        seconds=row.seconds,
    )
