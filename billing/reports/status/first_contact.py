"""First contact as people read it: who waits, and why nothing is sent."""

from collections.abc import Collection
from datetime import datetime

from billing.domain.contact_sentences import waits_sentence
from billing.domain.meter_contact import ContactFindings, decide_contact
from billing.domain.period import BillingPeriod
from billing.ledger.database import Ledger
from billing.ledger.sync.contact_context import read_context, unsent_contacts
from billing.ledger.sync.first_contact import month_contact
from billing.reports.sheets.formatting import Document, format_time


def read_contacts(
    ledger: Ledger, months: Collection[BillingPeriod], now: datetime
) -> ContactFindings:
    """Return who waits for a first send, and whose sending has stopped, and why."""
    findings = ContactFindings()
    with ledger.reading() as connection:
        context = read_context(connection, now)
        findings.stops += [stop for stop in context.stops if stop.period in months]
        for customer, month in unsent_contacts(connection, context, months):
            contact = month_contact(connection, customer, month, context, now)
            findings.note(customer, month.period, decide_contact(contact, now))
    return findings


def contact_document(findings: ContactFindings) -> Document:
    """Return the same with stable names."""
    return {
        "openings": [
            {
                "customer": opening.customer,
                "period": str(opening.period),
                "minutes": opening.minutes,
            }
            for opening in sorted(findings.openings)
        ],
        "first_sends_wait": [
            {
                "customer": wait.customer,
                "period": str(wait.period),
                "until": format_time(wait.until),
            }
            for wait in sorted(findings.waits)
        ],
        "stopped": [
            {
                "customer": stop.customer,
                "period": str(stop.period),
                "case": stop.case,
                "cause": stop.cause.value,
                "minutes": stop.minutes,
            }
            for stop in sorted(findings.stops)
        ],
    }


def wait_sentence(findings: ContactFindings) -> str | None:
    """Say until when first sends wait; None when none does."""
    if not findings.waits:
        return None
    return f"New to this meter: {waits_sentence(findings.waits)}."
