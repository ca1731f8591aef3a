"""The requests to Stripe: how one that sends leaves, and what its answer means."""

from collections.abc import Callable
from typing import Any

import stripe

from billing.domain.foreign_text import first_words
from billing.domain.meter_event import MeterEvent, SendAnswer, SendVerdict
from billing.gateways.stripe.answers import answer_of, request_id_of
from billing.gateways.stripe.fields import NONSENSE, Json
from billing.gateways.stripe.send_guard import guarded_send
from billing.ports import MaySend


def send_once(
    request: Callable[[], Any],
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
            return _unknown(fault)
    return _counted(answer, event, identifier_in)


def _counted(
    answer: stripe.StripeResponse,
    event: MeterEvent,
    identifier_in: Callable[[Json], object],
) -> SendAnswer:
    try:
        request_id = request_id_of(answer.request_id)
        document: Any = answer.data
        same_event = identifier_in(document) == event.identifier
        same_mode = document["livemode"] is event.livemode
    except NONSENSE as fault:
        return _unknown(fault, 200)
    if not (same_event and same_mode):
        words = "the answer names another event or another mode"
        return SendAnswer(SendVerdict.UNKNOWN, 200, request_id, words)
    return SendAnswer(SendVerdict.COUNTED, 200, request_id)


def _unknown(fault: Exception, status: int | None = None) -> SendAnswer:
    words = f"no usable answer: {type(fault).__name__}: {fault}"
    return SendAnswer(SendVerdict.UNKNOWN, status, detail=first_words(words, 200))
