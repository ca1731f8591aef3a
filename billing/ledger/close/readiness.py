"""Month ends: what of a month is unfinished, in figures and with a few names."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, func, select

from billing.domain.break_causes import Cause
from billing.domain.close_obstacles import (
    MOST_NAMES,
    AccountReading,
    BreakShare,
    EventShare,
    LastRun,
    MonthEnd,
    Share,
)
from billing.domain.meter_event import EventState, FailReason
from billing.domain.period import BillingPeriod
from billing.ledger.close.period_close import closed_periods
from billing.ledger.pull import pulls
from billing.ledger.pull.accounts import present_labels
from billing.ledger.pull.quarantine import is_undecided
from billing.ledger.pull.unclear_calls import is_stuck, may_still_end
from billing.ledger.schema.tables import (
    b2b_usage,
    break_case,
    call,
    meter_event,
    pull,
    quarantine,
    reconciliation_break,
    reconciliation_reading,
    reconciliation_run,
)
from billing.ledger.stored_json import stored_names
from billing.ledger.sync import error_reports
from billing.ledger.sync.open_items import is_open

event, usage = meter_event.c, b2b_usage.c


def read_month_end(
    connection: Connection,
    period: BillingPeriod,
    accounts: Collection[str],
    now: datetime,
    *,
    first_period: BillingPeriod,
) -> MonthEnd:
    """Return how a month stands at its end; `accounts` have to be pulled.

    What was posted before the first month that is billed can never be closed.
    """
    run = _last_run(connection, period)
    return MonthEnd(
        period=period,
        earlier_open=_earlier_open(connection, period, first_period),
        accounts=tuple(_readings(connection, period, accounts)),
        underway=_underway(connection, period, now),
        stuck=_stuck(connection, period, now),
        quarantined=_quarantined(connection, period),
        unstaged=_unstaged(connection, period),
        events=tuple(_events(connection, period)),
        suspected=_suspected(connection, period),
        last_change=_last_change(connection, period),
        last_run=run,
        breaks=_breaks(connection, run.number) if run else (),
    )


def _earlier_open(
    connection: Connection, period: BillingPeriod, first: BillingPeriod
) -> Share:
    """Step down from month to month: usage is too much to be read for this."""
    closed = closed_periods(connection)
    earlier = select(func.max(usage.period)).where(usage.period >= str(first))
    names: list[str] = []
    month: str | None = str(period)
    while month := connection.execute(earlier.where(usage.period < month)).scalar():
        if month not in closed:
            names.append(month)
    return Share(len(names), 0, tuple(names))


def _readings(
    connection: Connection, period: BillingPeriod, accounts: Collection[str]
) -> Iterator[AccountReading]:
    pulled = select(pull.c.account).where(pull.c.period == str(period)).distinct()
    labels = present_labels(connection)
    names = {label: name for name, label in labels.items()}
    asked = {names.get(label, label) for label in accounts}
    for name in sorted({*asked, *connection.scalars(pulled)}):
        last = pulls.state_of(connection, name, period)
        whole_at = pulls.last_complete(connection, name, period, pulls.MONTH)
        state, error = (last.state, last.error) if last else (None, None)
        yield AccountReading(
            account=labels.get(name, name),
            state=state,
            error=error,
            whole_at=whole_at,
            in_settings=name in asked,
        )


def _underway(connection: Connection, period: BillingPeriod, now: datetime) -> Share:
    """Count the calls that may still end."""
    where = may_still_end(now) & (call.c.period == str(period))
    return _share(connection, select(call.c.call_id).where(where), call.c.id)


def _stuck(connection: Connection, period: BillingPeriod, now: datetime) -> Share:
    """Count the calls that are underway for so long that nobody will hear of them."""
    where = is_stuck(now) & (call.c.period == str(period))
    return _share(connection, select(call.c.call_id).where(where), call.c.id)


def _quarantined(connection: Connection, period: BillingPeriod) -> Share:
    """Count the records that nobody can read, and that no person has decided on."""
    is_held = is_undecided() & (quarantine.c.period == str(period))
    query = select(quarantine.c.call_id).where(is_held)
    return _share(connection, query, quarantine.c.id)


def _unstaged(connection: Connection, period: BillingPeriod) -> Share:
    """Count the rows that wait; those of earlier months would be sent in this one."""
    waiting = usage.meter_event_id.is_(None) & (usage.hour < period.end)
    query = select(usage.call_id).where(waiting)
    return _share(connection, query, usage.id, usage.billed_minutes)


def _events(connection: Connection, period: BillingPeriod) -> Iterator[EventShare]:
    of_month = (event.period == str(period)) & is_open()
    keys = event.state, func.coalesce(event.reason, ""), event.minutes < 0
    kinds = select(*keys).where(of_month).distinct().order_by(*keys)
    for kind in connection.execute(kinds):
        of_kind = [key == value for key, value in zip(keys, kind, strict=True)]
        query = select(event.identifier).where(of_month, *of_kind)
        share = _share(connection, query, event.id, event.minutes)
        state, reason, negative = kind
        why = FailReason(reason) if reason else None
        yield EventShare(EventState(state), why, share, negative=bool(negative))


def _suspected(connection: Connection, period: BillingPeriod) -> Share:
    """Count the events that reports of errors may be about."""
    numbers = {
        suspect.event_id
        for report in error_reports.open_reports(connection)
        for suspect in error_reports.suspects(connection, report)
    }
    meant = (event.period == str(period)) & event.id.in_(numbers)
    query = select(event.identifier).where(meant)
    return _share(connection, query, event.id, event.minutes)


def _last_change(connection: Connection, period: BillingPeriod) -> datetime | None:
    """Return when the month's rows or events last changed."""
    of_month = usage.period == str(period)
    posted = select(usage.posted_at).where(of_month).order_by(usage.id.desc()).limit(1)
    moves = select(func.max(event.staged_at), func.max(event.last_sent_at)).where(
        event.period == str(period)
    )
    moments = [connection.execute(posted).scalar(), *connection.execute(moves).one()]
    return max(filter(None, moments), default=None)


