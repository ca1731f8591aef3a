"""First contact: a month is read at the meter before anything is sent into it."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from billing.domain.meter_contact import (
    ContactDecision,
    ContactFindings,
    ContactReading,
    ContactState,
    MeterMonth,
    asks_for_reading,
    decide_contact,
)
from billing.domain.period import BillingPeriod, Window
from billing.ledger.database import Ledger
from billing.ledger.group_commit import BatchedWrite
from billing.ledger.sync.contact_context import ContactContext
from billing.ledger.sync.first_contact import (
    Contact,
    month_contact,
    record_contacts,
    unread_since_restore,
)
from billing.ledger.sync.meter_bounds import contact_bounds
from billing.ledger.sync.outbox import OpenEvent
from billing.pipeline.sync.context import SyncContext
from billing.pipeline.sync.send import PendingWrites


def admit_events(
    context: SyncContext,
    contacts: ContactContext,
    due: Iterable[OpenEvent],
    findings: ContactFindings,
    pending: PendingWrites,
    *,
    clear: Collection[MeterMonth] = (),
) -> list[OpenEvent]:
    """Return the events that may be sent now; `findings` says why others may not.

    Of months that are `clear` it is known already that they may be sent into. It has
    the customer's stops already. What is read is durable once `pending`, which is the
    customer's, is settled, as it is before anything is sent. A person knows the
    customer by what the settings call it now.
    """
    events = list(due)
    months = {meter_month(event): None for event in events}
    clear = {*clear}
    for month in months.keys() - clear if clear else months:
        decision = _decide(context, contacts, month, pending)
        if decision is not None:
            findings.note(context.present_name, month.period, decision)
            if decision.state is ContactState.CLEAR:
                clear.add(month)
    if findings.needs_a_person:
        return []
    return [event for event in events if meter_month(event) in clear]


def meter_month(open_event: OpenEvent) -> MeterMonth:
    """Return the month at the meter that an event is sent into."""
    event = open_event.event
    return MeterMonth(
        stripe_customer=event.stripe_customer,
        meter=event.meter,
        livemode=event.livemode,
        period=BillingPeriod.of(event.timestamp),
    )


def read_contact(
    ledger: Ledger,
    customer: str,
    month: MeterMonth,
    contacts: ContactContext,
    now: datetime,
    *,
    read_total: Callable[[str, Window], int | None],
    read_hours: Callable[[str, Window], Mapping[datetime, int] | None],
) -> Contact | None:
    """Read a month at the meter, of a restored ledger by the hour; None without one."""
    window = Window(month.period.start, month.period.end)
    hours = None
    if contacts.restored_at is None:
        minutes = read_total(month.stripe_customer, window)
    else:
        hours = read_hours(month.stripe_customer, window)
        minutes = None if hours is None else sum(hours.values())
    if minutes is None:
        return None
    # What can be ours is asked after the meter: nothing of it can be newer than that.
    with ledger.reading() as connection:
        bounds = contact_bounds(
            connection, customer, month, now, hours, lets_be=contacts.lets_be
        )
    reading = ContactReading(now, minutes, bounds.upper)
    return Contact(customer, month, reading, bounds.lower)


def _decide(
    context: SyncContext,
    contacts: ContactContext,
    month: MeterMonth,
    pending: PendingWrites,
) -> ContactDecision | None:
    """Decide by what is known, else by a reading that is kept; None without one."""
    customer, now = context.to.customer, context.sender.time.now()
    for other in _unread_elsewhere(context, contacts, month):
        if _read(context, contacts, other, now, pending) is None:
            return None
        pending.settle()  # the ledger is asked for it below
    with context.ledger.reading() as connection:
        contact = month_contact(connection, customer, month, contacts, now)
    decision = decide_contact(contact, now)
    if not asks_for_reading(contact, decision, now):
        return decision
    reading = _read(context, contacts, month, now, pending)
    if reading is None:
        return None
    contact = replace(contact, readings=[*contact.readings, reading])
    return decide_contact(contact, now)


def _unread_elsewhere(
    context: SyncContext, contacts: ContactContext, month: MeterMonth
) -> list[MeterMonth]:
    elsewhere = contacts.elsewhere(context.to.customer, month)
    if not elsewhere:
        return []  # as it mostly is: no transaction is opened for it
    with context.ledger.reading() as connection:
        return unread_since_restore(connection, elsewhere, contacts)


def _read(
    context: SyncContext,
    contacts: ContactContext,
    month: MeterMonth,
    now: datetime,
    pending: PendingWrites,
) -> ContactReading | None:
    """Read a month, and keep what it showed; None when there is no answer."""
    contact = read_contact(
        context.ledger,
        context.to.customer,
        month,
        contacts,
        now,
        read_total=context.read_minutes,
        read_hours=context.read_hours,
    )
    if contact is None:
        return None
    pending.keep(context.sender.writer.hand_in(BatchedWrite(record_contacts, contact)))
    return contact.reading
