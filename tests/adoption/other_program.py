"""The other program: what it reports to the meter, of three kinds."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random

HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)
# Nothing that the other sent is on its way for longer.
LONGEST_FLIGHT = 20 * HOUR


class Kind(StrEnum):
    """How another program reports."""

    A_CALL = "one event a call"
    A_DAY = "one event a day"
    SUMS = "absolute sums, sent again under random identifiers"


@dataclass(slots=True)
class PhoneCall:
    """A call as it was: who is billed, when it began, and how long it took."""

    id: str
    customer: str
    at: datetime
    seconds: int
    corrected: int | None = None  # its seconds, as they are known later
    told_at: datetime | None = None  # when the source has it; None: at its end

    @property
    def end(self) -> datetime:
        """When it was over."""
        return self.at + timedelta(seconds=self.seconds)


@dataclass(frozen=True, slots=True)
class Report:
    """An event of the other's: when it arrives, for when, and how much."""

    arrives: datetime
    at: datetime
    customer: str
    minutes: int
    identifier: str


def minutes_of(seconds: int) -> int:
    """Round up to whole minutes, at least one."""
    whole, rest = divmod(seconds, 60)
    return max(1, whole + (1 if rest else 0))


def reports_of(
    kind: Kind, calls: Sequence[PhoneCall], stopped: datetime, rng: Random
) -> list[Report]:
    """Return all that the other reports of calls that began before it was stopped."""
    known = [call for call in calls if call.at < stopped and call.told_at is None]
    if kind is Kind.A_CALL:
        return _a_call(known, rng)
    by_day: dict[tuple[str, datetime], list[PhoneCall]] = defaultdict(list)
    for call in known:
        day = call.at.replace(hour=0, minute=0, second=0)
        by_day[call.customer, day].append(call)
    reports = []
    for (customer, day), of_day in sorted(by_day.items()):
        if kind is Kind.A_DAY:
            minutes = sum(minutes_of(call.seconds) for call in of_day)
            arrives = day + DAY + _flight(rng)
            at = day + rng.choice((timedelta(), 12 * HOUR, DAY - MINUTE))
            reports.append(_report(arrives, at, customer, minutes, rng))
        else:
            reports += _sums(customer, day, of_day, rng)
    return [report for report in reports if report.at < stopped]


def _a_call(calls: Sequence[PhoneCall], rng: Random) -> list[Report]:
    reports = []
    for call in calls:
        times = rng.choices((1, 0, 2), (95, 3, 2))[0]  # it loses one, or tells it twice
        reports += [
            _report(
                call.end + _flight(rng),
                call.at,
                call.customer,
                minutes_of(call.seconds),
                rng,
            )
            for _ in range(times)
        ]
    return reports


def _sums(
    customer: str, day: datetime, calls: Sequence[PhoneCall], rng: Random
) -> list[Report]:
    """Report the day's minutes so far, four times a day, each time in full."""
    reports = []
    for hour in (6, 12, 18, 23):
        sent = day + hour * HOUR
        so_far = [call for call in calls if call.at < sent]
        if so_far:
            minutes = sum(minutes_of(call.seconds) for call in so_far)
            arrives = sent + _flight(rng)
            reports.append(_report(arrives, sent, customer, minutes, rng))
    return reports


def _report(
    arrives: datetime, at: datetime, customer: str, minutes: int, rng: Random
) -> Report:
    return Report(
        arrives=arrives,
        at=at,
        customer=customer,
        minutes=minutes,
        identifier=_name(rng),
    )


def _flight(rng: Random) -> timedelta:
    return rng.choice((MINUTE, MINUTE, HOUR, 6 * HOUR, LONGEST_FLIGHT))


def _name(rng: Random) -> str:
    return f"other-{rng.getrandbits(64):016x}"
