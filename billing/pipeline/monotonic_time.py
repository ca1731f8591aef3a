"""Monotonic time: how much has passed, whatever was done to the clock meanwhile."""

from datetime import datetime

from billing.domain.meter_event import CLOCK_SLACK
from billing.ports import Clock


class MonotonicClock:
    """The present moment, never earlier than a counter says that nobody can set.

    The counter goes on while the machine is suspended, so an age is never too short.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started, self._counter = clock.now(), clock.elapsed()

    def now(self) -> datetime:
        """Return the later of the clock and of the start plus what has passed."""
        return max(self._clock.now(), self._counted())

    def clock_was_set(self) -> bool:
        """Say whether the clock and the counter have parted since the start."""
        return abs(self._clock.now() - self._counted()) > CLOCK_SLACK

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._clock.sleep(seconds)

    def _counted(self) -> datetime:
        return self._started + (self._clock.elapsed() - self._counter)
