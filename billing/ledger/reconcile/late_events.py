"""Late events: those that Stripe counted when it had already invoiced the month."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, case, func, select

from billing.domain.breaks_invoice import ArrivedEvent
from billing.domain.meter_event import SendVerdict
from billing.domain.period import BillingPeriod
from billing.domain.posting import Charge
from billing.ledger.schema.tables import b2b_usage, meter_attempt, meter_event

event, attempt = meter_event.c, meter_attempt.c


def arrived_after(
    connection: Connection, period: BillingPeriod, finals: Mapping[str, datetime]
) -> dict[str, list[ArrivedEvent]]:
    """Return, by customer, the counted events taken after its final moment."""
    if not finals:
        return {}
    # An answer that it was there already says only that an earlier attempt had it.
    counted = case((attempt.verdict == SendVerdict.COUNTED.value, attempt.started_at))
    taken = func.coalesce(func.min(counted), func.min(attempt.started_at))
    taken_at = (
        select(taken)
        .where(attempt.event_id == event.id, attempt.kind == "event")
        .scalar_subquery()
    )
    query = select(meter_event, taken_at.label("taken_at")).where(
        event.period == str(period),
        event.customer.in_(finals),
        event.state == "synced",
        event.last_sent_at > min(finals.values()),
    )
    arrived: dict[str, list[ArrivedEvent]] = defaultdict(list)
    for row in connection.execute(query.order_by(event.id)).all():
        if row.taken_at is not None and row.taken_at > finals[row.customer]:
            arrived[row.customer].append(
                ArrivedEvent(
                    identifier=row.identifier,
                    hour=row.hour,
                    charge=Charge(row.minutes, row.amount_micro),
                    calls=_calls_of(connection, row.id),
                    taken_at=row.taken_at,
                )
            )
    return arrived


def _calls_of(connection: Connection, number: int) -> tuple[str, ...]:
    usage = b2b_usage.c
    query = select(usage.call_id).where(usage.meter_event_id == number).distinct()
    return tuple(connection.scalars(query.order_by(usage.call_id)))
