"""The rate limit: every request waits for its turn under the rates that Stripe allows.

The account has a rate, and each of its endpoints one within it; in live mode meter
events have a rate of their own beside it. Processes at work share all of them.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from billing.domain.request_rates import Rates

EVENTS = "POST /v1/billing/meter_events"
# What sleeping overshoots is made up for, up to so much: at the pace of meter events it
# would take a tenth of it, and at that of reads it is less than a gap.
_CATCH_UP_SECONDS = 0.005
# A refusal halves a rate, down to this part; so long a time brings all of it back.
_LEAST_EASE = 1 / 64
_RECOVERS_IN_SECONDS = 30
# The words of paths that we ask for; all else in a path is a name of something.
_WORDS = frozenset(
    {
        "v1",
        "v2",
        "billing",
        "core",
        "customers",
        "event_destinations",
        "event_summaries",
        "events",
        "invoices",
        "lines",
        "meter_event_adjustments",
        "meter_events",
        "meters",
        "prices",
        "subscriptions",
    }
)
_RATE_REASONS = {"endpoint-rate", "global-rate", None}


class Sharing(Protocol):
    """Who works under the same rates."""

    def processes(self) -> int:
        """Return how many processes do, this one included; it may wait to be known."""
        ...

    def leave(self) -> None:
        """Let the others have all of it until the next request."""
        ...


class Alone:
    """One process, as on SQLite."""

    def processes(self) -> int:
        """Return one."""
        return 1

    def leave(self) -> None:
        """Do nothing: nobody waits."""


@dataclass(slots=True)
class _Bucket:
    """Turns of one rate; who holds the turnstile is next."""

    per_second: int
    turnstile: threading.Lock = field(default_factory=threading.Lock)
    next_turn: float = 0.0
    ease: float = 1.0  # the part of the rate that the last refusal left
    refused_at: float = float("-inf")

    def rate(self, now: float) -> float:
        """Return how many turns a second there are at present."""
        recovered = (now - self.refused_at) / _RECOVERS_IN_SECONDS
        return self.per_second * min(1.0, self.ease + recovered)

    def refuse(self, now: float) -> None:
        """Halve the rate; what was refused in the same second is one refusal."""
        if now - self.refused_at < 1:
            return
        self.ease = max(self.rate(now) / self.per_second / 2, _LEAST_EASE)
        self.refused_at = now

    def take(self, now: float, processes: int) -> None:
        """Take the turn that is due."""
        # Time in which nobody asked is not saved up: there is never a burst.
        overslept = now - self.next_turn <= _CATCH_UP_SECONDS
        begun = self.next_turn if overslept else now
        self.next_turn = begun + processes / self.rate(now)


class Pace:
    """Hands out turns over all threads, whoever asks and for whatever."""

    def __init__(
        self,
        rates: Rates,
        *,
        sharing: Sharing | None = None,
        ticks: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the rates, and with whom they are shared."""
        self.rates = rates
        self._sharing = sharing or Alone()
        self._ticks = ticks
        self._sleep = sleep
        self._account = _Bucket(per_second=rates.account)
        self._endpoints = {EVENTS: _Bucket(per_second=rates.events)}
        self._guard = threading.Lock()

    def wait(self, method: str, url: str) -> None:
        """Wait for the turn of a request."""
        name = endpoint_of(method, url)
        bucket = self._bucket(name)
        # Whoever waits holds the turnstile, so that nobody has a turn before it is due:
        # a rate that changes meanwhile is the next one's rate already.
        with bucket.turnstile:
            self._until_due(bucket)
            if name == EVENTS and self.rates.events_apart:
                bucket.take(self._ticks(), self._sharing.processes())
                return
            with self._account.turnstile:
                self._until_due(self._account)
                processes, now = self._sharing.processes(), self._ticks()
                self._account.take(now, processes)
                bucket.take(now, processes)

    def refused(self, method: str, url: str, reason: str | None) -> None:
        """Go slower: a request was answered by 429, for a reason if one was named."""
        if reason not in _RATE_REASONS:
            return  # too many at once is no rate
        name = endpoint_of(method, url)
        apart = name == EVENTS and self.rates.events_apart
        is_global = reason == "global-rate" and not apart
        bucket = self._account if is_global else self._bucket(name)
        with self._guard:
            bucket.refuse(self._ticks())

    def leave(self) -> None:
        """Let whoever shares the rates have all of them until the next request."""
        self._sharing.leave()

    def _bucket(self, name: str) -> _Bucket:
        with self._guard:
            return self._endpoints.setdefault(
                name, _Bucket(per_second=self.rates.endpoint)
            )

    def _until_due(self, bucket: _Bucket) -> None:
        while (wait := bucket.next_turn - self._ticks()) > 0:
            self._sleep(wait)


def endpoint_of(method: str, url: str) -> str:
    """Return what a request asks for, without the names of what it asks about."""
    segments = urlsplit(url).path.strip("/").split("/")
    words = (segment if segment in _WORDS else "*" for segment in segments)
    return f"{method.upper()} /{'/'.join(words)}"
