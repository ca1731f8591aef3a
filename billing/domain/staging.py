"""Staging: which usage rows become which meter events."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from billing.domain.meter_event import MOST_EVENTS_PER_HOUR, MeterEvent, is_over
from billing.domain.period import HOUR, BillingPeriod
from billing.domain.posting import posting_hour


@dataclass(frozen=True, slots=True)
class MeterDestination:
    """Where a customer's minutes go: Stripe's customer, the meter and the mode."""

    customer: str
    stripe_customer: str
    meter: str
    livemode: bool
    other_names: frozenset[str] = frozenset()  # what the customer is called, or was

    @property
    def names(self) -> frozenset[str]:
        """Every name of the customer."""
        return self.other_names | {self.customer}

    def event(self, hour: datetime, sequence: int, minutes: int) -> MeterEvent:
        """Return the event that reports minutes of an hour here."""
        return MeterEvent(
            customer=self.customer,
            stripe_customer=self.stripe_customer,
            meter=self.meter,
            livemode=self.livemode,
            hour=hour,
            sequence=sequence,
            minutes=minutes,
        )


class UnstagedRow(NamedTuple):
    """A usage row that no meter event carries yet, and the hour it is posted in."""

    id: int
    hour: datetime
    minutes: int
    amount_micro: int


class ReportSlot(NamedTuple):
    """Where rows are reported: an hour, and the closed month that they come from."""

    hour: datetime
    carries: BillingPeriod | None


@dataclass(frozen=True, slots=True)
class PlannedEvent:
    """An event to be, with the numbers of the rows that it carries for ever."""

    event: MeterEvent
    amount_micro: int
    rows: tuple[int, ...]
    carries: BillingPeriod | None = None


@dataclass(frozen=True, slots=True)
class StagingPlan:
    """The events to stage, and the hours that have no room for another one."""

    events: tuple[PlannedEvent, ...]
    full_hours: tuple[datetime, ...] = ()


def plan_events(
    places: Mapping[ReportSlot, Sequence[UnstagedRow]],
    to: MeterDestination,
    staged: Mapping[datetime, int],
    now: datetime,
    *,
    at_once: bool = False,
) -> StagingPlan:
    """Plan an event for each place whose hour is over (or, `at_once`, for every one).

    `staged` counts the events that an hour has already. An event reports just the
    difference: the minutes of the rows that no earlier event carries.
    """
    planned, full = [], []
    taken = dict(staged)
    for place in sorted(places, key=lambda place: (place.hour, str(place.carries))):
        hour, rows = place.hour, places[place]
        if not (at_once or is_over(hour, now)):
            continue
        sequence = taken.get(hour, 0)
        if sequence >= MOST_EVENTS_PER_HOUR:
            full.append(hour)
            continue
        taken[hour] = sequence + 1
        event = to.event(hour, sequence, sum(row.minutes for row in rows))
        amount = sum(row.amount_micro for row in rows)
        numbers = tuple(row.id for row in rows)
        planned.append(PlannedEvent(event, amount, numbers, place.carries))
    return StagingPlan(tuple(planned), tuple(full))


def place_rows(
    rows: Iterable[UnstagedRow], closed: Collection[BillingPeriod], now: datetime
) -> dict[ReportSlot, list[UnstagedRow]]:
    """Group rows by where they are reported: in their hour, while its month is open.

    Rows of a closed month whose event was rejected too late are carried on, in the
    newest hour that is over.
    """
    places: dict[ReportSlot, list[UnstagedRow]] = defaultdict(list)
    for row in rows:
        hour = posting_hour(row.hour, closed, now - HOUR)
        carries = None if hour == row.hour else BillingPeriod.of(row.hour)
        places[ReportSlot(hour, carries)].append(row)
    return places
