"""Summary lags: how late the meter's summaries first showed each event that was sent.

They are written with the reconciliation that saw it. What no summary has shown yet is
looked for again: each row says from which attempt on.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, select

from billing.domain.break_causes import Cause
from billing.domain.meter_event import (
    COUNTED_VERDICTS,
    FailReason,
    SendVerdict,
)
from billing.domain.settlement import is_multiple
from billing.domain.summary_lag import (
    LAGS_COUNT_FOR,
    LagsMeasured,
    SummaryLook,
    lag_seen,
)
from billing.ledger.audit.schema_history import UPGRADED
from billing.ledger.reconcile.month_look import (
    MonthLook,
    holds,
    is_shown,
    told_by_sums,
)
from billing.ledger.schema.bulk_execute import insert_for_all
from billing.ledger.schema.tables import (
    audit_event,
    break_case,
    meter_attempt,
    meter_event,
    meter_reading,
    summary_lag,
)
from billing.ledger.sync.attempts import EVENT

event, attempt, lag = meter_event.c, meter_attempt.c, summary_lag.c
_SECOND = timedelta(seconds=1)
# What will never be shown, or is not looked for any more.
_DROPPED = frozenset(
    {
        FailReason.REJECTED.value,
        FailReason.REPLACED.value,
        FailReason.VOIDED.value,
        FailReason.EXPIRED.value,
    }
)
_IS_COUNTED = attempt.verdict == SendVerdict.COUNTED.value
_IS_ON_METER = attempt.verdict.in_(COUNTED_VERDICTS)
_OPEN = (
    select(
        event.id,
        event.customer,
        event.stripe_customer,
        event.period,
        event.hour,
        event.identifier,
        event.minutes,
        event.state,
        event.reason,
        func.min(attempt.id).label("first_attempt"),
        func.min(attempt.started_at).label("first_sent_at"),
        func.max(case((_IS_COUNTED, attempt.started_at))).label("taken_at"),
        func.max(case((_IS_ON_METER, attempt.answered_at))).label("answered_at"),
    )
    .select_from(meter_attempt.join(meter_event))
    .where(
        attempt.id >= bindparam("open_from"),
        attempt.kind == EVENT,
        ~select(lag.id).where(lag.event_id == event.id).exists(),
    )
    .group_by(event.id)
    .order_by(event.id)
)
_NEWEST_ROW = select(lag.open_from).order_by(lag.id.desc()).limit(1)
# The schema that has lags: what reconciled before did not say what was shown.
WITH_LAGS, RECONCILED = "0017", "period.reconciled"
_UPGRADED_TO_LAGS = select(func.min(audit_event.c.id)).where(
    audit_event.c.action == UPGRADED, audit_event.c.subject >= WITH_LAGS
)
_FIRST_LOOK = (
    select(audit_event.c.at)
    .where(
        audit_event.c.action == RECONCILED,
        audit_event.c.id > func.coalesce(_UPGRADED_TO_LAGS.scalar_subquery(), 0),
    )
    .order_by(audit_event.c.id)
    .limit(1)
)
_NEWEST_ATTEMPT = select(func.max(attempt.id))
_LAST_BEFORE = (
    select(attempt.id)
    .where(attempt.started_at < bindparam("moment"))
    .order_by(attempt.id.desc())
    .limit(1)
)
_IS_MEASURED = lag.lag_seconds.is_not(None)
_LONGEST = select(func.max(lag.lag_seconds)).where(
    _IS_MEASURED, lag.first_shown_at >= bindparam("moment")
)
_SINCE = select(func.min(lag.first_shown_at)).where(_IS_MEASURED)
# Until the last empty read it was surely late, as is known once it counts after all, or
# twice.
_BELATED = (
    select(
        func.min(attempt.started_at).label("sent_at"),
        select(func.max(meter_reading.c.read_at))
        .where(meter_reading.c.event_id == event.id, meter_reading.c.minutes == 0)
        .scalar_subquery()
        .label("last_unshown_at"),
    )
    .select_from(meter_event.join(meter_attempt))
    .where(
        attempt.kind == EVENT,
        event.identifier.in_(
            select(break_case.c.event).where(
                break_case.c.cause.in_(
                    [Cause.COUNTED_TWICE.value, Cause.COUNTED_AFTER_ALL.value]
                ),
                break_case.c.opened_at >= bindparam("moment"),
            )
        ),
    )
    .group_by(event.id)
)


def lags_measured(connection: Connection, now: datetime) -> LagsMeasured:
    """Return the longest lag that was seen in the last 35 days, and since when."""
    since: datetime | None = connection.execute(_SINCE).scalar()
    moment = {"moment": now - LAGS_COUNT_FOR}
    seconds = connection.execute(_LONGEST, moment).scalar()
    seen = [] if seconds is None else [seconds * _SECOND]
    for sent_at, last_unshown_at in connection.execute(_BELATED, moment):
        if last_unshown_at is not None and last_unshown_at > sent_at:
            seen.append(last_unshown_at - sent_at)
    return LagsMeasured(max(seen, default=None), since)


def looked_since(connection: Connection) -> datetime | None:
    """Return since when each reconciliation says which events it was the first to see.

    Whoever looked before the ledger was upgraded did not: those looks are none.
    """
    moment: datetime | None = connection.execute(_FIRST_LOOK).scalar()
    return moment


def record_lags(connection: Connection, look: MonthLook) -> int:
    """Write down which events a reconciliation was the first to see; returns how many.

    Reads of an event's own minute that are older than the first row say how late it
    was, and nothing of since when lags are measured.
    """
    is_first = connection.execute(_NEWEST_ROW).first() is None
    open_from = _open_from(connection, look)
    sent: Sequence[Any] = connection.execute(_OPEN, {"open_from": open_from}).all()
    looked_for = [row for row in sent if not _is_dropped(row, look)]
    doubtful = [row.id for row in looked_for if row.first_sent_at != row.taken_at]
    readings = _own_minutes(connection, doubtful)
    told = told_by_sums(sent, look, readings)
    shown, unshown = [], []
    for row in looked_for:
        if row.id in told or is_shown(row, look, readings):
            shown.append(row)
        else:
            unshown.append(row.first_attempt)
    if shown:
        newest = connection.execute(_NEWEST_ATTEMPT).scalar_one()
        open_from = min(unshown, default=newest + 1)
        rows = [
            _lag_row(row, look, readings.get(row.id, ()), is_first=is_first)
            for row in shown
        ]
        insert_for_all(
            connection, summary_lag, [row | {"open_from": open_from} for row in rows]
        )
    return len(shown)


def _open_from(connection: Connection, look: MonthLook) -> int:
    """Return the first attempt of which nobody knows yet when its event was shown."""
    number: int | None = connection.execute(_NEWEST_ROW).scalar()
    if number is not None:
        return number
    moment = {"moment": look.started_at - LAGS_COUNT_FOR}
    return int(connection.execute(_LAST_BEFORE, moment).scalar() or 0) + 1


def _is_dropped(row: Any, look: MonthLook) -> bool:
    is_old = look.started_at - row.first_sent_at > LAGS_COUNT_FOR
    return row.reason in _DROPPED or is_old


def _own_minutes(
    connection: Connection, events: Sequence[int]
) -> dict[int, list[tuple[datetime, int]]]:
    """Return what was read of the own minutes of events in doubt, oldest first."""
    found: dict[int, list[tuple[datetime, int]]] = {}
    if events:
        reading = meter_reading.c
        query = select(reading.event_id, reading.read_at, reading.minutes)
        among = reading.event_id.between(min(events), max(events))
        for number, at, minutes in connection.execute(
            query.where(among).order_by(reading.id)
        ):
            found.setdefault(number, []).append((at, minutes))
    return found


def _lag_row(
    row: Any,
    look: MonthLook,
    readings: Sequence[tuple[datetime, int]],
    *,
    is_first: bool,
) -> dict[str, object]:
    seen = [at for at, minutes in readings if holds(row, minutes)]
    first_seen_at = min([*seen, look.ended_at])
    # What counts twice was late from a send of unknown outcome on, not from the last.
    customer = look.customers.get(row.customer, SummaryLook())
    is_twice = row.identifier in customer.doubled_events or any(
        is_multiple(minutes, row.minutes) for _, minutes in readings
    )
    sent_at = row.first_sent_at if is_twice else row.taken_at or row.first_sent_at
    looks = [at for at, minutes in readings if not holds(row, minutes)]
    earlier_at = look.earlier_at.get(row.customer)
    if earlier_at and row.answered_at and earlier_at > row.answered_at:
        looks.append(earlier_at)
    before = [at for at in looks if sent_at < at < first_seen_at]
    last_unshown_at = max(before, default=None)
    # Lags are measured from the first row on, whatever was read before it.
    first_shown_at = look.ended_at if is_first else first_seen_at
    seen_lag = lag_seen(sent_at, last_unshown_at, first_shown_at)
    return {
        "event_id": row.id,
        "period": row.period,
        "sent_at": sent_at,
        "last_unshown_at": last_unshown_at,
        "first_shown_at": first_shown_at,
        "lag_seconds": None if seen_lag is None else -(-seen_lag // _SECOND),
    }