def _last_run(connection: Connection, period: BillingPeriod) -> LastRun | None:
    run, reading = reconciliation_run.c, reconciliation_reading.c
    query = select(run.id, run.started_at, run.settled).where(run.period == str(period))
    row = connection.execute(query.order_by(run.id.desc()).limit(1)).first()
    if row is None:
        return None
    unsettled = select(reading.customer).where(
        reading.run_id == row.id, reading.settled == 0
    )
    names = connection.scalars(unsettled.order_by(reading.customer))
    return LastRun(row.id, row.started_at, bool(row.settled), tuple(names))


def _breaks(connection: Connection, run: int) -> tuple[BreakShare, ...]:
    item, case = reconciliation_break.c, break_case.c
    query = (
        select(
            item.cause,
            case.acknowledged_at.is_not(None),
            item.minutes,
            item.case_id,
            func.coalesce(item.customer, item.account, ""),
            item.hour,
            item.calls,
        )
        .select_from(
            reconciliation_break.outerjoin(break_case, case.id == item.case_id)
        )
        .where(item.run_id == run)
        .order_by(item.id)
    )
    shares: dict[tuple[str, bool], Share] = defaultdict(Share)
    for cause, acknowledged, minutes, *what in connection.execute(query):
        share = shares[cause, bool(acknowledged)]
        names = share.names
        if len(names) < MOST_NAMES and (name := _name(*what)) not in names:
            names += (name,)
        grown = Share(share.count + 1, share.minutes + minutes, names)
        shares[cause, bool(acknowledged)] = grown
    return tuple(
        BreakShare(Cause(cause), acknowledged, shares[cause, acknowledged])
        for cause, acknowledged in sorted(shares)
    )


def _name(case: int | None, owner: str, hour: datetime | None, calls: str) -> str:
    named = stored_names(calls)[:MOST_NAMES]
    where = f"{hour:%Y-%m-%dT%H}" if hour and not named else ""
    case_name = f"case {case}:" if case else ""
    return " ".join(filter(None, [case_name, owner, where, *named]))


def _share(
    connection: Connection,
    named: Select[str],
    order: ColumnElement[int],
    minutes: ColumnElement[int] | None = None,
) -> Share:
    """Count what a query names, add its minutes up, and take the first names."""
    total = func.count() if minutes is None else func.coalesce(func.sum(minutes), 0)
    sums = named.with_only_columns(func.count(), total)
    count, added = connection.execute(sums).one()
    # By the bare number, a database would read all rows ever, and leave its indexes.
    first = named.order_by(order + 0).limit(MOST_NAMES)
    names = tuple(connection.scalars(first))
    return Share(int(count), 0 if minutes is None else int(added), names)
