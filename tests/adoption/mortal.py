"""A process that dies: at a transaction, at a request, at an answer."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine

from billing.domain.error_report import RejectionReport
from billing.domain.meter_event import MeterEvent, SendAnswer, SendVerdict
from billing.domain.period import Window
from billing.domain.stripe_invoice import MeteredItem, StripeInvoice
from billing.ledger.database import Ledger
from billing.ports import CustomerPage, MaySend, MeterState
from billing.sandbox.stripe.http.errors import StripeError
from billing.sandbox.stripe.metering.events import EventRequest
from billing.sandbox.stripe.mode import StripeMode
from tests.pipeline.fakes import Killed, fit_meter
from tests.pipeline.virtual_clock import VirtualClock

HOUR_SECONDS = 3_600
METER = "stripe_minutes"


def _raise_killed() -> None:
    raise Killed


def _tell_nobody(*_words: object) -> None:
    """Say nothing: the sandbox is in the same process."""


@dataclass(slots=True)
class Life:
    """How many steps a process has left; None: it does not die."""

    steps: int | None = None
    deaths: int = 0
    end: Callable[[], None] = _raise_killed

    def step(self) -> None:
        """Live on, or die here."""
        if self.steps is None:
            return
        self.steps -= 1
        if self.steps < 0:
            self.steps = None
            self.deaths += 1
            self.end()


class MortalLedger(Ledger):
    """A ledger whose process may die before, in or after a transaction."""

    def __init__(self, engine: Engine, life: Life) -> None:
        super().__init__(engine)
        self._life = life

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction; what dies in it is rolled back."""
        self._life.step()
        with super().writing() as connection:
            yield connection
            self._life.step()
        self._life.step()


class SandboxMeter:
    """The sandbox's meter, without HTTP: its books, its lag, its invoices."""

    event_name = METER

    def __init__(self, mode: StripeMode, clock: VirtualClock, life: Life) -> None:
        self._mode, self._clock, self._life = mode, clock, life
        self.tell: Callable[..., None] = _tell_nobody
        self._meter = next(iter(mode.meters.by_id.values()))

    def describe(self) -> MeterState | None:
        """Read how the meter is set up."""
        return replace(fit_meter(), server_time=self._clock.now())

    def has_customer(self, stripe_customer: str) -> bool:
        """Say whether the customer exists."""
        return self._mode.customers.exists(stripe_customer)

    def list_customers(self, after: str | None) -> CustomerPage:
        """Read all customers, as one page."""
        present = self._mode.customers.by_id.values()
        return CustomerPage([each.id for each in present if not each.deleted], False)

    def deleted_customers(self, since: datetime) -> list[str]:
        """Read who was deleted since a moment."""
        second = int(since.timestamp())
        everybody = self._mode.customers.by_id.values()
        return [c.id for c in everybody if c.deleted_at and c.deleted_at >= second]

    def send(
        self, event: MeterEvent, idempotency_key: str, may_send: MaySend
    ) -> SendAnswer:
        """Report an event; the process may die before it, or before its answer."""
        self._life.step()
        if not may_send():
            return SendAnswer(SendVerdict.UNSENT)
        sent = request_of(
            event.stripe_customer, event.minutes, event.identifier, event.timestamp
        )
        now = self._clock.now()
        try:
            self._mode.receive_event(sent, now, request_key=idempotency_key)
        except StripeError as refusal:
            self._life.step()
            if "already exists" not in refusal.message:
                raise
            return SendAnswer(SendVerdict.DUPLICATE, 400, "req_1", refusal.message)
        self.tell("send", sent, idempotency_key)
        self._life.step()
        return SendAnswer(SendVerdict.COUNTED, 200, "req_1")

    def cancel(
        self, event: MeterEvent, idempotency_key: str, may_send: MaySend
    ) -> SendAnswer:
        """Take an event back; the process may die before it, or before its answer."""
        assert idempotency_key
        self._life.step()
        if not may_send():
            return SendAnswer(SendVerdict.UNSENT)
        try:
            self._mode.cancel_event(METER, event.identifier, self._clock.now())
        except StripeError as refusal:
            self._life.step()
            return SendAnswer(SendVerdict.REFUSED, 400, "req_1", refusal.message)
        self.tell("cancel", event.identifier)
        self._life.step()
        return SendAnswer(SendVerdict.CANCELLED, 200, "req_1")

    def read_total(self, stripe_customer: str, window: Window) -> int:
        """Read what summaries show of a window."""
        return sum(self.read_hours(stripe_customer, window).values())

    def read_hours(self, stripe_customer: str, window: Window) -> dict[datetime, int]:
        """Read the same by the hour."""
        self._life.step()
        span = range(int(window.start.timestamp()), int(window.end.timestamp()))
        hours: dict[datetime, int] = {}
        now = self._clock.now()
        for event in self._mode.events.shown(self._meter, stripe_customer, span, now):
            second = event.timestamp - event.timestamp % HOUR_SECONDS
            hour = datetime.fromtimestamp(second, UTC)
            hours[hour] = hours.get(hour, 0) + int(event.value)
        return hours

    def error_reports(self, since: datetime) -> Sequence[RejectionReport]:
        """Read no reports: nothing is rejected here."""
        assert since.tzinfo
        return []

    def read_invoices(
        self, stripe_customer: str, window: Window
    ) -> Sequence[StripeInvoice]:
        """Read no invoices: the judge has the sandbox's own."""
        assert stripe_customer
        assert window
        return []

    def read_subscriptions(self, stripe_customer: str) -> Sequence[MeteredItem]:
        """Read no subscriptions."""
        assert stripe_customer
        return []


def request_of(
    stripe_customer: str, minutes: int, identifier: str, at: datetime
) -> EventRequest:
    """Return an event as any program words it."""
    return EventRequest(
        METER,
        {"stripe_customer_id": stripe_customer, "value": str(minutes)},
        identifier,
        int(at.timestamp()),
    )
