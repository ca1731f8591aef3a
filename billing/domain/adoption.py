"""Adoption: a meter that another program has fed is ours from an hour on.

What stood there before that hour is the other's, the opening: our rows of then are
counted by it and never sent. Where both differ, in a month, a person decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from billing.domain.breaks import QUIET_BEFORE_READ, MinuteBounds
from billing.domain.meter_contact import BETWEEN_CONTACTS
from billing.domain.meter_event import SendWindow, is_over, send_window
from billing.domain.period import HOUR, BillingPeriod, hour_of
from billing.domain.posting import Charge

# What is ours from then on can still be sent: Stripe takes 35 days.
LONGEST_BACK = timedelta(days=34)


class AdoptionKind(StrEnum):
    """What a person decided of a customer's meter."""

    CUT_OVER = "cut_over"  # ours from an hour on
    UNDO = "undo"  # the newest cut-over is taken back
    SEND_DIFFERENCE = "send_difference"  # what the opening lacks, or has too much
    LEAVE_DIFFERENCE = "leave_difference"  # the opening is right as it is


@dataclass(frozen=True, slots=True)
class Adoption:
    """A cut-over in force: from when on a customer's minutes are ours to send."""

    id: int
    customer: str
    stripe_customer: str
    meter: str
    livemode: bool
    from_hour: datetime
    at: datetime
    actor: str
    reason: str


class HourlyReading(NamedTuple):
    """What a month at the meter showed at a moment, by the hour."""

    at: datetime
    hours: Mapping[datetime, int]

    def before(self, from_hour: datetime) -> dict[datetime, int]:
        """Return the hours before one that show anything."""
        return {
            hour: minutes
            for hour, minutes in self.hours.items()
            if minutes and hour < from_hour
        }


@dataclass(frozen=True, slots=True)
class MeterSplit:
    """What a month shows that is not ours, and hours in which that cannot be said."""

    opening: Mapping[datetime, int] = field(default_factory=dict)
    # The other's at or after the cut-over.
    later: Mapping[datetime, int] = field(default_factory=dict)
    # Ours before it, with an outcome that is not known, or not shown.
    unsettled: Mapping[datetime, int] = field(default_factory=dict)


class OpeningDifference(NamedTuple):
    """A month before the cut-over: what the other reported, and what calls come to."""

    customer: str
    period: BillingPeriod
    reported: Charge
    rated: Charge
    hours: tuple[datetime, ...] = ()  # in which they differ

    @property
    def minutes(self) -> int:
        """What the meter shows too much; negative: too little."""
        return self.reported.minutes - self.rated.minutes

    @property
    def amount_micro(self) -> int:
        """What that comes to."""
        return self.reported.amount_micro - self.rated.amount_micro

    @property
    def evidence(self) -> str:
        """Say both figures."""
        return (
            f"before the cut-over another program reported {self.reported.minutes} "
            f"minutes, and the rated calls come to {self.rated.minutes}"
        )


def why_not_from(hour: datetime, now: datetime) -> str | None:
    """Say why nothing can be taken over from an hour; None when it can."""
    if hour != hour_of(hour):
        return "is not a whole hour of UTC"
    if hour > now:
        return "is in the future"
    if now - hour > LONGEST_BACK:
        return "is more than 34 days ago, and Stripe takes nothing older than 35"
    return None


def split_month(
    shown: Mapping[datetime, int],
    ours: Mapping[datetime, MinuteBounds],
    from_hour: datetime,
) -> MeterSplit:
    """Take ours off what a month shows, hour by hour."""
    opening, later, unsettled = {}, {}, {}
    for hour in sorted({*shown, *ours}):
        minutes = shown.get(hour, 0)
        bounds = ours.get(hour, MinuteBounds(0, 0))
        if hour >= from_hour:
            if minutes > bounds.upper:
                later[hour] = minutes - bounds.upper
        elif bounds.unknown_minutes:
            unsettled[hour] = bounds.unknown_minutes
        elif bounds.upper > max(minutes, 0):
            unsettled[hour] = bounds.upper - minutes
        elif minutes != bounds.upper:
            opening[hour] = minutes - bounds.upper
    return MeterSplit(opening, later, unsettled)


def arrived_at(readings: Sequence[HourlyReading], from_hour: datetime) -> datetime:
    """Return when a reading that is like the newest shows that nothing is in flight.

    Of readings made since the cut-over's hour, oldest first; at least one.
    """
    newest = readings[-1]
    since = newest.at
    for reading in reversed(readings):
        if reading.before(from_hour) != newest.before(from_hour):
            break
        since = reading.at
    return since + BETWEEN_CONTACTS


def readable_at(stopped_at: datetime) -> datetime:
    """Return when all that was sent before a stop has surely been summed up."""
    return stopped_at + QUIET_BEFORE_READ


def minutes_to_send(difference: int, left: int) -> int:
    """Return what would level a difference, but for what a person has left of it."""
    is_more = difference * left > 0 and abs(difference) > abs(left)
    is_within = difference * left > 0 and not is_more
    if is_within:
        return 0
    return left - difference if is_more else -difference


def hours_to_send_in(
    period: BillingPeriod,
    from_hour: datetime,
    others: Mapping[datetime, int],
    now: datetime,
) -> list[datetime]:
    """Return the hours of a month that may take a difference, the best first.

    An event is read back by its own minute, so no other program's may stand there: it
    goes into an hour that is ours, or, of an earlier month, into an empty one.
    """
    hour, hours = period.end - HOUR, []
    while hour >= period.start:
        is_free = hour >= from_hour or not others.get(hour)
        if is_free and is_over(hour, now) and send_window(hour, now) is SendWindow.OPEN:
            hours.append(hour)
        hour -= HOUR
    ours = [hour for hour in reversed(hours) if hour >= from_hour]
    return ours or hours
