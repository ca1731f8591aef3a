"""Stand-ins for the world: a clock that is moved, a list that moves, a strict meter."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from billing.domain.error_report import RejectionReport
from billing.domain.meter_event import MeterEvent, SendAnswer, SendVerdict
from billing.domain.period import Window, hour_of
from billing.domain.stripe_invoice import MeteredItem, StripeInvoice
from billing.errors import MeterRefused, MeterUnavailable, NoSuchCustomer
from billing.ports import CustomerPage, MaySend, MeterState
from tests.pipeline.pull.listed_source import ListedSource, Record
from tests.pipeline.virtual_clock import VirtualClock

__all__ = ["ListedSource", "Record", "VirtualClock"]
IDENTIFIER_MEMORY = timedelta(hours=24)


def fit_meter() -> MeterState:
    """Return how a meter has to be set up."""
    return MeterState(
        meter_id="mtr_1",
        event_name="stripe_minutes",
        status="active",
        formula="sum",
        event_time_window=None,
        customer_key="stripe_customer_id",
        value_key="value",
        livemode=False,
    )


class Killed(BaseException):
    """The process dies here: nothing after this line happens."""


@dataclass(frozen=True)
class Request:
    """One request that reached the meter."""

    event: MeterEvent
    key: str
    at: datetime  # by the meter's own clock


Reply = Callable[["StrictMeter", Request], SendAnswer]


def count(meter: "StrictMeter", request: Request) -> SendAnswer:
    """Take the event, or refuse an identifier that is known."""
    event, taken = request.event, meter.taken.get(request.event.identifier)
    if taken and request.at - taken.at < IDENTIFIER_MEMORY:
        return SendAnswer(SendVerdict.DUPLICATE, 400, "req_1", "already exists")
    meter.counted.append(request)
    meter.taken[event.identifier] = request
    return SendAnswer(SendVerdict.COUNTED, 200, "req_1")


def lose_answer(meter: "StrictMeter", request: Request) -> SendAnswer:
    """Take the event, and let the answer get lost."""
    count(meter, request)
    return SendAnswer(SendVerdict.UNKNOWN, None, None, "connection reset")


def lose_request(meter: "StrictMeter", request: Request) -> SendAnswer:
    """Lose the request before it was taken."""
    return SendAnswer(SendVerdict.UNKNOWN, None, None, "connection reset")


def be_busy(meter: "StrictMeter", request: Request) -> SendAnswer:
    """Ask to slow down."""
    return SendAnswer(SendVerdict.BUSY, 429, "req_1", "slow down")


def find_nobody(meter: "StrictMeter", request: Request) -> SendAnswer:
    """Find no way to the meter, so that certainly nothing was sent."""
    return SendAnswer(SendVerdict.BUSY, None, None, "connection refused")


def refuse(meter: "StrictMeter", request: Request) -> SendAnswer:
    """Name a fault of the event."""
    return SendAnswer(SendVerdict.REFUSED, 400, "req_1", "no such thing")


def lock_out(meter: "StrictMeter", request: Request) -> SendAnswer:
    """Refuse the key."""
    return SendAnswer(SendVerdict.LOCKED_OUT, 401, "req_1", "key revoked")


def kill_before(meter: "StrictMeter", request: Request) -> SendAnswer:
    """Kill the process before the request is taken."""
    raise Killed


def kill_after(meter: "StrictMeter", request: Request) -> SendAnswer:
    """Kill the process once the event counts."""
    count(meter, request)
    raise Killed


def take_back(meter: "StrictMeter", request: Request) -> SendAnswer:
    """Cancel an event that was received within a day."""
    name, taken = request.event.identifier, meter.taken.get(request.event.identifier)
    if taken is None:
        return SendAnswer(SendVerdict.REFUSED, 400, "req_1", f"no event named {name}")
    if request.at - taken.at >= IDENTIFIER_MEMORY:
        words = "only events received in the past 24 hours can be cancelled"
        return SendAnswer(SendVerdict.REFUSED, 400, "req_1", words)
    if taken not in meter.counted:
        return SendAnswer(SendVerdict.CANCELLED, 400, "req_1", "already cancelled")
    meter.counted.remove(taken)
    return SendAnswer(SendVerdict.CANCELLED, 200, "req_1")


def take_back_unheard(meter: "StrictMeter", request: Request) -> SendAnswer:
    """Cancel the event, and let the answer get lost."""
    take_back(meter, request)
    return SendAnswer(SendVerdict.UNKNOWN, None, None, "connection reset")


def kill_after_take_back(meter: "StrictMeter", request: Request) -> SendAnswer:
    """Kill the process once the event is cancelled."""
    take_back(meter, request)
    raise Killed


@dataclass
class StrictMeter:
    """A meter that plays a script and notes whoever breaks one of its rules."""

    clock: VirtualClock
    state: MeterState | None = field(default_factory=fit_meter)
    event_name: str = "stripe_minutes"
    missing: set[str] = field(default_factory=set)
    down: bool = False
    script: list[Reply] = field(default_factory=list)
    always: Reply = count
    by_customer: dict[str, Reply] = field(default_factory=dict)
    cancel_script: list[Reply] = field(default_factory=list)
    always_cancel: Reply = take_back
    watch: Callable[[MeterEvent], None] = lambda _event: None
    requests: list[Request] = field(default_factory=list)
    cancels: list[Request] = field(default_factory=list)
    counted: list[Request] = field(default_factory=list)
    taken: dict[str, Request] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    account_customers: set[str] = field(default_factory=set)
    deleted: dict[str, datetime] = field(default_factory=dict)
    listed: int = 0  # pages
    looked_for: list[str] = field(default_factory=list)
    hides_events: bool = False
    reports: list[RejectionReport] = field(default_factory=list)
    invoices: dict[str, list[StripeInvoice]] = field(default_factory=dict)
    items: dict[str, list[MeteredItem]] = field(default_factory=dict)
    broken_rules: list[str] = field(default_factory=list)
    _payloads: dict[str, MeterEvent] = field(default_factory=dict)
    _keys: dict[str, MeterEvent] = field(default_factory=dict)
    _busy: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def describe(self) -> MeterState | None:
        """Read how the meter is set up."""
        return self.state and replace(self.state, server_time=self.clock.true())

    def has_customer(self, stripe_customer: str) -> bool:
        """Say whether the customer exists; MeterUnavailable while reads are down."""
        if self.down:
            raise MeterUnavailable("no answer")
        self.looked_for.append(stripe_customer)
        return stripe_customer not in self.missing

    def list_customers(self, after: str | None) -> CustomerPage:
        """Read a page of the account's customers, in the order of their names."""
        if self.down:
            raise MeterUnavailable("no answer")
        self.listed += 1
        present = sorted(self.account_customers - self.missing)
        start = present.index(after) + 1 if after in present else 0
        page = present[start : start + 100]
        return CustomerPage(page, start + 100 < len(present))

    def deleted_customers(self, since: datetime) -> list[str]:
        """Read who was deleted since a moment."""
        if self.down:
            raise MeterUnavailable("no answer")
        if self.hides_events:
            raise MeterRefused("the key may not read events")
        return [name for name, at in self.deleted.items() if at >= since]

    def send(
        self, event: MeterEvent, idempotency_key: str, may_send: MaySend
    ) -> SendAnswer:
        """Check the rules, then answer as the script says."""
        with self._alone(event.stripe_customer):
            self.watch(event)
            if not may_send():
                return SendAnswer(SendVerdict.UNSENT)
            request = Request(event, idempotency_key, self.clock.true())
            with self._lock:
                self._check(request)
                self.requests.append(request)
                named = self.by_customer.get(event.customer)
                reply = self.script.pop(0) if self.script else named or self.always
                return reply(self, request)

    def cancel(
        self, event: MeterEvent, idempotency_key: str, may_send: MaySend
    ) -> SendAnswer:
        """Take an event back, or answer as the script of cancellations says."""
        with self._alone(event.stripe_customer):
            if not may_send():
                return SendAnswer(SendVerdict.UNSENT)
            request = Request(event, idempotency_key, self.clock.true())
            with self._lock:
                self._check_key(request)
                self.cancels.append(request)
                script = self.cancel_script
                reply = script.pop(0) if script else self.always_cancel
                return reply(self, request)

    @contextmanager
    def _alone(self, customer: str) -> Iterator[None]:
        with self._lock:
            if customer in self._busy:
                self.broken_rules.append(f"two requests at once for {customer}")
            self._busy.add(customer)
        try:
            yield
        finally:
            with self._lock:
                self._busy.discard(customer)

    def _check(self, request: Request) -> None:
        event = request.event
        if self._payloads.setdefault(event.identifier, event) != event:
            self.broken_rules.append(f"{event.identifier} has two payloads")
        self._check_key(request)
        age = request.at - event.timestamp
        if not timedelta(minutes=-5) <= age <= timedelta(days=35):
            self.broken_rules.append(f"{event.identifier} is out of the window")

    def _check_key(self, request: Request) -> None:
        if request.key in self._keys:
            self.broken_rules.append(f"the key {request.key} is used again")
        self._keys[request.key] = request.event

    def read_total(self, stripe_customer: str, window: Window) -> int:
        """Read the minutes counted, but those that are `hidden` yet."""
        return sum(self.read_hours(stripe_customer, window).values())

    def read_hours(self, stripe_customer: str, window: Window) -> dict[datetime, int]:
        """Read the minutes counted by the hour; MeterUnavailable while `down`."""
        if self.down:
            raise MeterUnavailable("no answer")
        if stripe_customer in self.missing:
            raise NoSuchCustomer(f"no such customer: {stripe_customer}")
        hours: dict[datetime, int] = {}
        for event in [request.event for request in self.counted]:
            shown = event.identifier not in self.hidden
            here = window.start <= event.timestamp < window.end
            if event.stripe_customer == stripe_customer and shown and here:
                hour = hour_of(event.timestamp)
                hours[hour] = hours.get(hour, 0) + event.minutes
        return {hour: minutes for hour, minutes in hours.items() if minutes}

    def error_reports(self, since: datetime) -> Sequence[RejectionReport]:
        """Return the `reports` since a moment."""
        return [one for one in self.reports if one.created_at >= since]

    def read_invoices(
        self, stripe_customer: str, window: Window
    ) -> Sequence[StripeInvoice]:
        """Return the customer's `invoices` with a line in the window."""
        return [
            invoice
            for invoice in self.invoices.get(stripe_customer, [])
            if any(line.window.overlaps(window) for line in invoice.lines)
        ]

    def read_subscriptions(self, stripe_customer: str) -> Sequence[MeteredItem]:
        """Return the customer's `items`."""
        return self.items.get(stripe_customer, [])


def utc(text: str) -> datetime:
    """Read a moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
