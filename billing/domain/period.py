"""Billing periods: calendar months in UTC, half-open."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache

_FORMAT = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True, order=True, slots=True)
class BillingPeriod:
    """A calendar month in UTC: its start is inside, its end is not."""

    year: int
    month: int

    def __post_init__(self) -> None:
        if not (1970 <= self.year <= 9998 and 1 <= self.month <= 12):
            raise ValueError(f"no such month: {self.year}-{self.month}")

    @classmethod
    def parse(cls, text: str) -> "BillingPeriod":
        """Read `YYYY-MM`; raises ValueError for anything else."""
        match = _FORMAT.fullmatch(text)
        if match is None:
            raise ValueError(f"a period is written YYYY-MM, got {text!r}")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of(cls, moment: datetime) -> "BillingPeriod":
        """Return the period that an aware moment belongs to."""
        utc = as_utc(moment)
        return _month(utc.year, utc.month)

    @property
    def start(self) -> datetime:
        """The first moment of the month."""
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first moment after the month."""
        months = self.year * 12 + self.month
        return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)

    @property
    def next(self) -> "BillingPeriod":
        """The month after this one."""
        months = self.year * 12 + self.month
        return BillingPeriod(months // 12, months % 12 + 1)

    @property
    def previous(self) -> "BillingPeriod":
        """The month before this one."""
        months = self.year * 12 + self.month - 2
        return BillingPeriod(months // 12, months % 12 + 1)

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"


# No call is older: where nobody says from when on months are billed, all are.
EARLIEST = BillingPeriod(1970, 1)
LATEST = BillingPeriod(9998, 12)


class RelativePeriod(StrEnum):
    """A month that depends on what time it is."""

    LAST = "last"
    THIS = "this"


Month = BillingPeriod | RelativePeriod


def period_at(month: Month, now: datetime) -> BillingPeriod:
    """Return the period that a month is, as of now."""
    match month:
        case RelativePeriod.THIS:
            return BillingPeriod.of(now)
        case RelativePeriod.LAST:
            return BillingPeriod.of(now).previous
        case _:
            return month


def cycle_months(now: datetime, first: BillingPeriod) -> list[BillingPeriod]:
    """Return the months a cycle works on: the last one, and the present one."""
    present = BillingPeriod.of(now)
    return [month for month in (present.previous, present) if month >= first]


@cache
def _month(year: int, month: int) -> BillingPeriod:
    return BillingPeriod(year, month)


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open span of time."""

    start: datetime
    end: datetime

    def overlaps(self, other: "Window") -> bool:
        """Say whether two windows have a moment in common."""
        return max(self.start, other.start) < min(self.end, other.end)

    def days(self) -> Iterator["Window"]:
        """Cut the window at UTC midnights."""
        start = self.start
        while start < self.end:
            midnight = start.replace(hour=0, minute=0, second=0, microsecond=0) + DAY
            yield Window(start, min(midnight, self.end))
            start = midnight


def as_utc(moment: datetime) -> datetime:
    """Return the same moment in UTC; raises ValueError for a naive time."""
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone cannot be placed: {moment!r}")
    return moment.astimezone(UTC)


def hour_of(moment: datetime) -> datetime:
    """Return the start of the UTC hour that a moment lies in."""
    return as_utc(moment).replace(minute=0, second=0, microsecond=0)
