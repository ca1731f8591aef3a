"""Period status: how far a month has come, in a few sums that stay quick."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, func, or_, select

from billing.domain.meter_event import EventState, FailReason
from billing.domain.period import BillingPeriod
from billing.ledger.close.period_close import ClosedMonth, closed_month
from billing.ledger.pull import pulls, quarantine
from billing.ledger.pull.accounts import present_labels
from billing.ledger.pull.pulls import PullState
from billing.ledger.pull.quarantine import QuarantinedCall
from billing.ledger.schema.tables import (
    account,
    b2b_usage,
    meter_attempt,
    meter_event,
    reconciliation_run,
)

event, usage = meter_event.c, b2b_usage.c


class AccountPulls(NamedTuple):
    """The newest pull of an account's month, and the newest that was complete."""

    last: PullState
    complete_at: datetime | None


class LastReconciliation(NamedTuple):
    """What the newest reconciliation of a month found."""

    finished_at: datetime
    settled: bool
    complete: bool
    difference_minutes: int
    breaks: int


@dataclass(slots=True)
class SyncStatus:
    """Usage rows and minutes by the state of their way to the meter."""

    rows: Counter[str] = field(default_factory=Counter)
    minutes: Counter[str] = field(default_factory=Counter)
    failed_reasons: Counter[str] = field(default_factory=Counter)
    oldest_pending: datetime | None = None

    def add(self, state: str, rows: int, minutes: int) -> None:
        """Count rows of a state."""
        self.rows[state] += rows
        self.minutes[state] += minutes


@dataclass(frozen=True, slots=True)
class PeriodStatus:
    """How far one month has come."""

    period: BillingPeriod
    sync: SyncStatus
    pulls: Sequence[AccountPulls]
    quarantined: Sequence[QuarantinedCall]
    last_reconciliation: LastReconciliation | None
    closed: ClosedMonth | None = None


def period_status(connection: Connection, period: BillingPeriod) -> PeriodStatus:
    """Return how far a month has come."""
    return PeriodStatus(
        period=period,
        sync=sync_status(connection, period),
        pulls=_pulls(connection, period),
        quarantined=quarantine.open_items(connection, period),
        last_reconciliation=_last_reconciliation(connection, period),
        closed=closed_month(connection, period),
    )


def sync_status(
    connection: Connection, period: BillingPeriod, customer: str | None = None
) -> SyncStatus:
    """Count a month's rows by state, out of its events and its unstaged rows."""
    status = SyncStatus()
    of_month = event.period == str(period)
    if customer is not None:
        of_month &= event.customer == customer
    # What was replaced has let go of its rows: other events carry them now.
    replaced = FailReason.REPLACED.value
    carries_rows = or_(event.reason.is_(None), event.reason != replaced)
    keys = event.state, event.reason
    staged = (
        select(*keys, func.sum(event.usage_rows), func.sum(event.minutes))
        .where(of_month, carries_rows)
        .group_by(*keys)
    )
    for state, reason, rows, minutes in connection.execute(staged):
        status.add(state, int(rows), int(minutes))
        if reason:
            status.failed_reasons[reason] += int(rows)
    unstaged = _unstaged(period, customer)
    sums = func.count(), func.coalesce(func.sum(usage.billed_minutes), 0)
    waiting = select(*sums, func.min(usage.hour)).where(unstaged)
    rows, minutes, oldest = connection.execute(waiting).one()
    status.add(EventState.PENDING.value, int(rows), int(minutes))
    pending = of_month & (event.state == EventState.PENDING.value)
    sent = connection.execute(select(func.min(event.hour)).where(pending)).scalar()
    status.oldest_pending = min(filter(None, (oldest, sent)), default=None)
    return status


def synced_minutes(connection: Connection, period: BillingPeriod) -> dict[str, int]:
    """Return the minutes of a month that are known to be on the meter, by customer."""
    synced = (event.period == str(period)) & (event.state == EventState.SYNCED.value)
    query = select(event.customer, func.sum(event.minutes)).where(synced)
    rows = connection.execute(query.group_by(event.customer))
    return {customer: int(minutes) for customer, minutes in rows}


def attempts_by_verdict(connection: Connection) -> Mapping[str, int]:
    """Count the attempts to send by what the meter answered."""
    verdict = meter_attempt.c.verdict
    rows = connection.execute(select(verdict, func.count()).group_by(verdict))
    return {name or "unanswered": count for name, count in rows}


def _unstaged(period: BillingPeriod, customer: str | None) -> ColumnElement[bool]:
    # By the hour, as the partial index of unstaged rows has it.
    rows = (
        usage.meter_event_id.is_(None)
        & (usage.hour >= period.start)
        & (usage.hour < period.end)
    )
    return rows if customer is None else rows & (usage.customer == customer)


def _pulls(connection: Connection, period: BillingPeriod) -> list[AccountPulls]:
    names = connection.scalars(select(account.c.name).order_by(account.c.name)).all()
    labels = present_labels(connection)
    states = [(name, pulls.state_of(connection, name, period)) for name in names]
    return [
        AccountPulls(
            replace(state, account=labels.get(name, name)),
            pulls.last_complete(connection, name, period, None),
        )
        for name, state in states
        if state is not None
    ]


def _last_reconciliation(
    connection: Connection, period: BillingPeriod
) -> LastReconciliation | None:
    run = reconciliation_run.c
    query = select(
        run.finished_at, run.settled, run.complete, run.difference_minutes, run.breaks
    ).where(run.period == str(period))
    row = connection.execute(query.order_by(run.id.desc()).limit(1)).first()
    if row is None:
        return None
    finished_at, settled, complete, difference, breaks = row
    return LastReconciliation(
        finished_at=finished_at,
        settled=bool(settled),
        complete=bool(complete),
        difference_minutes=difference,
        breaks=breaks,
    )
