"""First contact as people read it: who waits, and why nothing is sent."""

from collections.abc import Collection, Iterator
from datetime import datetime

from billing.domain.meter_contact import (
    OPENING_REMEDY,
    STOP_REMEDY,
    ContactFindings,
    decide_contact,
)
from billing.domain.period import BillingPeriod
from billing.ledger.database import Ledger
from billing.ledger.sync.contact_context import read_context, unsent_contacts
from billing.ledger.sync.first_contact import month_contact
from billing.reports.sheets.formatting import Document, format_time

# So many customers that wait are named; their count is given in full.
_MOST_NAMES = 5


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


def contact_complaints(findings: ContactFindings) -> Iterator[str]:
    """Say for whom nothing is sent before a person decides, and what to do."""
    for opening in sorted(findings.openings):
        yield (
            f"{opening.customer}: {opening.minutes:,} minutes of {opening.period} "
            "stand at the meter that this ledger never sent, so nothing is sent for "
            f"{opening.customer}; {OPENING_REMEDY}"
        )
    for stop in sorted(findings.stops):
        yield (
            f"{stop.customer}: {stop.minutes:+,} minutes of {stop.period} at the meter "
            f"are not from this ledger (break {stop.case}, {stop.cause}), so nothing "
            f"is sent for {stop.customer}; {STOP_REMEDY}"
        )


def wait_sentence(findings: ContactFindings) -> str | None:
    """Say until when first sends wait; None when none does."""
    waits = findings.waits
    if not waits:
        return None
    names = list(dict.fromkeys(wait.customer for wait in waits))
    listed = ", ".join(names[:_MOST_NAMES])
    more = len(names) - _MOST_NAMES
    listed += f" and {more:,} more" if more > 0 else ""
    until = format_time(max(wait.until for wait in waits))
    return (
        f"New to this meter: the first send for {listed} waits until {until}, when the "
        "month is read a second time, a day after the first."
    )
