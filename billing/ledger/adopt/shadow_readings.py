"""Shadow readings: what a customer's month at the meter showed, hour by hour."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select

from billing.domain.meter_contact import MeterMonth
from billing.domain.period import BillingPeriod
from billing.ledger.audit import audit_log
from billing.ledger.audit.canonical_json import format_document
from billing.ledger.schema.tables import shadow_reading
from billing.ledger.stored_json import read_stored, whole

column = shadow_reading.c


@dataclass(frozen=True, slots=True)
class ShadowReading:
    """What a month showed at a moment: the minutes of each hour that has any."""

    customer: str
    month: MeterMonth
    read_at: datetime
    hours: Mapping[datetime, int]


def record_shadow_reading(connection: Connection, reading: ShadowReading) -> None:
    """Keep a reading by the hour, as the evidence for what is decided by it."""
    month = reading.month
    hours = {
        hour.isoformat(): minutes
        for hour, minutes in sorted(reading.hours.items())
        if minutes
    }
    values = {
        "customer": reading.customer,
        "stripe_customer": month.stripe_customer,
        "meter": month.meter,
        "livemode": int(month.livemode),
        "period": str(month.period),
        "read_at": reading.read_at,
        "hours": format_document(hours).decode(),
    }
    connection.execute(insert(shadow_reading).values(values))
    detail = {"period": str(month.period), "minutes": sum(hours.values())}
    audit_log.note(connection, "meter.read", reading.customer, detail)


def shadow_readings(
    connection: Connection, month: MeterMonth, since: datetime
) -> list[ShadowReading]:
    """Return the readings of a month made since a moment, oldest first."""
    query = select(shadow_reading).where(
        column.stripe_customer == month.stripe_customer,
        column.meter == month.meter,
        column.livemode == int(month.livemode),
        column.period == str(month.period),
        column.read_at >= since,
    )
    return [_reading(row) for row in connection.execute(query.order_by(column.id))]


def newest_readings(
    connection: Connection, period: BillingPeriod
) -> dict[str, ShadowReading]:
    """Return each customer's newest reading of a month."""
    newest = select(func.max(column.id)).where(column.period == str(period))
    query = select(shadow_reading).where(
        column.id.in_(newest.group_by(column.customer))
    )
    return {row.customer: _reading(row) for row in connection.execute(query)}


def _reading(row: Any) -> ShadowReading:
    month = MeterMonth(
        stripe_customer=row.stripe_customer,
        meter=row.meter,
        livemode=bool(row.livemode),
        period=BillingPeriod.parse(row.period),
    )
    hours = read_stored(row.hours, "an hour's count of minutes", _hours)
    return ShadowReading(row.customer, month, row.read_at, hours)


def _hours(said: Any) -> dict[datetime, int]:
    return {
        datetime.fromisoformat(hour): whole(minutes) for hour, minutes in said.items()
    }
