"""A look at a month: which of its events the meter's summaries showed, or a read."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from billing.domain.meter_event import EventState
from billing.domain.period import BillingPeriod
from billing.domain.settlement import is_multiple
from billing.domain.summary_lag import SummaryLook, surely_shown


class MonthLook(NamedTuple):
    """One reconciliation's look at a month, and when an earlier one looked at whom."""

    period: BillingPeriod
    started_at: datetime
    ended_at: datetime
    earlier_at: Mapping[str, datetime]  # of those customers that it could read
    customers: Mapping[str, SummaryLook]  # those that Stripe knows


def is_shown(
    row: Any,
    look: MonthLook,
    readings: Mapping[int, Iterable[tuple[datetime, int]]],
) -> bool:
    """Say whether summaries show an event, as far as this look or a read can tell."""
    if row.state != EventState.SYNCED.value:
        return False
    if _was_read(row, readings):
        return True
    if row.period != str(look.period) or row.customer not in look.customers:
        return False
    customer = look.customers[row.customer]
    shows = customer.shows(row.stripe_customer, row.hour, row.identifier)
    return shows and was_counted(row, look)


def was_counted(row: Any, look: MonthLook) -> bool:
    """Say whether it was known as counted before the ledger was compared."""
    is_answered = row.answered_at is not None and row.answered_at <= look.started_at
    return is_answered and row.state == EventState.SYNCED.value


def told_by_sums(
    sent: Iterable[Any],
    look: MonthLook,
    readings: Mapping[int, Iterable[tuple[datetime, int]]],
) -> set[int]:
    """Name the events that are shown in hours that lack others of their events."""
    hours = defaultdict(list)
    for row in sent:
        residues = look.customers.get(row.customer, SummaryLook()).residues
        residue = residues.get((row.stripe_customer, row.hour))
        if residue is None or row.period != str(look.period):
            continue
        if not _was_read(row, readings):
            hours[row.customer, row.stripe_customer, row.hour, residue].append(row)
    told: set[int] = set()
    for (*_, residue), rows in hours.items():
        if all(was_counted(row, look) for row in rows):
            places = surely_shown(residue, [row.minutes for row in rows])
            told |= {rows[place].id for place in places}
    return told


def _was_read(row: Any, readings: Mapping[int, Iterable[tuple[datetime, int]]]) -> bool:
    """Say whether a read of its own minute has found an event."""
    return any(holds(row, minutes) for _, minutes in readings.get(row.id, ()))


def holds(row: Any, minutes: int) -> bool:
    """Say whether an event's own minute holds it, were it counted twice."""
    return minutes == row.minutes or is_multiple(minutes, row.minutes)
