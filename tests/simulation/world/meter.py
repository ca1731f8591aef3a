"""The meter as a process sends to it: each request is judged, then answered or lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import stripe

from billing.domain.meter_event import MeterEvent, SendAnswer, SendVerdict
from billing.gateways.stripe.answers import answer_of, as_cancellation
from billing.ports import MaySend
from billing.sandbox.stripe.http.errors import (
    StripeError,
    locked,
    rate_limited,
    refused,
    server_error,
    unauthorized,
)
from tests.simulation.judge.judge import Judge
from tests.simulation.world.catalogue import Fault
from tests.simulation.world.machine import Machine
from tests.simulation.world.meter_reads import SimMeterReads
from tests.simulation.world.stripe_side import SimStripe, as_raised

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


class SimMeter(SimMeterReads):
    """A process's way to Stripe."""

    def __init__(self, sim: SimStripe, machine: Machine, judge: Judge) -> None:
        super().__init__(sim, machine, judge)
        self._uncertain = False

    def send(
        self, event: MeterEvent, idempotency_key: str, may_send: MaySend
    ) -> SendAnswer:
        """Report an event, unless the process may not or does not live to do it."""
        before = self._judge.sendings[event.identifier].first_unknown_at
        if not self._leaves("sends", event, may_send):
            return SendAnswer(SendVerdict.UNSENT)
        self._leave(event, idempotency_key)
        self._judge.sending(self._machine, event, idempotency_key)
        self._uncertain = False
        answer = self._exchange(event, idempotency_key)
        self._machine.schedule.note(f"{event.identifier}: {answer.verdict.value}")
        self._machine.schedule.trace.sometimes(f"answered {answer.verdict.value}")
        self._judge.answered(
            event.identifier,
            was_unknown=before is not None,
            known=not self._uncertain,
            tried=answer.verdict is not SendVerdict.LOCKED_OUT,
        )
        return answer

    def cancel(
        self, event: MeterEvent, idempotency_key: str, may_send: MaySend
    ) -> SendAnswer:
        """Take an event back, unless the process may not or does not live to do it."""
        if not self._leaves("cancels", event, may_send):
            return SendAnswer(SendVerdict.UNSENT)
        self._leave(event, idempotency_key)
        self._judge.cancelling(self._machine, event, idempotency_key)
        answer = as_cancellation(self._exchange_cancel(event, idempotency_key), event)
        words = f"cancelling {event.identifier}: {answer.verdict.value}"
        self._machine.schedule.note(words)
        trace = self._machine.schedule.trace
        trace.sometimes(f"a cancellation is answered {answer.verdict.value}")
        return answer

    def _exchange_cancel(self, event: MeterEvent, key: str) -> SendAnswer:
        fault = self._fault_before(key, event)
        if fault is not None:
            return answer_of(self._lose(fault), event)
        try:
            with self._arrival(event, key, "cancelled"):
                self._stripe.cancel(event.identifier)
        except StripeError as refusal:
            fault = NO_ANSWER if self._stripe.mute else as_raised(refusal)
            return answer_of(self._lose(fault), event)
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
        fault = self._fault_before(key, event)
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
            with self._arrival(event, key, "counted"):
                sim.take(event, key)
        except StripeError as refusal:
            fault = NO_ANSWER if sim.mute else as_raised(refusal)
            return answer_of(self._lose(fault, latency), event)
        lost = self._fault_after(key, event.identifier)
        if lost is not None:
            return answer_of(self._lose(lost, latency), event)
        machine.boundary("is told", Fault.DIES_AFTER_SEND, latency)
        if machine.weather.strikes(Fault.OTHER_ECHO):
            self._uncertain = True
            return SendAnswer(SendVerdict.UNKNOWN, 200, "req_1", "names another event")
        return SendAnswer(SendVerdict.COUNTED, 200, "req_1")

    def _arrive(self, event: MeterEvent, key: str) -> None:
        try:
            with self._arrival(event, key, "counted"):
                self._stripe.take(event, key)
        except StripeError:
            self._machine.schedule.note(f"{event.identifier} comes late, in vain")

    def _leave(self, event: MeterEvent, key: str) -> None:
        now = self._machine.schedule.now
        self._judge.conformance.leaves(event, key, now)

    @contextmanager
    def _arrival(self, event: MeterEvent, key: str, taken_as: str) -> Iterator[None]:
        """Tell the model what Stripe makes of a request."""
        arrives, sim = self._judge.conformance.arrives, self._stripe
        try:
            yield
        except StripeError as refusal:
            as_read = answer_of(as_raised(refusal), event)
            if taken_as == "cancelled":
                as_read = as_cancellation(as_read, event)
            if as_read.verdict is not SendVerdict.UNKNOWN:
                arrives(event, key, as_read.verdict.value, sim.schedule.now)
            raise
        if taken_as == "counted" and sim.received[event.identifier][-1].rejected:
            taken_as = "rejected later"
        arrives(event, key, taken_as, sim.schedule.now)

    def _lose(
        self, fault: stripe.StripeError, latency: timedelta | None = None
    ) -> stripe.StripeError:
        """Wait for an answer that tells nothing, or not much."""
        length = TIMEOUT if fault is NO_ANSWER else latency or self._latency()
        if fault is NO_ANSWER and self._stripe.on_time_out:
            schedule = self._machine.schedule
            schedule.at(schedule.now + TIMEOUT / 30, self._stripe.on_time_out.pop())
        status = fault.http_status or 500
        self._uncertain = status >= 500 or isinstance(fault, stripe.APIError)
        if status == 409:
            self._uncertain = False
        self._machine.boundary("waits for an answer", Fault.DIES_AFTER_SEND, length)
        return fault

    def _fault_before(self, key: str, event: MeterEvent) -> stripe.StripeError | None:
        """Choose what keeps a request from being taken."""
        strikes, sim = self._machine.weather.strikes, self._stripe
        if sim.key_revoked:
            return as_raised(unauthorized("rk_test"))
        if sim.down:
            return self._chance.pick((NO_ANSWER, as_raised(server_error(503))))
        if sim.deaf:
            return NO_ANSWER
        if event.stripe_customer in sim.unserved:
            return sim.unserved[event.stripe_customer]
        for fault, raised in UNTAKEN:
            if strikes(fault):
                return raised
        if strikes(Fault.STORED_500) and self._chance.happens(500):
            sim.store_500(key, event.identifier)
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
