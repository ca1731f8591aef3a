"""First contact, as `doctor` sees it: what stands at the meter that is not ours."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from billing.domain.meter_contact import (
    OPENING_REMEDY,
    STOP_REMEDY,
    ContactState,
    MeterMonth,
    decide_contact,
)
from billing.domain.period import BillingPeriod
from billing.errors import MeterFault, NoSuchCustomer
from billing.ledger.database import Ledger
from billing.ledger.sync.contact_context import ContactContext, read_context
from billing.ledger.sync.first_contact import month_contact
from billing.pipeline.doctor.checks import Check, failed
from billing.pipeline.sync.first_contact import read_contact
from billing.ports import Meter

NAME = "first contact"


def check_contacts(
    ledger: Ledger, meter: Meter, customers: Mapping[str, str], now: datetime
) -> Iterator[Check]:
    """Read this month of every customer that nothing was sent for yet; keep nothing."""
    state = meter.describe()
    if state is None:
        return  # which is said where the meter is looked at
    with ledger.reading() as connection:
        context = read_context(connection, now)
    for stop in context.stops:
        found = (
            f"{stop.minutes:+,} minutes of {stop.period} are not from this ledger "
            f"(break {stop.case}, {stop.cause}); nothing is sent"
        )
        yield Check(f"meter of {stop.customer}", False, found, STOP_REMEDY)
    clear = True
    for name, stripe_customer in customers.items():
        month = MeterMonth(
            stripe_customer=stripe_customer,
            meter=meter.event_name,
            livemode=state.livemode,
            period=BillingPeriod.of(now),
        )
        try:
            check = _check(ledger, meter, context, name, month, now=now)
        except NoSuchCustomer:
            continue  # which is said where the customers are looked for
        except MeterFault as fault:
            yield failed(NAME, fault, "let the key read meter event summaries")
            return
        if check is not None:
            clear = False
            yield check
    if context.adoptions:
        last = max(adopted.from_hour for adopted in context.adoptions.values())
        found = f"{len(context.adoptions)} taken over from another program"
        yield Check(
            "adopted meters", True, f"{found}, the last from {last:%Y-%m-%dT%HZ}"
        )
    if clear:
        yield Check(NAME, True, "no minutes at the meter that are not from this ledger")


def _check(
    ledger: Ledger,
    meter: Meter,
    context: ContactContext,
    customer: str,
    month: MeterMonth,
    *,
    now: datetime,
) -> Check | None:
    """Return what is worth a word of a customer's month; None when nothing is."""
    with ledger.reading() as connection:
        contact = month_contact(connection, customer, month, context, now)
    decision = decide_contact(contact, now)
    if decision.state is ContactState.CLEAR and contact.has_sent:
        return None
    shown = read_contact(
        ledger,
        customer,
        month,
        context,
        now,
        read_total=meter.read_total,
        read_hours=meter.read_hours,
    )
    name = f"{NAME} of {customer}"
    if shown is not None and shown.reading.opening:
        found = (
            f"{shown.reading.opening:,} minutes of {month.period} stand at the meter "
            "that this ledger never sent; nothing is sent"
        )
        return Check(name, False, found, OPENING_REMEDY)
    if decision.until is not None:
        until = f"until {decision.until:%Y-%m-%dT%H:%M:%SZ}"
    elif not (contact.is_known or contact.is_sole):
        until = "for a day, till a second reading says the same"
    else:
        return None
    return Check(name, True, f"nothing stands there; the first send waits {until}")
