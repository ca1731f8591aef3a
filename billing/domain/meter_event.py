"""Meter events: what to report, under which identifier, and until when."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from billing.domain.period import HOUR, Window, hour_of

# Stripe promises to know an identifier for at least 24 hours; an hour is for skew.
RESEND_WINDOW = timedelta(hours=23)
# Stripe takes timestamps up to 35 days old and 5 minutes ahead; margins for skew.
OLDEST_TIMESTAMP = timedelta(days=35) - timedelta(hours=12)
NEWEST_TIMESTAMP = timedelta(minutes=4)
# How far a clock may be off before ages that it gives are worth nothing.
CLOCK_SLACK = timedelta(minutes=5)
# Each event of an hour has a minute of its own, so an hour holds sixty.
MOST_EVENTS_PER_HOUR = 60
_LONGEST_IDENTIFIER = 100


class EventState(StrEnum):
    """What is known of a usage row's way to the meter."""

    PENDING = "pending"
    SYNCED = "synced"
    FAILED = "failed"


class FailReason(StrEnum):
    """Why an event failed, and so what may be done about it."""

    UNANSWERED = "unanswered"  # retries used up; the next run resends it
    REJECTED = "rejected"  # refused by name: a person fixes the cause
    UNCERTAIN = "uncertain"  # perhaps counted, too old to resend safely
    EXPIRED = "expired"  # too old for the meter to take
    CANCELLING = "cancelling"  # a cancellation left, and what came of it is unknown
    REPLACED = "replaced"  # certainly not counted; its rows went on without it
    VOIDED = "voided"  # a person decided that it is never sent


class SendVerdict(StrEnum):
    """What an answer of the meter, or the lack of one, says of an event."""

    COUNTED = "counted"  # taken, with a request id
    DUPLICATE = "duplicate"  # the identifier already exists: taken before
    REFUSED = "refused"  # a fault of the event; not counted
    BUSY = "busy"  # asked to slow down; not counted, try again
    UNKNOWN = "unknown"  # no answer, or a server error: counted or not
    LOCKED_OUT = "locked_out"  # the key is refused; not counted, nothing will be
    UNSENT = "unsent"  # held back before its first byte: no try at all
    CANCELLED = "cancelled"  # taken back from the meter, now or before


# By these an event was on the meter, in the words of a row.
COUNTED_VERDICTS = (SendVerdict.COUNTED.value, SendVerdict.DUPLICATE.value)


@dataclass(frozen=True, slots=True)
class SendAnswer:
    """One answer of the meter, with its evidence."""

    verdict: SendVerdict
    http_status: int | None = None
    request_id: str | None = None
    detail: str = ""

    @property
    def counted(self) -> bool:
        """Whether the event is on the meter."""
        return self.verdict in {SendVerdict.COUNTED, SendVerdict.DUPLICATE}

    @property
    def transient(self) -> bool:
        """Whether the same request may have another answer soon."""
        return self.verdict in {SendVerdict.BUSY, SendVerdict.UNKNOWN}

    @property
    def troubled(self) -> bool:
        """Whether there was no answer at all, or none of the meter's own."""
        no_answer = self.transient and self.http_status is None
        return no_answer or self.verdict is SendVerdict.UNKNOWN


@dataclass(frozen=True, slots=True)
class MeterEvent:
    """The minutes of one customer's UTC hour that were not reported before."""

    customer: str
    stripe_customer: str
    meter: str
    livemode: bool
    hour: datetime
    sequence: int
    minutes: int
    # The event's name at Stripe; never reused for other content.
    identifier: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "identifier", self._name())
        if not 0 <= self.sequence < MOST_EVENTS_PER_HOUR:
            raise ValueError(f"an hour holds sixty events, not number {self.sequence}")
        if "-" in self.stripe_customer:
            raise ValueError(
                f"a dash would blur the identifier: {self.stripe_customer}"
            )
        if self.hour != hour_of(self.hour):
            raise ValueError(f"an event belongs to a whole UTC hour, not {self.hour}")
        if len(self.identifier) > _LONGEST_IDENTIFIER:
            raise ValueError(f"the identifier is too long: {self.identifier}")

    def _name(self) -> str:
        mode = "live" if self.livemode else "test"
        hour = f"{self.hour:%Y%m%dT%H}"
        parts = (mode, self.meter, self.stripe_customer, hour, str(self.sequence))
        return "-".join(parts)

    @property
    def timestamp(self) -> datetime:
        """The event's own minute: the hour plus its sequence in minutes."""
        return self.hour + timedelta(minutes=self.sequence)

    @property
    def own_minute(self) -> Window:
        """The minute in which the meter counts nothing but this event."""
        return Window(self.timestamp, self.timestamp + timedelta(minutes=1))


class SendWindow(StrEnum):
    """Whether the meter would take a timestamp now."""

    OPEN = "open"
    TOO_EARLY = "too_early"
    TOO_LATE = "too_late"


def send_window(timestamp: datetime, now: datetime) -> SendWindow:
    """Say whether an event with this timestamp may be sent now."""
    if timestamp > now + NEWEST_TIMESTAMP:
        return SendWindow.TOO_EARLY
    if timestamp < now - OLDEST_TIMESTAMP:
        return SendWindow.TOO_LATE
    return SendWindow.OPEN


def may_resend(first_unknown_at: datetime | None, now: datetime) -> bool:
    """Say whether a resend is provably counted at most once.

    An unknown outcome of the future has no age that could be trusted: a clock was set.
    """
    if first_unknown_at is None:
        return True
    return -CLOCK_SLACK <= now - first_unknown_at < RESEND_WINDOW


def is_over(hour: datetime, now: datetime) -> bool:
    """Say whether a UTC hour has ended, so that it is staged in one event."""
    return hour + HOUR <= now
