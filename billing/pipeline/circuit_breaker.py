"""Circuit breaker: when Stripe is down for all, one backoff is enough for all."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# One customer in trouble may have a faulty event; two at once are an outage.
AN_OUTAGE = 2
# How soon those who wait notice that the process is to stop.
_CHECK_EVERY_SECONDS = 0.5


def never() -> bool:
    """Say that nobody wants to stop."""
    return False


class CircuitBreaker:
    """What the threads of one sync know of each other's troubles."""

    def __init__(self, stopping: Callable[[], bool] = never) -> None:
        """Start with none; `stopping` says whether the process is to stop."""
        self._stopping = stopping
        self._changed = threading.Condition()
        self._troubled: set[str] = set()
        self._unserved: set[str] = set()
        self._over = False
        self.reason: str | None = None

    def may_send(self) -> bool:
        """Wait while an outage lasts; False when the sync is to stop sending."""
        with self._changed:
            while not self._over and len(self._troubled) >= AN_OUTAGE:
                if self._stopping():
                    return False
                self._changed.wait(_CHECK_EVERY_SECONDS)
            return not self._over and not self._stopping()

    def trouble(self, customer: str) -> None:
        """Note that a customer's send went unanswered and is tried again."""
        with self._changed:
            self._troubled.add(customer)

    def recovered(self, customer: str) -> None:
        """Note that a customer's send was answered."""
        with self._changed:
            self._troubled.discard(customer)
            self._changed.notify_all()

    def gave_up(self, customer: str, reason: str) -> None:
        """Note that a customer's tries are used up; when others fail too, stop all."""
        with self._changed:
            if len(self._troubled) >= AN_OUTAGE:
                self._over, self.reason = True, reason
            self._troubled.discard(customer)
            self._changed.notify_all()

    def unserved(self, customer: str, reason: str) -> None:
        """Note that a customer is not served, by no answer or by a refusal of the key.

        When another is not either, it is no matter of one customer: all stop.
        """
        with self._changed:
            self._unserved.add(customer)
            if len(self._unserved) < AN_OUTAGE:
                return
        self.stop(reason)

    def stop(self, reason: str) -> None:
        """Stop all sending, such as when the clock was set."""
        with self._changed:
            self._over, self.reason = True, reason
            self._changed.notify_all()

    @contextmanager
    def stopped_by_faults(self) -> Iterator[None]:
        """Stop all sending when the block fails: nobody may wait for it for ever."""
        ended_well = False
        try:
            yield
            ended_well = True
        finally:
            if not ended_well:
                self.stop("a fault ended the sync early")

    @property
    def stopped(self) -> bool:
        """Whether the sync is to stop sending."""
        with self._changed:
            return self._over or self._stopping()
