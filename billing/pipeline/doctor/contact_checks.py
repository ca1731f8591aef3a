"""First contact, as `doctor` sees it: what stands at the meter that is not ours."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from billing.domain.contact_sentences import (
    openings_sentence,
    stops_by_remedy,
    stops_sentence,
    waits_sentence,
)
from billing.domain.meter_contact import (
    BETWEEN_CONTACTS,
    OPENING_REMEDY,
    ContactFindings,
    ContactState,
    FirstSendWait,
    MeterMonth,
    Opening,
    decide_contact,
)
from billing.domain.period import BillingPeriod
from billing.errors import WHOLE_METER, MeterFault, NoSuchCustomer
from billing.ledger.database import Ledger
from billing.ledger.sync.contact_context import ContactContext, read_context
from billing.ledger.sync.first_contact import month_contact
from billing.pipeline.doctor.checks import Check, failed
from billing.pipeline.sync.first_contact import read_contact
from billing.ports import Meter

NAME = "first contact"
READ_REMEDY = "let the key read meter event summaries"


def check_contacts(
    ledger: Ledger, meter: Meter, customers: Mapping[str, str], now: datetime
) -> Iterator[Check]:
    """Read this month of every customer that nothing was sent for yet; keep nothing."""
    state = meter.describe()
    if state is None:
        return  # which is said where the meter is looked at
    with ledger.reading() as connection:
        context = read_context(connection, now)
    months = {
        name: MeterMonth(
            stripe_customer=stripe_customer,
            meter=meter.event_name,
            livemode=state.livemode,
            period=BillingPeriod.of(now),
        )
        for name, stripe_customer in customers.items()
    }
    try:
        findings, unread = _find(ledger, meter, context, months, now)
    except MeterFault as fault:
        yield failed(NAME, fault, READ_REMEDY)
        return
    yield from unread
    for stops in stops_by_remedy(findings.stops):
        found, remedy = stops_sentence(stops), stops[0].remedy
        yield Check("other reporters", False, found, remedy)
    if findings.openings:
        found = openings_sentence(findings.openings)
        yield Check(NAME, False, found, OPENING_REMEDY)
    if findings.waits:
        found = f"nothing stands there; {waits_sentence(findings.waits)}"
        yield Check(NAME, True, found)
    if context.adoptions:
        last = max(adopted.from_hour for adopted in context.adoptions.values())
        found = f"{len(context.adoptions)} taken over from another program"
        yield Check(
            "adopted meters", True, f"{found}, the last from {last:%Y-%m-%dT%HZ}"
        )
    if not (findings.openings or findings.waits or unread):
        yield Check(NAME, True, "no minutes at the meter that are not from this ledger")


def _find(
    ledger: Ledger,
    meter: Meter,
    context: ContactContext,
    months: Mapping[str, MeterMonth],
    now: datetime,
) -> tuple[ContactFindings, list[Check]]:
    """Read the months of all customers, and say whose answer was odd.

    Raises a MeterFault that concerns all of them.
    """
    findings, unread = ContactFindings(stops=list(context.stops)), []
    for customer, month in months.items():
        try:
            found = _look(ledger, meter, context, customer, month, now=now)
        except NoSuchCustomer:
            continue  # which is said where the customers are looked for
        except WHOLE_METER:
            raise
        except MeterFault as fault:
            unread.append(failed(f"{NAME} of {customer}", fault, READ_REMEDY))
            continue
        match found:
            case Opening():
                findings.openings.append(found)
            case FirstSendWait():
                findings.waits.append(found)
    return findings, unread


def _look(
    ledger: Ledger,
    meter: Meter,
    context: ContactContext,
    customer: str,
    month: MeterMonth,
    *,
    now: datetime,
) -> Opening | FirstSendWait | None:
    """Return what stands in a customer's month, or until when its first send waits."""
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
    if shown is not None and shown.reading.opening:
        return Opening(customer, month.period, shown.reading.opening)
    if decision.until is not None:
        return FirstSendWait(customer, month.period, decision.until)
    if contact.is_known or contact.is_sole:
        return None
    return FirstSendWait(customer, month.period, now + BETWEEN_CONTACTS)
