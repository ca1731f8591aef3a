"""Rejections: what Stripe took and then refused is found, and no longer called synced.

A report names only a sample of what was refused, so the own minutes of all events of
its window are read; so are those of hours of which a summary was found short.
"""

from datetime import timedelta

from billing.domain.settling import Finding, settle
from billing.ledger import doubts, outbox, rejections
from billing.ledger.database import Ledger
from billing.ledger.rejections import Suspect
from billing.pipeline.customer_work import CustomerWork
from billing.pipeline.reckoning import Reckoning
from billing.pipeline.settle import read_own_minute
from billing.ports import Meter

# Stripe keeps events for 30 days; a report may be made while we read.
STRIPE_KEEPS = timedelta(days=29)
OVERLAP = timedelta(hours=1)


def note_error_reports(ledger: Ledger, meter: Meter, time: Reckoning) -> set[str]:
    """Read what Stripe reported since; returns the customers it may be about.

    This needs no webhook: one that was lost is made up for. Raises MeterFault.
    """
    now = time.now()
    with ledger.reading() as connection:
        newest = rejections.newest_report_at(connection)
    since = now - STRIPE_KEEPS if newest is None else newest - OVERLAP
    found = meter.error_reports(since)
    if found:
        with ledger.writing() as connection:
            rejections.save_reports(connection, found, now)
    with ledger.reading() as connection:
        meant = [
            suspect
            for report in rejections.open_reports(connection)
            for suspect in rejections.suspects(connection, report)
        ]
        missing = rejections.missing_events(connection)
    return {suspect.customer for suspect in [*meant, *missing]}


def reject_what_is_reported(work: CustomerWork) -> int:
    """Read the minutes of this customer's suspects; returns how many were rejected."""
    customer = work.to.customer
    with work.ledger.reading() as connection:
        found = [
            (f"{report.name} ({', '.join(report.codes)})", suspect)
            for report in rejections.open_reports(connection)
            for suspect in rejections.suspects(connection, report)
            if suspect.customer == customer
        ]
        missing = rejections.missing_events(connection, customer)
    found += [("its minute is empty, and no report says why", one) for one in missing]
    rejected = 0
    # One read an event: what names it goes before what only suspects it.
    once = {suspect.event_id: (why, suspect) for why, suspect in _named_last(found)}
    for why, suspect in once.values():
        if _is_gone(work, suspect):
            _reject(work, why, suspect)
            rejected += 1
    return rejected


def _named_last(found: list[tuple[str, Suspect]]) -> list[tuple[str, Suspect]]:
    return sorted(found, key=lambda pair: pair[1].named)


def settle_reports(ledger: Ledger, time: Reckoning) -> None:
    """Close the reports whose errors are all accounted for."""
    with ledger.reading() as connection:
        done = [
            report.name
            for report in rejections.open_reports(connection)
            if rejections.named_and_rejected(connection, report) >= report.error_count
            or not (
                rejections.suspects(connection, report)
                or rejections.awaits_answers(connection, report)
            )
        ]
    if done:
        now = time.now()
        with ledger.writing() as connection:
            for name in done:
                rejections.settle_report(connection, name, now)


def _is_gone(work: CustomerWork, suspect: Suspect) -> bool:
    """Say whether a suspect does not count: named and absent, or firmly absent."""
    with work.ledger.reading() as connection:
        event = outbox.event_numbered(connection, suspect.event_id)
    readings = read_own_minute(work, event)
    if readings is None:
        return False
    if suspect.named and readings[-1].minutes == 0:
        return True
    found = settle(event.event.minutes, readings, event.last_sent_at)
    return found is Finding.ABSENT


def _reject(work: CustomerWork, why: str, suspect: Suspect) -> None:
    actor = work.actor
    work.sender.writer.write(
        lambda connection: doubts.reject(connection, actor, suspect.event_id, why)
    )
