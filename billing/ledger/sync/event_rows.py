"""Event rows: meter events as they are made with the rows they carry, or let go."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import (
    Connection,
    Update,
    bindparam,
    func,
    select,
    update,
)

from billing.domain.meter_event import EventState, FailReason
from billing.domain.period import BillingPeriod
from billing.domain.staging import MeterDestination, PlannedEvent
from billing.ledger.audit import audit_log
from billing.ledger.schema.bulk_execute import BoundRow, execute_for_all, insert_for_all
from billing.ledger.schema.tables import b2b_usage, meter_event
from billing.ledger.sync import outbox
from billing.ledger.sync.outbox import OpenEvent

_NUMBERS_PER_STATEMENT = 10_000
NOTHING_TO_SEND = "its rows cancel out: nothing to report"
event, usage = meter_event.c, b2b_usage.c
# So few rows are bound together with those of other events.
_FEW_ROWS = 20
_BIND = (
    update(b2b_usage)
    .where(usage.id.in_(bindparam("numbers", expanding=True)))
    .values(meter_event_id=bindparam("to_event"))
)
_NEXT_SEQUENCES = (
    select(event.hour, func.max(event.sequence) + 1)
    .where(
        event.livemode == bindparam("livemode"),
        event.meter == bindparam("meter"),
        event.stripe_customer == bindparam("stripe_customer"),
        event.hour.in_(bindparam("hours", expanding=True)),
    )
    .group_by(event.hour)
)


def _bind(row: BoundRow) -> Update:
    number = row.field("row", usage.id.type)
    to_event = row.field("event", event.id.type)
    return update(b2b_usage).where(usage.id == number).values(meter_event_id=to_event)


def add_events(
    connection: Connection,
    plans: Sequence[PlannedEvent],
    now: datetime,
    *,
    evidence: str | None = None,
) -> dict[str, int]:
    """Insert events and bind the rows they carry; returns numbers by identifiers.

    With evidence that they count they are never sent.
    """
    if not plans:
        return {}
    made = [_row(plan, now, evidence) for plan in plans]
    rows = insert_for_all(connection, meter_event, made, event.identifier, event.id)
    numbers = dict(map(tuple, rows))
    audit_log.touch_binding(connection, numbers.values())
    few: list[dict[str, object]] = []
    for plan in plans:
        number = numbers[plan.event.identifier]
        if len(plan.rows) <= _FEW_ROWS:
            few += [{"event": number, "row": row} for row in plan.rows]
            continue
        for first in range(0, len(plan.rows), _NUMBERS_PER_STATEMENT):
            of_event = plan.rows[first : first + _NUMBERS_PER_STATEMENT]
            connection.execute(_BIND, {"to_event": number, "numbers": of_event})
    if few:
        execute_for_all(connection, _bind, few)
    return numbers


def release(connection: Connection, replaced: OpenEvent) -> None:
    """Take the rows from an event that does not count; raises Overtaken.

    They are staged anew.
    """
    reason = FailReason.REPLACED.value
    outbox.move(connection, replaced, state="failed", reason=reason)
    audit_log.touch_binding(connection, [replaced.id])
    free = update(b2b_usage).where(usage.meter_event_id == replaced.id)
    connection.execute(free.values(meter_event_id=None))


def next_sequences(
    connection: Connection, to: MeterDestination, hours: Collection[datetime]
) -> dict[datetime, int]:
    """Return which number the next event of each hour has, where there is one."""
    values = {
        "livemode": int(to.livemode),
        "meter": to.meter,
        "stripe_customer": to.stripe_customer,
        "hours": sorted(hours),
    }
    rows = connection.execute(_NEXT_SEQUENCES, values)
    return {hour: int(following) for hour, following in rows}


def _row(
    planned: PlannedEvent, now: datetime, evidence: str | None
) -> dict[str, object]:
    planned_event = planned.event
    if not planned_event.minutes and evidence is None:
        evidence = NOTHING_TO_SEND
    state = EventState.PENDING if evidence is None else EventState.SYNCED
    return {
        "identifier": planned_event.identifier,
        "customer": planned_event.customer,
        "stripe_customer": planned_event.stripe_customer,
        "meter": planned_event.meter,
        "livemode": int(planned_event.livemode),
        "period": str(BillingPeriod.of(planned_event.hour)),
        "hour": planned_event.hour,
        "sequence": planned_event.sequence,
        "timestamp": planned_event.timestamp,
        "minutes": planned_event.minutes,
        "amount_micro": planned.amount_micro,
        "usage_rows": len(planned.rows),
        "carries": None if planned.carries is None else str(planned.carries),
        "staged_at": now,
        "state": state.value,
        "evidence": evidence,
        "tries": 0,
    }
