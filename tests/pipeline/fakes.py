"""Stand-ins for the world: a clock that is moved, a list that moves, a strict meter."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from billing.domain.metering import Answer, MeterEvent, Verdict
from billing.domain.period import BillingPeriod, Window, hour_of
from billing.errors import MeterUnavailable, NoSuchCustomer
from billing.ports import CallPage, MeterState, SourceTotals

Record = dict[str, object]
IDENTIFIER_MEMORY = timedelta(hours=24)


class VirtualClock:
    """A clock whose sleep takes no time; each thread has lived its own sleeps."""

    def __init__(self, start: datetime) -> None:
        self._base = start
        self._lived = threading.local()
        self._lock = threading.Lock()
        self._latest = start
        self.on_sleep: Callable[[float], None] = lambda _seconds: None

    def now(self) -> datetime:
        """Return the present moment of this thread."""
        base, own = getattr(self._lived, "at", (self._base, timedelta()))
        return self._base + own if base == self._base else self._base

    def sleep(self, seconds: float) -> None:
        """Let this thread live so many seconds."""
        moment = self.now() + timedelta(seconds=seconds)
        self._lived.at = (self._base, moment - self._base)
        with self._lock:
            self._latest = max(self._latest, moment)
        self.on_sleep(seconds)

    def advance(self, **step: float) -> None:
        """Move on for all threads, from the latest moment that any has lived."""
        with self._lock:
            self._base = self._latest = self._latest + timedelta(**step)

    @property
    def latest(self) -> datetime:
        """The latest moment that any thread has lived."""
        return self._latest


class ListedSource:
    """A usage source over a list that `between_pages` may change."""

    def __init__(self, account: str = "main") -> None:
        self._account = account
        self.calls: list[Record] = []
        self.between_pages: Callable[[], None] = lambda: None
        self.minutes: int | None = None
        self.silent_totals = False
        self.requests: list[tuple[Window, int]] = []
        self.lock = threading.RLock()

    @property
    def account(self) -> str:
        """The account's name in the settings."""
        return self._account

    def list_calls(self, window: Window, *, offset: int, limit: int) -> CallPage:
        """Read a page, newest first; then let happen what was scripted."""
        with self.lock:
            self.requests.append((window, offset))
            found = [one for one in self.calls if window_holds(window, one)]
            found.sort(key=created_at, reverse=True)
            page = [dict(one) for one in found[offset : offset + limit]]
            self.between_pages()
        return CallPage(page, len(found), offset + len(page) < len(found))

    def get_call(self, call_id: str) -> Mapping[str, object] | None:
        """Read one call."""
        with self.lock:
            return next((dict(c) for c in self.calls if c.get("id") == call_id), None)

    def read_totals(self, period: BillingPeriod) -> SourceTotals:
        """Add up the month by the rule, unless `minutes` says what to answer."""
        if self.silent_totals:
            return SourceTotals(None, None)
        with self.lock:
            held = [minutes_of(one) for one in self.calls if month_of(one) == period]
        total = sum(held) if self.minutes is None else self.minutes
        return SourceTotals(len(self.calls), total)

    def change(self, call_id: str, **fields: object) -> None:
        """Let the source say something else of a call."""
        next(c for c in self.calls if c.get("id") == call_id).update(fields)

    def remove(self, call_id: str) -> None:
        """Delete a call at the source."""
        self.calls = [one for one in self.calls if one.get("id") != call_id]


def created_at(record: Record) -> datetime:
    """Return when the source lists a record as created."""
    return _moment(str(record.get("listed_at") or record["created_at"]))


_moment = lru_cache(100_000)(datetime.fromisoformat)


def window_holds(window: Window, record: Record) -> bool:
    """Say whether a window's list shows a record."""
    return window.start <= created_at(record) < window.end


def month_of(record: Record) -> BillingPeriod | None:
    """Return the month that the source counts a call in, as well as it knows."""
    over = record.get("status") in {"completed", "failed", "cancelled"}
    try:
        started = datetime.fromisoformat(str(record.get("started_at")))
        return BillingPeriod.of(started) if over else None
    except ValueError:
        return None


