"""The sandbox's clock: it ticks like a real one and can be moved."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def early_in_month(now: datetime) -> datetime:
    """Return noon of the month's third day, in UTC.

    From there all of last month lies within the 35 days that Stripe takes.
    """
    utc = now.astimezone(UTC)
    return utc.replace(day=3, hour=12, minute=0, second=0, microsecond=0)


def evening_in_month(now: datetime) -> datetime:
    """Return eight in the evening, in UTC, of the month's eighth day."""
    return first_of_month(now) + timedelta(days=7, hours=20)


def evening_of_month_end(now: datetime) -> datetime:
    """Return eight in the evening, in UTC, of the last day of the month before."""
    return first_of_month(now) - timedelta(hours=4)


def first_of_month(moment: datetime, months: int = 0) -> datetime:
    """Return the first midnight of a moment's month, or of one some months away."""
    years, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    return datetime(years, month + 1, 1, tzinfo=UTC)


class SandboxClock:
    """Time that both sandbox APIs share; aware, UTC."""

    def __init__(
        self,
        start: datetime | None = None,
        *,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start at a moment (now, when none is given); `ticks` counts seconds."""
        self._ticks = ticks
        self._origin = start or datetime.now(UTC)
        self._started = ticks()

    def now(self) -> datetime:
        """Return the sandbox's present moment."""
        return self._origin + timedelta(seconds=self._ticks() - self._started)

    def set(self, moment: datetime) -> datetime:
        """Move to a moment, forwards or backwards, and return it."""
        if moment.tzinfo is None:
            raise ValueError(f"the clock takes an aware time, got {moment!r}")
        self._origin = moment.astimezone(UTC)
        self._started = self._ticks()
        return self._origin

    def advance(self, seconds: int) -> datetime:
        """Move forwards (or, when negative, back) and return the new moment."""
        return self.set(self.now() + timedelta(seconds=seconds))
