"""The state: the events of one hour, as the ledger has them and as Stripe does."""

from collections.abc import Iterator
from typing import NamedTuple

# The names of the product.
PENDING, SYNCED, FAILED = "pending", "synced", "failed"
UNANSWERED, REJECTED, UNCERTAIN = "unanswered", "rejected", "uncertain"
EXPIRED, CANCELLING = "expired", "cancelling"
REPLACED, VOIDED = "replaced", "voided"
COUNTED, DUPLICATE, REFUSED, BUSY = "counted", "duplicate", "refused", "busy"
UNKNOWN, LOCKED_OUT, UNSENT = "unknown", "locked_out", "unsent"
CANCELLED = "cancelled"
EVENT, CANCEL = "event", "cancel"
# Where a request is, and who waits for its answer: the holder of the customer's lock,
# one that lost the lock and does not know it, or nobody.
WRITTEN, ON_THE_WIRE, ANSWERED = "written", "on the wire", "answered"
HOLDER, ZOMBIE, NOBODY = "holder", "zombie", "nobody"
NAMED, SUSPECTED = "named", "suspected"


class Reading(NamedTuple):
    """What an event's own minute held when it was asked for."""

    at: int
    minutes: int


class Before(NamedTuple):
    """What an attempt changed in its event, as it was before."""

    tries: int = 0
    first_unknown_at: int | None = None
    last_sent_at: int | None = None


class Request(NamedTuple):
    """An attempt that somebody waits for, or that is still on the wire."""

    kind: str
    number: int
    place: str
    at: int  # when it came to this place
    waits: str
    before: Before = Before()
    verdict: str | None = None


class Copy(NamedTuple):
    """What Stripe received of an event; `fate` is what became of it."""

    received_at: int
    fate: str = COUNTED
    shown: bool = False  # a summary has shown it
    cancelled_at: int | None = None


class Event(NamedTuple):
    """A meter event: its row in the ledger, its requests, and what Stripe has."""

    minutes: int
    state: str = PENDING
    reason: str | None = None
    tries: int = 0
    attempts: int = 0
    first_unknown_at: int | None = None
    last_sent_at: int | None = None
    rearmed_at: int | None = None
    first_sent_at: int | None = None
    touched_at: int | None = None  # when anything about it was last written down
    cancels_unknown: int = 0  # attempts to cancel without a known outcome
    suspicion: str | None = None  # an error report, or a summary found short
    readings: tuple[Reading, ...] = ()
    requests: tuple[Request, ...] = ()
    copies: tuple[Copy, ...] = ()

    @property
    def counting(self) -> int:
        """How often it counts at Stripe."""
        return sum(copy.fate == COUNTED for copy in self.copies)

    def is_waited_for(self) -> bool:
        """Say whether the holder of the lock is at work on a request of it."""
        return any(request.waits == HOLDER for request in self.requests)

    def failed(self, reason: str) -> "Event":
        """Return it as failed."""
        return self._replace(state=FAILED, reason=reason)

    def with_request(self, old: Request, new: Request | None) -> "Event":
        """Return it with another request in the place of one, or with none."""
        left = [one for one in self.requests if one != old]
        left += [] if new is None else [new]
        left.sort(key=lambda request: request.number)
        return self._replace(requests=tuple(left))


class State(NamedTuple):
    """Everything, at a moment."""

    now: int
    minute_at: int | None  # the events' hour; None: it never is too old
    usage: int | None  # minutes of its rows; None: not followed
    most_usage: int
    events: tuple[Event, ...]
    faults: int = 0  # how many more processes may end or lose their lock
    revisions: int = 0  # how many more times the usage may fall
    rejections: int = 0  # how many more events may be rejected later

    def with_event(self, at: int, event: Event) -> "State":
        """Return the same with another event in a place."""
        events = (*self.events[:at], event, *self.events[at + 1 :])
        return self._replace(events=events)

    def total(self) -> int:
        """Return the minutes that count at Stripe."""
        return sum(event.minutes * event.counting for event in self.events)

    def unstaged(self) -> int:
        """Return the minutes of rows that no event carries."""
        if self.usage is None:
            return 0
        staged = (e.minutes for e in self.events if e.reason != REPLACED)
        return self.usage - sum(staged)

    def counted_minutes(self) -> int:
        """Return what the ledger is sure of, less what may have been taken back."""
        return sum(event.minutes for event in self.events if _is_surely(event))


def _is_surely(event: Event) -> bool:
    if event.minutes >= 0:
        return event.state == SYNCED
    finished = event.reason in {REPLACED, REJECTED}
    return event.state == SYNCED or (
        event.first_unknown_at is not None and not finished
    )


class Step(NamedTuple):
    """What may happen next: its name, which event it is of, and what it leads to."""

    name: str
    event: int
    state: State

    def __str__(self) -> str:
        return self.name if not self.event else f"{self.name} (event {self.event + 1})"


Steps = Iterator[Step]
