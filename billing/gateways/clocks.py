"""Where the time comes from: this machine, or a sandbox that can move it."""

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from billing.domain.period import as_utc
from billing.errors import SettingsFault

if TYPE_CHECKING:
    from http.client import HTTPConnection

    from billing.ports import Clock

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
        self._url = url
        self._connection = _connection(url)
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
        self._connection.close()

    def _read(self) -> datetime:
        from http.client import HTTPException  # noqa: PLC0415 # slow to import

        try:
            return as_utc(datetime.fromisoformat(json.loads(self._answer())["now"]))
        except (
            ArithmeticError,
            HTTPException,
            LookupError,
            OSError,
            RecursionError,
            TypeError,
            ValueError,
        ) as fault:
            self._connection.close()
            raise SettingsFault(
                "[sandbox] clock_url",
                f"{self._url} gives no time ({fault!s:.200}); is the sandbox running?",
            ) from fault

    def _answer(self) -> bytes:
        """Read what is at the URL, which is short and comes at once."""
        from http.client import HTTPException  # noqa: PLC0415

        from billing.gateways.bounded_answer import bounded_exchange  # noqa: PLC0415

        # The head of the answer may be as large as its body.
        with bounded_exchange(self.TOTAL_SECONDS, 2 * MOST_BYTES):
            try:
                return self._ask()
            except (ConnectionError, HTTPException):
                # The server may close an idle connection just as we write to it.
                self._connection.close()
                return self._ask()

    def _ask(self) -> bytes:
        self._connection.request("GET", urlsplit(self._url).path or "/")
        answer = self._connection.getresponse()
        if answer.status != HTTPStatus.OK:
            raise ValueError(f"HTTP {answer.status}")
        body = answer.read(MOST_BYTES + 1)
        if len(body) > MOST_BYTES:
            raise ValueError("its answer has no end")
        answer.close()
        return body


def _connection(url: str) -> "HTTPConnection":
    """Return a connection to where a URL points, which opens when it is asked."""
    # Slow to import, and only a sandbox has such a clock.
    from http.client import HTTPConnection, HTTPSConnection  # noqa: PLC0415

    from billing.gateways.bounded_answer import BoundedResponse  # noqa: PLC0415

    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=STEP_SECONDS)
    connection.response_class = BoundedResponse
    return connection


class StoppableClock:
    """A clock whose waits end as soon as the process is to stop."""

    def __init__(self, clock: "Clock", stop: threading.Event) -> None:
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
