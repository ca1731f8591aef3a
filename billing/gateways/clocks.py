"""Where the time comes from: this machine, or a sandbox that can move it."""

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

from billing.domain.period import as_utc
from billing.errors import SettingsFault
from billing.ports import Clock

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

# An answer of a sandbox's clock: how long a step may take, and how large it may be.
STEP_SECONDS, MOST_BYTES = 5, 65_536
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Where it exists: a counter that goes on while the machine is suspended.
COUNTER = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """The clock of the machine we run on."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def elapsed(self) -> timedelta:
        """Read the machine's own counter, which nobody sets."""
        return timedelta(microseconds=time.clock_gettime_ns(COUNTER) // 1000)

    def close(self) -> None:
        """Do nothing; a sandbox's clock has a connection to close."""


class RemoteClock:
    """A sandbox's clock, read anew at least every tenth of a second."""

    FRESH_SECONDS = 0.1
    TOTAL_SECONDS = 10.0  # of an answer, from its first byte to its last

    def __init__(self, url: str) -> None:
        # Slow to import, and only a sandbox has such a clock.
        import urllib3  # noqa: PLC0415

        from billing.gateways.stripe.wire import BOUNDED_POOLS  # noqa: PLC0415

        self._url = url
        self._pool = urllib3.PoolManager(timeout=STEP_SECONDS, retries=False)
        # Not the guarded ones: who asks whether to send asks this clock.
        self._pool.pool_classes_by_scheme = BOUNDED_POOLS
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._moment = datetime.now(UTC)

    def now(self) -> datetime:
        """Return the sandbox's present moment; raises SettingsFault."""
        with self._lock:
            elapsed = time.monotonic() - self._read_at
            if elapsed > self.FRESH_SECONDS:
                self._moment = self._read()
                self._read_at = time.monotonic()
                elapsed = 0.0
            return self._moment + timedelta(seconds=elapsed)

    def sleep(self, seconds: float) -> None:
        """Wait; the sandbox's clock ticks like any other."""
        time.sleep(seconds)

    def elapsed(self) -> timedelta:
        """Count by the sandbox's moment, so that a move of its clock is time spent."""
        return self.now() - EPOCH

    def close(self) -> None:
        """Close the connection to the sandbox."""
        self._pool.clear()

    def _read(self) -> datetime:
        import urllib3  # noqa: PLC0415

        try:
            return as_utc(datetime.fromisoformat(json.loads(self._answer())["now"]))
        except (
            urllib3.exceptions.HTTPError,
            ArithmeticError,
            LookupError,
            OSError,
            RecursionError,
            TypeError,
            ValueError,
        ) as fault:
            raise SettingsFault(
                "[sandbox] clock_url",
                f"{self._url} gives no time ({fault!s:.200}); is the sandbox running?",
            ) from fault

    def _answer(self) -> bytes:
        """Read what is at the URL, which is short and comes at once."""
        import urllib3  # noqa: PLC0415

        from billing.gateways.stripe.wire import bounded_exchange  # noqa: PLC0415

        # The head of the answer may be as large as its body.
        with bounded_exchange(self.TOTAL_SECONDS, 2 * MOST_BYTES):
            try:
                answer = self._ask()
            except urllib3.exceptions.ProtocolError:
                # The server may close an idle connection just as we write to it.
                self._pool.clear()
                answer = self._ask()
        if answer.status != HTTPStatus.OK:
            raise ValueError(f"HTTP {answer.status}")
        if len(answer.data) > MOST_BYTES:
            raise ValueError("its answer has no end")
        return answer.data

    def _ask(self) -> "BaseHTTPResponse":
        return self._pool.urlopen(
            "GET", self._url, redirect=False, decode_content=False
        )


class StoppableClock:
    """A clock whose waits end as soon as the process is to stop."""

    def __init__(self, clock: Clock, stop: threading.Event) -> None:
        self._clock = clock
        self.stop = stop

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        """Wait, unless the process is to stop."""
        self.stop.wait(seconds)

    def elapsed(self) -> timedelta:
        """Read the counter of the clock behind it."""
        return self._clock.elapsed()
