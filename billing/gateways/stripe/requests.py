"""The connections to Stripe: how one request leaves, and how reads are repeated."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import stripe

from billing.domain.meter_event import MeterEvent, SendAnswer, SendVerdict
from billing.gateways.rate_limit import Pacer
from billing.gateways.retries import Sleep, read_with_retries
from billing.gateways.stripe.answers import NONSENSE, answer_of, fault_of
from billing.gateways.stripe.send_guard import guarded_send
from billing.ports import MaySend

T = TypeVar("T")
Json = Mapping[str, Any]


def send_once(
    request: Callable[[], stripe.StripeObject],
    event: MeterEvent,
    may_send: MaySend,
    identifier_in: Callable[[Json], object],
) -> SendAnswer:
    """Let a request leave, if it still may, and say what its answer means.

    `identifier_in` reads the identifier that the answer names.
    """
    with guarded_send(may_send) as send_guard:
        try:
            answer = request()
        except stripe.StripeError as fault:
            if send_guard.refused:
                return SendAnswer(
                    SendVerdict.UNSENT, detail="held back before it was written"
                )
            if isinstance(fault, stripe.APIConnectionError) and not send_guard.released:
                words = f"certainly not sent: {fault.user_message or fault}"
                return SendAnswer(SendVerdict.BUSY, detail=words)
            return answer_of(fault, event)
        except NONSENSE as fault:
            # JSON on which the library stumbles; what it was nobody knows.
            if not send_guard.released:
                raise
            return SendAnswer(SendVerdict.UNKNOWN, detail=f"no usable answer: {fault}")
    return _counted(answer, event, identifier_in)


def _counted(
    answer: stripe.StripeObject,
    event: MeterEvent,
    identifier_in: Callable[[Json], object],
) -> SendAnswer:
    try:
        response = answer.last_response
        request_id = response.request_id if response else None
        document = answer.to_dict()
        same_event = identifier_in(document) == event.identifier
        same_mode = document["livemode"] is event.livemode
    except NONSENSE as fault:
        return SendAnswer(SendVerdict.UNKNOWN, 200, detail=f"no usable answer: {fault}")
    if not (same_event and same_mode):
        words = "the answer names another event or another mode"
        return SendAnswer(SendVerdict.UNKNOWN, 200, request_id, words)
    return SendAnswer(SendVerdict.COUNTED, 200, request_id)


@dataclass(frozen=True, slots=True)
class StripeReads:
    """Reads from one account, each in its turn, tried again by the schedule."""

    client: stripe.StripeClient
    pace: Pacer
    sleep: Sleep

    def ask(self, read: Callable[[stripe.StripeClient], T]) -> T:
        """Read; raises MeterFault when there is no answer."""

        def once() -> T:
            self.pace.wait()
            try:
                return read(self.client)
            except stripe.StripeError as fault:
                raise fault_of(fault) from fault

        return read_with_retries(once, sleep=self.sleep)
