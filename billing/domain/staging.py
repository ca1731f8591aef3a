"""Staging: which usage rows become which meter events."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from billing.domain.metering import MOST_EVENTS_PER_HOUR, MeterEvent, is_over


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a customer's minutes go: Stripe's customer, the meter and the mode."""

    customer: str
    stripe_customer: str
    meter: str
    livemode: bool

    def event(self, hour: datetime, sequence: int, minutes: int) -> MeterEvent:
        """Return the event that reports minutes of an hour here."""
        names = (self.customer, self.stripe_customer, self.meter, self.livemode)
        return MeterEvent(*names, hour, sequence, minutes)


class UnstagedRow(NamedTuple):
    """A usage row that no meter event carries yet."""

    id: int
    hour: datetime
    minutes: int
    amount_micro: int


@dataclass(frozen=True, slots=True)
class PlannedEvent:
    """An event to be, with the numbers of the rows that it carries for ever."""

    event: MeterEvent
    amount_micro: int
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StagingPlan:
    """The events to stage, and the hours that have no room for another one."""

    events: tuple[PlannedEvent, ...]
    full_hours: tuple[datetime, ...] = ()


def plan_events(
    rows: Iterable[UnstagedRow],
    to: Destination,
    staged: Mapping[datetime, int],
    now: datetime,
    *,
    at_once: bool = False,
) -> StagingPlan:
    """Plan an event for each hour that is over (or, `at_once`, for every hour).

    `staged` counts the events that an hour has already. An event reports just the
    difference: the minutes of the rows that no earlier event carries.
    """
    hours: dict[datetime, list[UnstagedRow]] = defaultdict(list)
    for row in rows:
        if at_once or is_over(row.hour, now):
            hours[row.hour].append(row)
    planned, full = [], []
    for hour in sorted(hours):
        sequence = staged.get(hour, 0)
        if sequence >= MOST_EVENTS_PER_HOUR:
            full.append(hour)
            continue
        carried = hours[hour]
        event = to.event(hour, sequence, sum(row.minutes for row in carried))
        amount = sum(row.amount_micro for row in carried)
        planned.append(PlannedEvent(event, amount, tuple(row.id for row in carried)))
    return StagingPlan(tuple(planned), tuple(full))
