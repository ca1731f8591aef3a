"""Open items: rows that no event carries yet, and events without a final answer."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, or_, select

from billing.domain.close_obstacles import FINAL_REASONS
from billing.domain.deadlines import OpenItem
from billing.domain.meter_event import EventState, FailReason
from billing.domain.posting import posting_hour
from billing.domain.settlement import MinuteReading
from billing.ledger.schema.closed_months import closed_months
from billing.ledger.schema.tables import b2b_usage, meter_event, meter_reading

event, usage = meter_event.c, b2b_usage.c
_AT_ONCE = 2_000
# Whatever was not known of these once, it is known by now that they do not count.
_CERTAINLY_ABSENT = {FailReason.REJECTED.value, FailReason.EXPIRED.value}
_UNCERTAIN = FailReason.UNCERTAIN.value
_OF_UNCERTAIN = (
    select(meter_reading.c.event_id, meter_reading.c.read_at, meter_reading.c.minutes)
    .join(meter_event)
    .where(event.state != EventState.SYNCED.value, event.reason == _UNCERTAIN)
    .order_by(meter_reading.c.id)
)


def open_items(connection: Connection, now: datetime) -> Iterator[OpenItem]:
    """Read every open item, a few at a time, in no order; rows where they will be."""
    closed = closed_months(connection)
    keys = usage.customer, usage.hour
    waiting = (
        select(*keys, func.sum(usage.billed_minutes), func.count())
        .where(usage.meter_event_id.is_(None))
        .group_by(*keys)
        .execution_options(yield_per=_AT_ONCE)
    )
    state = EventState.PENDING.value
    for customer, hour, minutes, rows in connection.execute(waiting):
        reported_hour = posting_hour(hour, closed, now)
        yield OpenItem(
            identifier=None,
            customer=customer,
            hour=reported_hour,
            timestamp=reported_hour,
            minutes=int(minutes),
            rows=int(rows),
            state=state,
        )
    readings: dict[int, list[MinuteReading]] = defaultdict(list)
    for number, *reading in connection.execute(_OF_UNCERTAIN):
        readings[number].append(MinuteReading(*reading))
    unsynced = select(meter_event).where(is_open())
    for row in connection.execute(unsynced.execution_options(yield_per=_AT_ONCE)):
        yield OpenItem(
            identifier=row.identifier,
            customer=row.customer,
            hour=row.hour,
            timestamp=row.timestamp,
            minutes=row.minutes,
            rows=row.usage_rows,
            state=row.reason or row.state,
            in_doubt_since=row.last_sent_at
            if row.first_unknown_at and row.reason not in _CERTAINLY_ABSENT
            else None,
            first_unknown_at=row.first_unknown_at,
            readings=tuple(readings.get(row.id, ())),
        )


def is_open() -> ColumnElement[bool]:
    """Return the condition under which an event has no final answer."""
    final = event.reason.in_([reason.value for reason in FINAL_REASONS])
    return (event.state != EventState.SYNCED.value) & or_(
        event.reason.is_(None), ~final
    )
