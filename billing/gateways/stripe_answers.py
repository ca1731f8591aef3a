"""What Stripe's answers mean: for an event, for a cancellation, and for a read."""

from dataclasses import replace
from decimal import Decimal

import stripe

from billing.domain.metering import Answer, MeterEvent, Verdict
from billing.errors import (
    MeterFault,
    MeterRefused,
    MeterUnavailable,
    NoSuchCustomer,
)

CONFLICT = 409
# Stripe refuses a repeated identifier in these words, and gives no code.
ALREADY_EXISTS = "already exists with identifier"
ALREADY = "already"


def answer_of(fault: stripe.StripeError, event: MeterEvent) -> Answer:
    """Say what a fault means for the event: there are three answers, not two."""
    status, words = fault.http_status, str(fault.user_message or fault)
    request_id = fault.request_id
    if isinstance(fault, stripe.AuthenticationError | stripe.PermissionError):
        return Answer(Verdict.LOCKED_OUT, status, request_id, words)
    if isinstance(fault, stripe.RateLimitError | stripe.IdempotencyError):
        return Answer(Verdict.BUSY, status, request_id, words)
    if status == CONFLICT:
        return Answer(Verdict.BUSY, status, request_id, words)
    if isinstance(fault, stripe.InvalidRequestError) and (
        ALREADY_EXISTS in words and event.identifier in words
    ):
        return Answer(Verdict.DUPLICATE, status, request_id, words)
    # A 404 of a proxy in between is no word of Stripe's: that one stays unknown.
    if isinstance(fault, stripe.InvalidRequestError | stripe.CardError):
        return Answer(Verdict.REFUSED, status, request_id, words)
    return Answer(Verdict.UNKNOWN, status, request_id, words)


def fault_of(fault: stripe.StripeError) -> MeterFault:
    """Say what a fault means for a read."""
    words = f"{fault.user_message or fault} (HTTP {fault.http_status or 'no answer'})"
    if isinstance(fault, stripe.AuthenticationError | stripe.PermissionError):
        return MeterRefused(f"the API key is refused: {words}; check the settings")
    if isinstance(fault, stripe.InvalidRequestError):
        missing = fault.http_status == 404 or fault.code == "resource_missing"
        return NoSuchCustomer(words) if missing else MeterFault(words)
    return MeterUnavailable(words)


def whole_minutes(value: object, where: str) -> int:
    """Read a number of minutes exactly; raises MeterFault unless it is whole."""
    exact = Decimal(str(value))
    if exact != exact.to_integral_value():
        raise MeterFault(
            f"{where} holds {exact} minutes, which is not whole: an event there is "
            "not from this ledger"
        )
    return int(exact)


def cancellation_of(fault: stripe.StripeError, event: MeterEvent) -> Answer:
    """Say what a fault means for the cancellation of an event."""
    answer = answer_of(fault, event)
    if answer.verdict is Verdict.REFUSED and ALREADY in answer.detail.lower():
        return replace(answer, verdict=Verdict.CANCELLED)
    return answer
