"""First contact: whether a month at the meter holds what this ledger never sent.

An empty memory proves nothing: whoever is new to a meter, or was restored, reads what
stands there before anything is sent. A lag can only ever show too little, so what is
more than can be ours is somebody else's at the first reading.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from billing.domain.break_causes import Cause
from billing.domain.period import BillingPeriod

# A summary may lag: that nothing stands there is believed when it is read twice.
BETWEEN_CONTACTS = timedelta(hours=24)
# For so long a reading of a meter that is known serves.
RUNNING_DAY = timedelta(hours=24)
# What takes minutes back may be missing in a summary for so long.
LATEST_DECREASE = timedelta(hours=72)
OPENING_REMEDY = (
    "find out who else reports to this meter; if it was an earlier ledger of yours, go "
    "on with that ledger instead of a new one; if it was another program, stop it, and "
    "`adopt --from HOUR --dry-run` shows what taking over from it comes to"
)
TWICE_REMEDY = (
    f"{Cause.COUNTED_TWICE.remedy}; `breaks --acknowledge N --reason TEXT` goes on "
    "sending meanwhile"
)
STOP_REMEDY = (
    "find out who else reports to this meter, and stop it; `adopt --from HOUR --reason "
    "TEXT` takes these minutes over, `breaks --acknowledge N --reason TEXT` goes on "
    "sending ours beside them"
)


@dataclass(frozen=True, slots=True)
class MeterMonth:
    """A month of one of Stripe's customers at one meter, live or test."""

    stripe_customer: str
    meter: str
    livemode: bool
    period: BillingPeriod


class ContactReading(NamedTuple):
    """What a month showed at a moment, and the most of it that could be ours then."""

    at: datetime
    minutes: int
    upper: int

    @property
    def opening(self) -> int:
        """The minutes that cannot be ours."""
        return max(0, self.minutes - self.upper)


class ContactState(StrEnum):
    """Whether anything may be sent into a month."""

    CLEAR = "clear"
    UNREAD = "unread"  # the month has to be read first
    WAITING = "waiting"  # a second reading, a day later, has to say the same
    OPENING = "opening"  # more stands there than can be ours: a person decides


@dataclass(frozen=True, slots=True)
class ContactDecision:
    """What a first contact comes to: until when it waits, or how much is not ours."""

    state: ContactState
    until: datetime | None = None
    minutes: int = 0


@dataclass(frozen=True, slots=True)
class MonthContact:
    """What a ledger knows of a month at the meter before it sends.

    Readings are those since the last accepted restore, oldest first.
    """

    readings: Sequence[ContactReading]
    has_sent: bool = False  # since the last accepted restore
    is_watched: bool = False  # a reconciliation read it in the running day
    # An earlier month of ours here holds no more than is ours, or it was taken over.
    is_known: bool = False
    is_sole: bool = False  # a person stated that nothing else reports to this meter
    # Not ours, at another of Stripe's customers that the customer had this month.
    opening_elsewhere: int = 0
    # When a restored ledger last found that an event of before was never counted: until
    # then it took what stands in that hour for the event's minutes.
    found_absent_at: datetime | None = None

    @property
    def is_outdated(self) -> bool:
        """Whether minutes were explained by an event that was then found absent."""
        absent_at = self.found_absent_at
        if absent_at is None:
            return False
        return not self.readings or self.readings[-1].at < absent_at


class Opening(NamedTuple):
    """Minutes that stand in a customer's month at the meter, and are not ours."""

    customer: str
    period: BillingPeriod
    minutes: int


class FirstSendWait(NamedTuple):
    """A customer's month that nothing is sent into before it was read twice."""

    customer: str
    period: BillingPeriod
    until: datetime


class SendingStop(NamedTuple):
    """A break that says that too much stands at the meter, and that nobody decided."""

    customer: str
    period: BillingPeriod
    case: int
    cause: Cause
    minutes: int

    @property
    def remedy(self) -> str:
        """What a person does about it."""
        return TWICE_REMEDY if self.cause is Cause.COUNTED_TWICE else STOP_REMEDY


@dataclass(slots=True)
class ContactFindings:
    """Why nothing is sent, or not yet, for which customers and months."""

    openings: list[Opening] = field(default_factory=list)
    waits: list[FirstSendWait] = field(default_factory=list)
    stops: list[SendingStop] = field(default_factory=list)

    @property
    def needs_a_person(self) -> bool:
        """Whether somebody has to decide before anything is sent."""
        return bool(self.openings or self.stops)

    def note(
        self, customer: str, period: BillingPeriod, decision: ContactDecision
    ) -> None:
        """Take in what a contact came to."""
        if decision.state is ContactState.OPENING:
            opening = Opening(customer, period, decision.minutes)
            if opening not in self.openings:
                self.openings.append(opening)
        elif decision.until is not None:
            self.waits.append(FirstSendWait(customer, period, decision.until))

    def without(self, customers: Collection[str]) -> "ContactFindings":
        """Return the findings of all other customers."""
        return ContactFindings(
            [each for each in self.openings if each.customer not in customers],
            [each for each in self.waits if each.customer not in customers],
            [each for each in self.stops if each.customer not in customers],
        )

    def add(self, other: "ContactFindings") -> None:
        """Take in those of another customer."""
        self.openings += [each for each in other.openings if each not in self.openings]
        self.waits += other.waits
        self.stops += other.stops


def decide_contact(contact: MonthContact, now: datetime) -> ContactDecision:
    """Say whether a ledger may send into a month; a reading wins over any statement."""
    latest = contact.readings[-1] if contact.readings else None
    if latest is not None and latest.opening:
        return ContactDecision(ContactState.OPENING, minutes=latest.opening)
    if contact.opening_elsewhere and not contact.has_sent:
        # They stay this customer's minutes, wherever the settings send it now.
        return ContactDecision(ContactState.OPENING, minutes=contact.opening_elsewhere)
    is_fresh = latest is not None and now - latest.at < RUNNING_DAY
    is_outdated = contact.is_outdated
    if contact.has_sent and not is_outdated and (contact.is_watched or is_fresh):
        return ContactDecision(ContactState.CLEAR)
    if latest is None or is_outdated:
        return ContactDecision(ContactState.UNREAD)
    if contact.has_sent or contact.is_known or contact.is_sole:
        state = ContactState.CLEAR if is_fresh else ContactState.UNREAD
        return ContactDecision(state)
    until = _same_since(contact.readings) + BETWEEN_CONTACTS
    if latest.at >= until:
        return ContactDecision(ContactState.CLEAR)
    return ContactDecision(ContactState.WAITING, until=until)


def asks_for_reading(
    contact: MonthContact, decision: ContactDecision, now: datetime
) -> bool:
    """Say whether the month is to be read before it is decided.

    A reading that is to prove a meter empty is made right before the first send.
    """
    match decision.state:
        case ContactState.UNREAD | ContactState.OPENING:
            return True
        case ContactState.WAITING:
            return decision.until is None or now >= decision.until
        case ContactState.CLEAR:
            return not (contact.has_sent or contact.is_known)


def _same_since(readings: Sequence[ContactReading]) -> datetime:
    """Return when the newest figure was first read, without another one since."""
    newest = readings[-1]
    since = newest.at
    for reading in reversed(readings):
        if reading.minutes != newest.minutes:
            break
        since = reading.at
    return since