def minutes_of(record: Record) -> int:
    """Return the minutes that the source states of a call, else those of the rule."""
    stated, seconds = record.get("billed_minutes"), record.get("duration_seconds")
    if isinstance(stated, int):
        return stated
    return max(-(-seconds // 60), 1) if isinstance(seconds, int) else 0


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
    at: datetime


Reply = Callable[["StrictMeter", Request], Answer]


def count(meter: "StrictMeter", request: Request) -> Answer:
    """Take the event, or refuse an identifier that is known."""
    event, taken = request.event, meter.taken.get(request.event.identifier)
    if taken and request.at - taken.at < IDENTIFIER_MEMORY:
        return Answer(Verdict.DUPLICATE, 400, "req_1", "already exists")
    meter.counted.append(request)
    meter.taken[event.identifier] = request
    return Answer(Verdict.COUNTED, 200, "req_1")


def lose_answer(meter: "StrictMeter", request: Request) -> Answer:
    """Take the event, and let the answer get lost."""
    count(meter, request)
    return Answer(Verdict.UNKNOWN, None, None, "connection reset")


def lose_request(meter: "StrictMeter", request: Request) -> Answer:
    """Lose the request before it was taken."""
    return Answer(Verdict.UNKNOWN, None, None, "connection reset")


def be_busy(meter: "StrictMeter", request: Request) -> Answer:
    """Ask to slow down."""
    return Answer(Verdict.BUSY, 429, "req_1", "slow down")


def refuse(meter: "StrictMeter", request: Request) -> Answer:
    """Name a fault of the event."""
    return Answer(Verdict.REFUSED, 400, "req_1", "no such thing")


def lock_out(meter: "StrictMeter", request: Request) -> Answer:
    """Refuse the key."""
    return Answer(Verdict.LOCKED_OUT, 401, "req_1", "key revoked")


def kill_before(meter: "StrictMeter", request: Request) -> Answer:
    """Kill the process before the request is taken."""
    raise Killed


def kill_after(meter: "StrictMeter", request: Request) -> Answer:
    """Kill the process once the event counts."""
    count(meter, request)
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
    watch: Callable[[MeterEvent], None] = lambda _event: None
    requests: list[Request] = field(default_factory=list)
    counted: list[Request] = field(default_factory=list)
    taken: dict[str, Request] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    broken_rules: list[str] = field(default_factory=list)
    _payloads: dict[str, MeterEvent] = field(default_factory=dict)
    _keys: dict[str, MeterEvent] = field(default_factory=dict)
    _busy: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def describe(self) -> MeterState | None:
        """Read how the meter is set up."""
        return self.state

    def has_customer(self, stripe_customer: str) -> bool:
        """Say whether the customer exists; MeterUnavailable while reads are down."""
        if self.down:
            raise MeterUnavailable("no answer")
        return stripe_customer not in self.missing

    def send(self, event: MeterEvent, idempotency_key: str) -> Answer:
        """Check the rules, then answer as the script says."""
        request = Request(event, idempotency_key, self.clock.now())
        with self._alone(event.stripe_customer):
            self.watch(event)
            with self._lock:
                self._check(request)
                self.requests.append(request)
                named = self.by_customer.get(event.customer)
                reply = self.script.pop(0) if self.script else named or self.always
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
        if request.key in self._keys:
            self.broken_rules.append(f"the key {request.key} is used again")
        self._keys[request.key] = event
        age = request.at - event.timestamp
        if not timedelta(minutes=-5) <= age <= timedelta(days=35):
            self.broken_rules.append(f"{event.identifier} is out of the window")

    def read_total(self, stripe_customer: str, window: Window) -> int:
        """Read the minutes counted, but those that are `hidden` yet."""
        return sum(self.read_hours(stripe_customer, window).values())

    def read_hours(self, stripe_customer: str, window: Window) -> dict[datetime, int]:
        """Read the minutes counted by the hour."""
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


def utc(text: str) -> datetime:
    """Read a moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
