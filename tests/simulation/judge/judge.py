"""The judge: what must hold at every request and after every commit."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta

from billing.domain.meter_event import MeterEvent
from billing.domain.period import Window
from tests.simulation.conform.conformance import Conformance
from tests.simulation.judge.certificates import Certificates
from tests.simulation.judge.contacts import Contacts
from tests.simulation.judge.holds import judge_holds
from tests.simulation.judge.ledger_view import (
    EventRow,
    LedgerView,
    Posted,
    owned,
    rated,
)
from tests.simulation.judge.moves import may_move
from tests.simulation.judge.readings import Readings
from tests.simulation.trace import Trace, Violation
from tests.simulation.weather import Weather
from tests.simulation.world.catalogue import CLOCKS, LONG_LAGS
from tests.simulation.world.machine import Machine
from tests.simulation.world.stripe_side import RESEND_WINDOW, Sendings, SimStripe

MOST_TRIES = 6
CANCELLABLE = timedelta(hours=24)
OLDEST = timedelta(days=35) - timedelta(hours=12)
NEWEST = timedelta(minutes=4)


class Judge:
    """Watches over one run; raises Violation."""

    def __init__(
        self,
        stripe: SimStripe,
        view: LedgerView,
        weather: Weather,
        certificates: Certificates,
        owners: Mapping[str, str],
    ) -> None:
        self._stripe = stripe
        self._view = view
        self._certificates = certificates
        self._owners = owners
        self._trace: Trace = stripe.schedule.trace
        self._clocks_hold = not any(weather.may_have(fault) for fault in CLOCKS)
        self._lags_long = any(weather.may_have(fault) for fault in LONG_LAGS)
        self.conformance = Conformance(view, weather, self._trace)
        self._events: dict[int, EventRow] = {}
        self._readings = Readings(stripe, view, self._events, lags_long=self._lags_long)
        self._closed: dict[str, int] = {}
        self.contacts = Contacts(
            view=view, owners=owners, clocks_hold=self._clocks_hold
        )
        self.holds: dict[str | None, datetime] = {}
        # Another ledger has been on this meter: names of events are not ours alone.
        self.relaxed = False
        self.sendings: dict[str, Sendings] = defaultdict(Sendings)

    # Requests

    def sending(self, machine: Machine, event: MeterEvent, key: str) -> None:
        """Judge a request whose first byte is about to leave."""
        now, name = self._stripe.schedule.now, event.identifier
        judge_holds(self.holds, self._owners, event, now)
        self.contacts.sending(machine, event, now)
        before = self._stripe.payloads.setdefault(name, event)
        if before != event and not self.relaxed:
            raise Violation("I10", f"{name} has two payloads")
        if self._view.attempt(name, key) != ("event", None):
            raise Violation("I11", f"{name} leaves without an attempt on record")
        age = machine.now() - event.timestamp
        if not -NEWEST <= age <= OLDEST:
            raise Violation("I19", f"{name} is {age} old when it is sent")
        sent = self.sendings[name]
        if self.relaxed:
            return
        if key in sent.keys:
            raise Violation("I10", f"the key {key} is used again")
        unknown = sent.first_unknown_at
        if self._clocks_hold and unknown and now - unknown >= RESEND_WINDOW:
            raise Violation("I13", f"{name} is resent {now - unknown} after")
        self._judge_retry(name, sent)
        sent.keys.add(key)
        sent.sends += 1
        sent.round_tries += 1
        sent.first_sent_at = sent.first_sent_at or now
        sent.last_sent_at = sent.last_outcome_at = now
        sent.last_key = key
        if unknown:
            self._trace.sometimes("an unknown outcome is resent")
        sent.first_unknown_at = unknown or now
        busy = self._stripe.busy_until.get(event.stripe_customer)
        if busy and now < busy:
            raise Violation("I18", f"two requests for {event.stripe_customer}")

    def cancelling(self, machine: Machine, event: MeterEvent, key: str) -> None:
        """Judge a cancellation that is about to leave."""
        now, sent = self._stripe.schedule.now, self.sendings[event.identifier]
        judge_holds(self.holds, self._owners, event, now)
        if not machine.holds_customer(event.customer, self._owners):
            raise Violation("I18", f"{event.identifier} is cancelled without its lock")
        first = sent.first_sent_at
        if self._clocks_hold and first and now - first >= CANCELLABLE:
            raise Violation("I13", f"{event.identifier} is cancelled {now - first} on")
        if self._view.attempt(event.identifier, key) != ("cancel", None):
            words = f"{event.identifier} is cancelled without an attempt on record"
            raise Violation("I11", words)

    def _judge_retry(self, name: str, sent: Sendings) -> None:
        if sent.round_tries >= MOST_TRIES:
            raise Violation("I17", f"{name} is tried {sent.round_tries + 1} times")
        since = sent.last_outcome_at
        if self._view.attempt(name, sent.last_key) == ("event", None):
            since = sent.last_sent_at  # the commit that held its answer was lost
        if sent.round_tries and since and self._clocks_hold:
            waited = self._stripe.schedule.now - since
            due = timedelta(seconds=1 << (sent.round_tries - 1))
            if waited < due:
                raise Violation("I17", f"{name} is retried after {waited}, not {due}")

    def answered(
        self, name: str, *, was_unknown: bool, known: bool, tried: bool
    ) -> None:
        """Take note of what a process was told."""
        sent = self.sendings[name]
        sent.last_outcome_at = self._stripe.schedule.now
        if known and not was_unknown:
            sent.first_unknown_at = None
        if not tried:
            sent.round_tries -= 1

    # Commits

    def committed(self, machine: Machine, touched: set[str]) -> None:
        """Judge what a transaction has made of the ledger."""
        self.conformance.committed(touched, machine.now())
        if "meter_event" in touched and not self.relaxed:
            for row in self._view.events():
                before = self._events.get(row.id)
                if before != row:
                    self._judge_move(before, row)
                    self._events[row.id] = row
                    self._readings.changed(row, machine)
        if touched & {"call", "b2b_usage"}:
            self.judge_calls()
        if "pull" in touched:
            self._certificates.judge(machine)
        if "period_close" in touched:
            self._judge_close()
        if "meter_contact" in touched:
            self.contacts.contact_committed(self._stripe.schedule.now)
        if "reconciliation_reading" in touched:
            self.contacts.read_committed(self._stripe.schedule.now)
            self._readings.judge(machine, relaxed=self.relaxed)

    def _judge_move(self, before: EventRow | None, row: EventRow) -> None:
        name, sent = row.identifier, self.sendings[row.identifier]
        was = before.standing if before else "none"
        if before and before.payload != row.payload:
            raise Violation("I10", f"{name} changed from {before} to {row}")
        if was == row.standing:
            return
        self._trace.sometimes(f"{was} -> {row.standing}")
        if not may_move(was, row.standing):
            raise Violation("I16", f"{name} moved from {was} to {row.standing}")
        self._judge_standing(row)
        truth = self._stripe.counted(name)
        if row.state == "pending" and before:
            sent.round_tries = 0
            if was == "failed/uncertain":
                is_known = sent.is_remembered(self._stripe.schedule.now)
                may_be_unseen = self._stripe.is_beyond or (is_known and self._lags_long)
                if truth is not None and not may_be_unseen:
                    raise Violation("I12", f"{name} counts, and is requeued")
                sent.first_unknown_at = sent.first_unknown_at if is_known else None

    def _judge_standing(self, row: EventRow) -> None:
        name, truth = row.identifier, self._stripe.counted(row.identifier)
        if row.state == "synced" and row.minutes:
            if not row.evidence:
                raise Violation("I14", f"{name} is synced without evidence")
            if not self._stripe.received[name]:
                raise Violation("I14", f"{name} is synced, and Stripe never took it")
        is_over = row.reason in {"rejected", "expired", "replaced"}
        if is_over and truth is not None and not self._stripe.is_beyond:
            raise Violation("I15", f"{name} is {row.standing}, and counts {truth}")

    def relax(self) -> None:
        """Let another ledger be on the meter, or an older state of this one."""
        self.relaxed = True
        self.conformance.is_on = False
        self._events.clear()
        self._closed = self._view.closed()
        self._certificates.begin_anew()

    def judge_calls(self) -> None:
        """Compare every call's rows with its newest revision, rated anew."""
        try:
            posted, calls = self._view.posted(), self._view.calls()
        except AssertionError as fault:
            raise Violation("I8", str(fault)) from fault
        for place, call in calls.items():
            if not self._as_rated(posted.pop(place, {}), rated(call)):
                raise Violation("I1", f"{place} is not billed as it is rated")
        if posted:
            raise Violation("I24", f"rows of no call: {sorted(posted)}")

    def _as_rated(self, posted: Posted, due: Posted) -> bool:
        """Compare by who a customer is: rows stay under the name of their time."""
        return posted == due or owned(posted, self._owners) == owned(due, self._owners)

    def _judge_close(self) -> None:
        """A month is closed when nothing of it is open; then it never changes."""
        for period, minutes in self._view.closed().items():
            left = self._view.unfinished(period)
            if period not in self._closed and left:
                raise Violation("I9", f"{period} is closed, and {left} things are open")
            self._closed[period] = minutes

    def judge_closed_months(self) -> None:
        """Look whether the closed months are as they were."""
        for period, minutes in self._view.closed().items():
            if self._closed.get(period) != minutes:
                raise Violation("I6", f"{period} changed after it was closed")

    def reading(
        self, machine: Machine, customer: str, window: Window, since: datetime
    ) -> None:
        """Take note of what is true while a month is read, from the question on."""
        if window.end - window.start > timedelta(days=27):
            month = f"{window.start:%Y-%m}"
            self.contacts.reading(customer, month, self._stripe.schedule.now)
            self._readings.read(machine, month, customer, window, since=since)
