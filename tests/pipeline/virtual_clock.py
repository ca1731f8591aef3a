"""A clock that is moved: time that passes, and a wall clock that is set."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta


class VirtualClock:
    """A clock whose sleep takes no time; each thread has lived its own sleeps."""

    def __init__(self, start: datetime) -> None:
        self._base = start
        self._started = start
        self._off = timedelta()
        self._lived = threading.local()
        self._lock = threading.Lock()
        self._latest = start
        self.on_sleep: Callable[[float], None] = lambda _seconds: None

    def now(self) -> datetime:
        """Return the present moment of this thread, as its wall clock has it."""
        return self.true() + self._off

    def true(self) -> datetime:
        """Return the moment that a clock shows which was never set."""
        base, own = getattr(self._lived, "at", (self._base, timedelta()))
        return self._base + own if base == self._base else self._base

    def sleep(self, seconds: float) -> None:
        """Let this thread live so many seconds."""
        moment = self.true() + timedelta(seconds=seconds)
        self._lived.at = (self._base, moment - self._base)
        with self._lock:
            self._latest = max(self._latest, moment)
        self.on_sleep(seconds)

    def advance(self, **step: float) -> None:
        """Move on for all threads, from the latest moment that any has lived."""
        with self._lock:
            self._base = self._latest = self._latest + timedelta(**step)

    def elapsed(self) -> timedelta:
        """Read a counter that a jump of the wall clock does not move."""
        return self.true() - self._started

    def jump(self, **step: float) -> None:
        """Set the wall clock on, or back, while no time passes."""
        self._off += timedelta(**step)

    @property
    def latest(self) -> datetime:
        """The latest moment that any thread has lived, by the wall clock."""
        return self._latest + self._off
