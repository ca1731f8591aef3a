"""Conformance: whatever happens to an event of a run, the model allows each step."""

from collections.abc import Callable
from datetime import datetime, timedelta

from billing.domain.meter_event import MeterEvent
from billing.domain.period import Window
from tests.model.assumptions import Assumption, Rules
from tests.simulation.conform.follower import REAL, Follower, NotAllowed
from tests.simulation.conform.ledger_facts import Facts, LedgerFacts, exact
from tests.simulation.judge.ledger_view import LedgerView
from tests.simulation.trace import Trace, Violation
from tests.simulation.weather import Weather
from tests.simulation.world.catalogue import CLOCKS, Fault

# What a run may have that breaks an assumption: then no step is judged by it.
BREAKS: tuple[tuple[Assumption, tuple[Fault, ...]], ...] = (
    (Assumption.CLOCK_IS_RIGHT, CLOCKS),
    (Assumption.IDENTIFIER_IS_REMEMBERED, (Fault.FORGETS_EARLY,)),
    (Assumption.SHOWN_IN_TIME, (Fault.LAGS_BEYOND,)),
    (Assumption.STAYS_SHOWN, (Fault.SUMMARY_REGRESSES,)),
    (
        Assumption.MINUTE_IS_EXACT,
        (Fault.FOREIGN_BEFORE, Fault.FOREIGN_LATER, Fault.FOREIGN_AGAIN),
    ),
)
TABLES = {"meter_event", "meter_attempt", "meter_reading"}
MINUTE = timedelta(minutes=1)
Slot = tuple[str, int]  # an address at Stripe, and a minute


class Conformance:
    """Follows the events of one ledger while it is alone on its meter."""

    def __init__(self, view: LedgerView, weather: Weather, trace: Trace) -> None:
        broken = {
            assumption
            for assumption, faults in BREAKS
            if any(weather.may_have(fault) for fault in faults)
        }
        self._rules = Rules(REAL, frozenset(broken))
        self._facts = LedgerFacts(view)
        self._trace = trace
        self._followers: dict[int, Follower] = {}
        self._by_name: dict[str, Follower] = {}
        self._by_minute: dict[Slot, Follower] = {}
        self._numbers: dict[tuple[str, str], int] = {}
        self.is_on = False

    # What is seen of Stripe

    def leaves(self, event: MeterEvent, key: str, now: datetime) -> None:
        """Take note that a request leaves."""
        if (follower := self._follower(event.identifier)) is not None:
            number = self._numbers[event.identifier, key]
            self._judge(event.identifier, follower.leaves, number, exact(now))

    def arrives(self, event: MeterEvent, key: str, what: str, now: datetime) -> None:
        """Take note of what Stripe made of a request."""
        if (follower := self._follower(event.identifier)) is not None:
            number = self._numbers[event.identifier, key]
            self._judge(event.identifier, follower.arrives, number, what, exact(now))

    def shows(
        self, stripe_customer: str, window: Window, minutes: int, now: datetime
    ) -> None:
        """Take note of what a summary shows of an event's own minute."""
        follower = self._by_minute.get((stripe_customer, exact(window.start)))
        if self.is_on and follower is not None and window.end - window.start == MINUTE:
            self._judge(stripe_customer, follower.shows, minutes, exact(now))

    # What the ledger writes down

    def committed(self, touched: set[str], now: datetime) -> None:
        """Take note of what a transaction has made of the events."""
        if not self.is_on or not touched & TABLES:
            return
        for facts in self._facts.look():
            row = facts.row
            if row.id not in self._followers:
                self._begin(facts, exact(now))
            for one in facts.attempts:
                self._numbers[row.identifier, one.key] = one.number
            if (follower := self._follower(row.identifier)) is not None:
                self._judge(row.identifier, follower.commit, facts, exact(now))

    def _begin(self, facts: Facts, now: int) -> None:
        row = facts.row
        if row.state != "pending" or not row.minutes:
            return  # an opening, or nothing to report: it is never sent
        follower = Follower(self._rules, row, now)
        self._followers[row.id] = self._by_name[row.identifier] = follower
        self._by_minute[row.stripe_customer, row.timestamp] = follower
        self._trace.sometimes("an event is followed by the model")

    def _follower(self, identifier: str) -> Follower | None:
        return self._by_name.get(identifier) if self.is_on else None

    def _judge(self, name: str, step: Callable[..., None], *what: object) -> None:
        try:
            step(*what)
        except NotAllowed as fault:
            words = f"{name}: the model does not allow that {fault}"
            raise Violation("conformance", words) from None
