"""Contacts: nothing is sent into a month that was not read, or beside somebody else."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from billing.domain.meter_event import MeterEvent
from tests.simulation.judge.ledger_view import LedgerView
from tests.simulation.trace import Violation
from tests.simulation.world.borders.settings import SimSettings
from tests.simulation.world.machine import Machine

DAY = timedelta(hours=24)
owner_at_stripe = SimSettings.owner_at_stripe
Month = tuple[str, str]  # a customer or an address, and its month


@dataclass(frozen=True, slots=True)
class Excess:
    """Minutes that stood at the meter and cannot be ours, and when that was written."""

    minutes: int
    at: datetime


@dataclass(slots=True)
class Contacts:
    """What one ledger saw of the meter since it began, or since it was restored."""

    view: LedgerView
    owners: Mapping[str, str]
    clocks_hold: bool
    reads: dict[Month, list[datetime]] = field(
        default_factory=lambda: defaultdict(list)
    )
    sent: set[Month] = field(default_factory=set)
    known: set[str] = field(default_factory=set)  # addresses that were sent to
    events: dict[str, MeterEvent] = field(default_factory=dict)
    excess: dict[Month, Excess] = field(default_factory=dict)
    allowed: dict[Month, int] = field(default_factory=lambda: defaultdict(int))
    let_be: dict[Month, dict[int, int]] = field(  # minutes of each of its breaks
        default_factory=lambda: defaultdict(dict)
    )
    is_sole: bool = False

    def begin_anew(self) -> None:
        """Forget what was read: the ledger is another one, or an older one."""
        self.reads.clear()
        self.sent.clear()
        self.known.clear()

    def reading(self, stripe_customer: str, month: str, now: datetime) -> None:
        """Take note that a month was read."""
        self.reads[month, stripe_customer].append(now)

    def sending(self, machine: Machine, event: MeterEvent, now: datetime) -> None:
        """Judge a request that is about to leave."""
        month = f"{event.timestamp:%Y-%m}"
        place = month, event.stripe_customer
        if place not in self.sent:
            self._judge_first(place, now)
        elif self.clocks_hold:
            self._judge_again(place, machine.began_at)
        self.sent.add(place)
        self.known.add(event.stripe_customer)
        self.events[event.identifier] = event
        seen = self.excess.get((owner_at_stripe(event.stripe_customer), month))
        if seen and seen.at < machine.began_at:
            words = f"{event.identifier} is sent beside {seen.minutes} minutes that "
            raise Violation("I38", f"{words}are not ours, and nobody let them be")

    def _judge_first(self, place: Month, now: datetime) -> None:
        reads = self.reads.get(place, [])
        if not reads:
            raise Violation("I38", f"{place} is sent into, and was never read")
        trusted = self.is_sole or place[1] in self.known or not self.clocks_hold
        if not trusted and now - reads[0] < DAY:
            raise Violation("I38", f"{place} is believed after {now - reads[0]}")

    def _judge_again(self, place: Month, began_at: datetime) -> None:
        """A month that was sent into is read once a day, before more is sent."""
        read_at = self.reads[place][-1]
        if began_at - read_at > DAY:
            words = f"{place} is sent into, and was last read at {read_at}"
            raise Violation("I38", words)

    def read_committed(self, now: datetime) -> None:
        """Take note of what the ledger wrote down of the meter."""
        shown: dict[Month, int] = defaultdict(int)
        for period, address, minutes, _ in self.view.readings():
            shown[owner_at_stripe(address.split(",")[0]), period] += minutes
        for month, minutes in shown.items():
            self._compare(month, minutes, now)

    def contact_committed(self, now: datetime) -> None:
        """Take note of a first contact that the ledger wrote down."""
        for period, address, minutes in self.view.last_contact():
            month = owner_at_stripe(address), period
            if minutes - self._ours(month) > self.allowed[month]:
                self._compare(month, minutes, now)

    def _compare(self, month: Month, minutes: int, now: datetime) -> None:
        more = minutes - self._ours(month)
        if more <= self.allowed[month]:
            self.excess.pop(month, None)
        elif month not in self.excess or more > self.excess[month].minutes:
            self.excess[month] = Excess(more, now)

    def _ours(self, month: Month) -> int:
        """Return the most that can be ours: all that ever left, and adds minutes."""
        owner, period = month
        return sum(
            max(event.minutes, 0)
            for event in self.events.values()
            if owner_at_stripe(event.stripe_customer) == owner
            and f"{event.timestamp:%Y-%m}" == period
        )

    def allow(self, owner: str, month: str, case: int, minutes: int) -> None:
        """A person knows of what a break shows, and lets it be."""
        place = owner, month
        self.let_be[place][case] = minutes
        seen = self.excess.pop(place, None)
        known = max(sum(self.let_be[place].values()), seen.minutes if seen else 0)
        self.allowed[place] = max(self.allowed[place], known)
