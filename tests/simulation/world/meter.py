"""The meter as a process has it: every request is judged, then answered or lost."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import stripe

from billing.domain.error_report import RejectionReport
from billing.domain.meter_event import MeterEvent, SendAnswer, SendVerdict
from billing.domain.period import Window
from billing.domain.stripe_invoice import MeteredItem, StripeInvoice
from billing.errors import MeterFault, MeterUnavailable
from billing.gateways.retries import read_with_retries
from billing.gateways.stripe.answers import answer_of, as_cancellation, fault_of
from billing.gateways.stripe.error_reports import report_of
from billing.ports import MaySend, MeterState
from billing.sandbox.stripe.http.errors import (
    StripeError,
    locked,
    missing,
    rate_limited,
    refused,
    server_error,
    unauthorized,
)
from tests.simulation.judge.judge import Judge
from tests.simulation.world.catalogue import Fault
from tests.simulation.world.chance import T
from tests.simulation.world.machine import Machine
from tests.simulation.world.stripe_side import METER, SimStripe, as_raised

TIMEOUT = timedelta(seconds=30)
NO_ANSWER = stripe.APIConnectionError("no answer")  # type: ignore[no-untyped-call]
# What Stripe says of a request that it does not take.
UNTAKEN: tuple[tuple[Fault, stripe.StripeError], ...] = (
    (Fault.NO_CONNECTION, NO_ANSWER),
    (Fault.LOST_REQUEST, NO_ANSWER),
    (Fault.SERVER_ERROR, as_raised(server_error(502))),
    (Fault.RATE_LIMIT, as_raised(rate_limited("global-rate"))),
    (Fault.LOCK_TIMEOUT, as_raised(locked())),
    (
        Fault.CONFLICT,
        as_raised(
            StripeError(
                http_status=409, type="idempotency_error", message="the key is in use"
            )
        ),
    ),
    (Fault.REFUSED_AT_ONCE, as_raised(refused("The payload is not as it should be."))),
    (Fault.KEY_REFUSED, as_raised(unauthorized("rk_test"))),
    (Fault.PROXY_PAGE, stripe.APIError("<html>not found</html>", http_status=404)),
)


class SimMeter:
    """A process's way to Stripe."""

    def __init__(self, sim: SimStripe, machine: Machine, judge: Judge) -> None:
        self._stripe = sim
        self._machine = machine
        self._judge = judge
        self._chance = machine.schedule.chance
        self._in_the_dark = False

    @property
    def event_name(self) -> str:
        """The name under which events are reported."""
        return METER

    def send(
        self, event: MeterEvent, idempotency_key: str, may_send: MaySend
    ) -> SendAnswer:
        """Report an event, unless the process may not or does not live to do it."""
        before = self._judge.sendings[event.identifier].first_unknown_at
        if not self._leaves("sends", event, may_send):
            return SendAnswer(SendVerdict.UNSENT)
        self._judge.sending(self._machine, event, idempotency_key)
        self._in_the_dark = False
        answer = self._exchange(event, idempotency_key)
        self._machine.schedule.note(f"{event.identifier}: {answer.verdict.value}")
        self._machine.schedule.trace.sometimes(f"answered {answer.verdict.value}")
        self._judge.answered(
            event.identifier,
            was_unknown=before is not None,
            known=not self._in_the_dark,
            tried=answer.verdict is not SendVerdict.LOCKED_OUT,
        )
        return answer

    def cancel(
        self, event: MeterEvent, idempotency_key: str, may_send: MaySend
    ) -> SendAnswer:
        """Take an event back, unless the process may not or does not live to do it."""
        if not self._leaves("cancels", event, may_send):
            return SendAnswer(SendVerdict.UNSENT)
        self._judge.cancelling(event, idempotency_key)
        answer = as_cancellation(self._exchange_cancel(event, idempotency_key), event)
        words = f"cancelling {event.identifier}: {answer.verdict.value}"
        self._machine.schedule.note(words)
        trace = self._machine.schedule.trace
        trace.sometimes(f"a cancellation is answered {answer.verdict.value}")
        return answer

    def _exchange_cancel(self, event: MeterEvent, key: str) -> SendAnswer:
        fault = self._fault_before(key, event.identifier)
        if fault is not None:
            return answer_of(self._lose(fault), event)
        try:
            self._stripe.cancel(event.identifier)
        except StripeError as refusal:
            told = NO_ANSWER if self._stripe.mute else as_raised(refusal)
            return answer_of(self._lose(told), event)
        lost = self._fault_after(key, event.identifier)
        if lost is not None:
            return answer_of(self._lose(lost), event)
        self._machine.boundary("is told", Fault.DIES_AFTER_SEND, self._latency())
        return SendAnswer(SendVerdict.COUNTED, 200, "req_1")

    def _leaves(self, what: str, event: MeterEvent, may_send: MaySend) -> bool:
        """Say whether the request leaves; the process may be away just before."""
        machine = self._machine
        length = timedelta()
        if machine.weather.strikes(Fault.FROZEN_BEFORE_SEND):
            length = machine.freeze(30)
        what = f"{what} {event.identifier}: {event.minutes}"
        machine.boundary(what, Fault.DIES_BEFORE_SEND, length)
        if may_send():
            return True
        machine.schedule.note("may not go")
        machine.schedule.trace.sometimes("held back before the first byte")
        return False

    def _exchange(self, event: MeterEvent, key: str) -> SendAnswer:
        """Carry one request there and its answer back."""
        machine, sim = self._machine, self._stripe
        fault = self._fault_before(key, event.identifier)
        if fault is not None:
            return answer_of(self._lose(fault), event)
        if machine.weather.strikes(Fault.LATE_ARRIVAL):
            late = (
                machine.schedule.now
                + TIMEOUT
                + self._chance.pick((1, 60)) * TIMEOUT / 30
            )
            machine.schedule.at(late, lambda: self._arrive(event, key))
            return answer_of(self._lose(NO_ANSWER), event)
        latency = self._latency()
        sim.busy_until[event.stripe_customer] = machine.schedule.now + latency
        try:
            sim.take(event, key)
        except StripeError as refusal:
            told = NO_ANSWER if sim.mute else as_raised(refusal)
            return answer_of(self._lose(told, latency), event)
        lost = self._fault_after(key, event.identifier)
        if lost is not None:
            return answer_of(self._lose(lost, latency), event)
        machine.boundary("is told", Fault.DIES_AFTER_SEND, latency)
        if machine.weather.strikes(Fault.OTHER_ECHO):
            self._in_the_dark = True
            return SendAnswer(SendVerdict.UNKNOWN, 200, "req_1", "names another event")
        return SendAnswer(SendVerdict.COUNTED, 200, "req_1")

    def _arrive(self, event: MeterEvent, key: str) -> None:
        try:
            self._stripe.take(event, key)
        except StripeError:
            self._machine.schedule.note(f"{event.identifier} comes late, in vain")

    def _lose(
        self, fault: stripe.StripeError, latency: timedelta | None = None
    ) -> stripe.StripeError:
        """Wait for an answer that tells nothing, or not much."""
        length = TIMEOUT if fault is NO_ANSWER else latency or self._latency()
        status = fault.http_status or 500
        self._in_the_dark = status >= 500 or isinstance(fault, stripe.APIError)
        if status == 409:
            self._in_the_dark = False
        self._machine.boundary("waits for an answer", Fault.DIES_AFTER_SEND, length)
        return fault

    def _fault_before(self, key: str, name: str) -> stripe.StripeError | None:
        """Choose what keeps a request from being taken."""
        strikes, sim = self._machine.weather.strikes, self._stripe
        if sim.key_revoked:
            return as_raised(unauthorized("rk_test"))
        if sim.down:
            return self._chance.pick((NO_ANSWER, as_raised(server_error(503))))
        if sim.deaf:
            return NO_ANSWER
        for fault, raised in UNTAKEN:
            if strikes(fault):
                return raised
        if strikes(Fault.STORED_500) and self._chance.happens(500):
            sim.store_500(key, name)
            return as_raised(server_error())
        return None

    def _fault_after(self, key: str, name: str) -> stripe.StripeError | None:
        """Choose what becomes of the answer to a request that was taken."""
        strikes = self._machine.weather.strikes
        if self._stripe.mute or strikes(Fault.LOST_ANSWER):
            return NO_ANSWER
        if strikes(Fault.SERVER_ERROR_TAKEN):
            return as_raised(server_error(self._chance.pick((500, 503))))
        if strikes(Fault.STORED_500):
            self._stripe.store_500(key, name)
            return as_raised(server_error())
        return None

    # Reads

    def describe(self) -> MeterState | None:
        """Read how the meter is set up."""

        def read() -> MeterState:
            sim = self._stripe
            meter = sim.books.meters.by_id[sim.meter_id]
            now = sim.schedule.now
            return MeterState(
                meter_id=meter.id,
                event_name=meter.event_name,
                status=meter.status,
                formula=meter.formula,
                event_time_window=meter.event_time_window,
                customer_key=meter.customer_key,
                value_key=meter.value_key,
                livemode=meter.livemode,
                server_time=now.replace(microsecond=0),
            )

        return self._ask("describes the meter", read)

    def has_customer(self, stripe_customer: str) -> bool:
        """Say whether the customer exists."""
        exists = self._stripe.books.customers.exists
        return self._ask(
            f"looks for {stripe_customer}", lambda: exists(stripe_customer)
        )

    def read_total(self, stripe_customer: str, window: Window) -> int:
        """Read the minutes shown for a customer in a window."""
        return sum(self.read_hours(stripe_customer, window).values())

    def read_hours(self, stripe_customer: str, window: Window) -> dict[datetime, int]:
        """Read the minutes shown for a customer, hour by hour."""

        since = self._machine.schedule.now

        def read() -> dict[datetime, int]:
            sim = self._stripe
            if not sim.books.customers.exists(stripe_customer):
                raise fault_of(
                    as_raised(missing("customer", stripe_customer, "customer"))
                )
            self._judge.reading(self._machine, stripe_customer, window, since)
            hours = sim.shown(stripe_customer, window)
            return {hour: minutes for hour, minutes in hours.items() if minutes}

        found = self._ask(f"reads {stripe_customer} from {window.start}", read)
        self._machine.schedule.note(f"reads {sum(found.values())}")
        return found

    def error_reports(self, since: datetime) -> Sequence[RejectionReport]:
        """Read what was refused after it had been taken."""

        def read() -> list[RejectionReport]:
            sim = self._stripe
            made = sim.books.error_reports(sim.schedule.now)
            return [
                report_of(one.to_json(sim.rules))
                for one in made
                if one.made_at >= since
            ]

        return self._ask("reads error reports", read)

    def read_invoices(
        self, stripe_customer: str, window: Window
    ) -> Sequence[StripeInvoice]:
        """Return no invoices: nobody subscribes here."""
        return self._ask("reads invoices", list)

    def read_subscriptions(self, stripe_customer: str) -> Sequence[MeteredItem]:
        """Return no subscriptions."""
        return self._ask("reads subscriptions", list)

    def _ask(self, what: str, read: Callable[[], T]) -> T:
        machine = self._machine

        def once() -> T:
            machine.boundary(what, Fault.DIES_READING_METER, self._latency())
            if self._stripe.key_revoked:
                raise fault_of(as_raised(unauthorized("rk_test")))
            if self._stripe.down or machine.weather.strikes(Fault.METER_READ_FAILS):
                raise MeterUnavailable("no answer")
            return read()

        try:
            if machine.weather.calm:
                return once()
            return read_with_retries(once, sleep=machine.sleep)
        except MeterFault as fault:
            machine.schedule.note(f"Stripe: {fault}")
            raise

    def _latency(self) -> timedelta:
        return timedelta(milliseconds=self._chance.between(30, 900))
