"""Rejections: what Stripe took and then refused is found, and no longer called synced.

A report names only a sample of what was refused, so the own minutes of all events of
its window are read; so are those of hours of which a summary was found short.
"""

from datetime import timedelta
from typing import NamedTuple

from billing.domain.meter_event import EventState
from billing.domain.settlement import SettleVerdict, proof_of_absence, settle
from billing.domain.summary_lag import LagsMeasured
from billing.ledger.database import Ledger
from billing.ledger.sync import error_reports, outbox, settlement
from billing.ledger.sync.error_reports import Suspect
from billing.ledger.sync.outbox import OpenEvent
from billing.pipeline.monotonic_time import MonotonicClock
from billing.pipeline.sync.context import SyncContext
from billing.pipeline.sync.settle import read_own_minute
from billing.ports import Meter

# Stripe keeps events for 30 days; a report may be made while we read.
STRIPE_KEEPS = timedelta(days=29)
OVERLAP = timedelta(hours=1)


def note_error_reports(ledger: Ledger, meter: Meter, time: MonotonicClock) -> set[str]:
    """Read what Stripe reported since; returns the customers it may be about.

    This needs no webhook: one that was lost is made up for. Raises MeterFault.
    """
    now = time.now()
    with ledger.reading() as connection:
        newest = error_reports.newest_report_at(connection)
    since = now - STRIPE_KEEPS if newest is None else newest - OVERLAP
    reports = meter.error_reports(since)
    if reports:
        with ledger.writing() as connection:
            error_reports.save_reports(connection, reports, now)
    with ledger.reading() as connection:
        suspects = [
            suspect
            for report in error_reports.open_reports(connection)
            for suspect in error_reports.suspects(connection, report)
        ]
        missing = error_reports.missing_events(connection)
    return {suspect.customer for suspect in [*suspects, *missing]}


def reject_what_is_reported(context: SyncContext) -> int:
    """Read the minutes of this customer's suspects; returns how many were rejected."""
    rejected: list[tuple[OpenEvent, str]] = []
    lags = context.lags()
    for each in _suspects(context):
        event = _event_of(context, each.suspect)
        if _is_gone(context, each, event, lags):
            rejected.append((event, each.why))
    for event, why in rejected:
        _reject(context, event, why)
    return len(rejected)


class _Suspicion(NamedTuple):
    """An event that may not count, and why."""

    suspect: Suspect
    why: str


def _suspects(context: SyncContext) -> list[_Suspicion]:
    """Return this customer's suspects, each once, by the strongest word against it."""
    with context.ledger.reading() as connection:
        reports = error_reports.open_reports(connection)
        reported = [(r, error_reports.suspects(connection, r)) for r in reports]
        missing = error_reports.missing_events(connection, context.to.customer)
    unexplained = "its minute is empty, and no report says why"
    all_suspicions = [_Suspicion(suspect, unexplained) for suspect in missing]
    for report, suspects in reported:
        why = f"{report.name} ({', '.join(report.codes)})"
        all_suspicions += [_Suspicion(suspect, why) for suspect in suspects]
    customer = context.to.customer
    ours = [each for each in all_suspicions if each.suspect.customer == customer]
    ours.sort(key=lambda suspicion: suspicion.suspect.named)
    return list({each.suspect.event_id: each for each in ours}.values())


def settle_reports(ledger: Ledger, time: MonotonicClock) -> None:
    """Close the reports whose errors are all accounted for."""
    with ledger.reading() as connection:
        done = [
            report.name
            for report in error_reports.open_reports(connection)
            if error_reports.named_and_rejected(connection, report)
            >= report.error_count
            or not (
                error_reports.suspects(connection, report)
                or error_reports.awaits_answers(connection, report)
            )
        ]
    if done:
        now = time.now()
        with ledger.writing() as connection:
            for name in done:
                error_reports.settle_report(connection, name, now)


def _event_of(context: SyncContext, suspect: Suspect) -> OpenEvent:
    with context.ledger.reading() as connection:
        return outbox.event_numbered(connection, suspect.event_id)


def _is_gone(
    context: SyncContext, suspicion: _Suspicion, event: OpenEvent, lags: LagsMeasured
) -> bool:
    """Say whether a suspect does not count: named and absent, or proved absent.

    What is rejected may go out anew under a new name: so silence alone has to be proof.
    How many errors there are proves nothing of who made them: another that reports to
    the meter, whatever was stated, or this ledger before it was restored.
    """
    if event.state is not EventState.SYNCED:
        return False  # whoever moved it since has decided it
    readings = read_own_minute(context, event)
    if readings is None:
        return False
    if suspicion.suspect.named and readings[-1].minutes == 0:
        return True
    minutes, sent = event.event.minutes, event.last_sent_at
    rule = proof_of_absence(lags, context.actor.at)
    verdict = settle(minutes, readings, sent, rule)
    return verdict is SettleVerdict.ABSENT


def _reject(context: SyncContext, rejected: OpenEvent, why: str) -> None:
    actor = context.actor
    context.sender.writer.write(
        lambda connection: settlement.reject(connection, actor, rejected, why)
    )
