"""The rate limit: requests stay under a rate that the other side allows."""

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
        # A turn is taken under the lock, and waited for outside of it: whoever comes
        # next can take the turn after it at once.
        with self._lock:
            now = self._ticks()
            # Time in which nobody asked is not saved up: there is never a burst.
            turn = max(now, self._next)
            self._next = turn + self._gap
        if turn > now:
            self._sleep(turn - now)
