"""First contact: what was read of a month at the meter before anything was sent."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, exists, func, select, text

from billing.domain.meter_contact import ContactReading, MeterMonth, MonthContact
from billing.domain.meter_event import EventState
from billing.domain.period import BillingPeriod
from billing.ledger.audit import audit_log
from billing.ledger.registry import names_of
from billing.ledger.schema.bulk_execute import insert_for_all
from billing.ledger.schema.tables import (
    meter_contact,
    meter_event,
    reconciliation_reading,
)
from billing.ledger.sync.contact_context import ContactContext
from billing.ledger.sync.meter_bounds import (
    AT_ADDRESS,
    OF_MONTH,
    contact_bounds,
    found_absent,
    of_month,
)

contact, event = meter_contact.c, meter_event.c
reading = reconciliation_reading.c
_AT_METER = and_(
    contact.meter == bindparam("meter"),
    contact.livemode == bindparam("livemode"),
    contact.period == bindparam("period"),
    contact.read_at > bindparam("remembers_from"),
)
# Made once: the sync of each customer asks them.
_READINGS = (
    select(contact.read_at.label("at"), contact.minutes, contact.upper)
    .where(_AT_METER, contact.stripe_customer == bindparam("stripe_customer"))
    .order_by(contact.id)
)
# Not `distinct`: SQLite would then take the index that has all readings of the month.
_OPENINGS_ELSEWHERE = select(contact.stripe_customer).where(
    _AT_METER,
    contact.stripe_customer != bindparam("stripe_customer"),
    text("minutes > upper"),  # as the index says that finds them
)
_NEWEST = (
    select(func.max(contact.id))
    .where(
        _AT_METER,
        contact.stripe_customer.in_(bindparam("stripe_customers", expanding=True)),
    )
    .group_by(contact.customer, contact.stripe_customer)
)
_NEWEST_READINGS = (
    select(meter_contact).where(contact.id.in_(_NEWEST)).order_by(contact.id)
)
_COUNTED_EARLIER = (
    AT_ADDRESS,
    event.hour < bindparam("start"),
    event.state == EventState.SYNCED.value,
    event.last_sent_at.is_not(None),
)
_LAST_COUNTED = (
    select(event.customer, event.period)
    .where(*_COUNTED_EARLIER)
    .order_by(event.hour.desc())
    .limit(1)
)
# Asked first, in one go: of a customer's first month there is nothing of all this.
_WHAT_THERE_IS = select(
    _READINGS.order_by(None).exists().label("readings"),
    exists()
    .where(OF_MONTH, event.last_sent_at > bindparam("remembers_from"))
    .label("sent"),
    exists().where(*_COUNTED_EARLIER).label("counted"),
    _OPENINGS_ELSEWHERE.exists().label("elsewhere"),
)
_LAST_RECONCILED = (
    select(reading.read_at, reading.stripe_minutes)
    .where(
        reading.period == bindparam("period"),
        reading.customer == bindparam("customer"),
        reading.stripe_customer == bindparam("stripe_customer"),
    )
    .order_by(reading.id.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Contact:
    """What a month showed of a customer, and the least of it that can be ours."""

    customer: str
    month: MeterMonth
    reading: ContactReading
    lower: int


def month_contact(
    connection: Connection,
    customer: str,
    month: MeterMonth,
    context: ContactContext,
    now: datetime,
) -> MonthContact:
    """Return what is known of a month at the meter before anything is sent into it."""
    asked = of_month(month) | _asked(month, context)
    there = connection.execute(_WHAT_THERE_IS, asked).one()
    readings = _readings(connection, month, context) if there.readings else []
    has_sent = bool(there.sent)
    is_known = not has_sent and (
        _is_adopted(customer, month, context)
        or (there.counted and _is_known(connection, month, now))
    )
    # A restored ledger has forgotten events: each of its months is read by the hour.
    if is_known and context.restored_at is None:
        readings += _reconciled(connection, customer, month, context, now)
        readings.sort(key=lambda reading: reading.at)
    return MonthContact(
        readings=readings,
        has_sent=has_sent,
        is_watched=has_sent and _is_watched(connection, customer, month, context),
        is_known=is_known,
        is_sole=context.is_sole(customer),
        found_absent_at=_found_absent_at(connection, month, context.restored_at),
        opening_elsewhere=_opening_elsewhere(connection, customer, month, context)
        if there.elsewhere and not has_sent  # it is looked at before the first send
        else 0,
    )


def unread_since_restore(
    connection: Connection, months: Iterable[MeterMonth], context: ContactContext
) -> list[MeterMonth]:
    """Return the months that were not read since the newest accepted restore."""
    return [month for month in months if not _readings(connection, month, context)]


def record_contacts(connection: Connection, contacts: Sequence[Contact]) -> None:
    """Keep what months showed, as the evidence for what follows from it."""
    values = [
        {
            "customer": each.customer,
            "stripe_customer": each.month.stripe_customer,
            "meter": each.month.meter,
            "livemode": int(each.month.livemode),
            "period": str(each.month.period),
            "read_at": each.reading.at,
            "minutes": each.reading.minutes,
            "lower": each.lower,
            "upper": each.reading.upper,
            "whole_month": int(each.reading.at >= each.month.period.end),
        }
        for each in contacts
    ]
    insert_for_all(connection, meter_contact, values)
    for each in contacts:
        detail = {"period": str(each.month.period), "minutes": each.reading.minutes}
        audit_log.note(connection, "meter.contacted", each.customer, detail)


def _asked(month: MeterMonth, context: ContactContext) -> dict[str, object]:
    return {
        "stripe_customer": month.stripe_customer,
        "meter": month.meter,
        "livemode": int(month.livemode),
        "period": str(month.period),
        "remembers_from": context.remembers_from,
    }


def _readings(
    connection: Connection, month: MeterMonth, context: ContactContext
) -> list[ContactReading]:
    rows = connection.execute(_READINGS, _asked(month, context))
    return [ContactReading(at, minutes, upper) for at, minutes, upper in rows]


def _opening_elsewhere(
    connection: Connection, customer: str, month: MeterMonth, context: ContactContext
) -> int:
    """Return what is not ours at the customer's other addresses, as last read there.

    It had them under any of its names. Whoever takes the present one over has decided
    about those, too.
    """
    asked = _asked(month, context)
    elsewhere = {*connection.scalars(_OPENINGS_ELSEWHERE, asked)}
    asked["stripe_customers"] = sorted(elsewhere)
    readings = connection.execute(_NEWEST_READINGS, asked).all()
    names = names_of(connection, customer)
    last = {row.stripe_customer: row for row in readings if row.customer in names}
    decided = [
        context.adoptions[name].at
        for name in names
        if _is_adopted(name, month, context)
    ]
    return sum(
        row.minutes - row.upper
        for row in last.values()
        if row.minutes > row.upper and all(row.read_at > at for at in decided)
    )


def _found_absent_at(
    connection: Connection, month: MeterMonth, restored_at: datetime | None
) -> datetime | None:
    if restored_at is None:
        return None
    absent = found_absent(connection, month, restored_at)
    return max((row.at for row in absent), default=None)


def _is_known(connection: Connection, month: MeterMonth, now: datetime) -> bool:
    """Say whether our last month there was found to hold no more than is ours."""
    last = connection.execute(_LAST_COUNTED, of_month(month)).one()
    earlier = replace(month, period=BillingPeriod.parse(last.period))
    row = _last_reading(connection, last.customer, earlier)
    if row is None:
        return False
    upper = contact_bounds(connection, last.customer, earlier, now).upper
    return bool(row.stripe_minutes <= upper)


def _is_adopted(customer: str, month: MeterMonth, context: ContactContext) -> bool:
    """Say whether this meter was taken over, so that all of it was read."""
    adopted = context.adoptions.get(customer)
    return adopted is not None and (
        adopted.stripe_customer,
        adopted.meter,
        adopted.livemode,
    ) == (month.stripe_customer, month.meter, month.livemode)


def _reconciled(
    connection: Connection,
    customer: str,
    month: MeterMonth,
    context: ContactContext,
    now: datetime,
) -> list[ContactReading]:
    """Return the running day's reading by a reconciliation, if it holds only ours."""
    row = _reading_of_the_day(connection, customer, month, context)
    if row is None:
        return []
    upper = contact_bounds(connection, customer, month, now).upper
    if row.stripe_minutes > upper:
        return []
    return [ContactReading(row.read_at, row.stripe_minutes, upper)]


def _is_watched(
    connection: Connection, customer: str, month: MeterMonth, context: ContactContext
) -> bool:
    """Say whether a reconciliation read this customer's month in the running day.

    That there was one says nothing of a customer that it could not read.
    """
    return _reading_of_the_day(connection, customer, month, context) is not None


def _reading_of_the_day(
    connection: Connection, customer: str, month: MeterMonth, context: ContactContext
) -> Any:
    row = _last_reading(connection, customer, month)
    return row if row is not None and row.read_at > context.watched_since else None


def _last_reading(connection: Connection, customer: str, month: MeterMonth) -> Any:
    asked = {
        "period": str(month.period),
        "customer": customer,
        "stripe_customer": month.stripe_customer,
    }
    return connection.execute(_LAST_RECONCILED, asked).first()
