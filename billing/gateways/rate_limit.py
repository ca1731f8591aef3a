"""Pacing: requests stay under a rate that the other side allows."""

import threading
import time
from collections.abc import Callable


class Pacer:
    """Hands out turns, so many a second over all threads."""

    def __init__(
        self,
        per_second: int,
        *,
        ticks: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._gap = 1 / per_second
        self._ticks = ticks
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Wait for a turn."""
        with self._lock:
            now = self._ticks()
            turn = max(now, self._next)
            self._next = turn + self._gap
        if turn > now:
            self._sleep(turn - now)
