"""Senders: how quick the answers were, and how many customers are worked on at once."""

from collections.abc import Callable
from datetime import timedelta
from threading import Lock

from billing.domain.sender_count import (
    Answers,
    SenderCount,
    SenderLimits,
    next_sender_count,
)
from billing.ports import Clock

TOO_MANY = 429
# A decision is made of so many answers, or of what came in so long.
_ENOUGH_ANSWERS = 32
_DECIDES_EVERY = timedelta(seconds=1)


class Senders:
    """What all threads of a sync observe of the server; safe to use from many."""

    def __init__(self, clock: Clock, limits: SenderLimits) -> None:
        self._clock = clock
        self._limits = limits
        self._lock = Lock()
        self._count = SenderCount(senders=min(SenderCount().senders, limits.most))
        self._latencies: list[timedelta] = []
        self._refused = 0
        self._decided_at = clock.elapsed()
        self.most = self._count.senders

    @property
    def count(self) -> int:
        """How many there are to be at present."""
        return self._count.senders

    def timed(self) -> Callable[[int | None], None]:
        """Begin to time a request; call what is returned with its answer's status."""
        began = self._clock.elapsed()
        return lambda status: self._note(self._clock.elapsed() - began, status)

    def _note(self, latency: timedelta, status: int | None) -> None:
        with self._lock:
            self._latencies.append(latency)
            self._refused += status == TOO_MANY
            now = self._clock.elapsed()
            # A refusal is acted upon at once.
            is_time = self._refused or now - self._decided_at >= _DECIDES_EVERY
            if not is_time and len(self._latencies) < _ENOUGH_ANSWERS:
                return
            answers = Answers(
                count=len(self._latencies),
                refused=self._refused,
                latency=sorted(self._latencies)[len(self._latencies) // 2],
            )
            self._count = next_sender_count(self._count, answers, self._limits)
            self.most = max(self.most, self._count.senders)
            self._latencies, self._refused, self._decided_at = [], 0, now
