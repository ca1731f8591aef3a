"""What Stripe's answers mean: for an event, for a cancellation, and for a read."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal

import stripe

from billing.domain.meter_event import MeterEvent, SendAnswer, SendVerdict
from billing.errors import (
    MeterFault,
    MeterRefused,
    MeterUnavailable,
    NoSuchCustomer,
)

CONFLICT = 409
NOT_FOUND = 404
# Stripe refuses a repeated identifier in these words, and gives no code.
ALREADY_EXISTS = "already exists with identifier"
ALREADY = "already"
# What reading a field leads to that is not there, or not what was promised.
NONSENSE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def answer_of(fault: stripe.StripeError, event: MeterEvent) -> SendAnswer:
    """Say what a fault means for the event: there are three answers, not two."""
    status, words = fault.http_status, str(fault.user_message or fault)
    request_id = fault.request_id
    if isinstance(fault, stripe.AuthenticationError | stripe.PermissionError):
        return SendAnswer(SendVerdict.LOCKED_OUT, status, request_id, words)
    if isinstance(fault, stripe.RateLimitError | stripe.IdempotencyError):
        return SendAnswer(SendVerdict.BUSY, status, request_id, words)
    if status == CONFLICT:
        return SendAnswer(SendVerdict.BUSY, status, request_id, words)
    if isinstance(fault, stripe.InvalidRequestError) and (
        ALREADY_EXISTS in words and event.identifier in words
    ):
        return SendAnswer(SendVerdict.DUPLICATE, status, request_id, words)
    # A 404 of a proxy in between is no word of Stripe's: that one stays unknown.
    if isinstance(fault, stripe.InvalidRequestError | stripe.CardError):
        return SendAnswer(SendVerdict.REFUSED, status, request_id, words)
    return SendAnswer(SendVerdict.UNKNOWN, status, request_id, words)


def as_cancellation(answer: SendAnswer, event: MeterEvent) -> SendAnswer:
    """Say what an answer means where the request was to take the event back."""
    words = answer.detail.replace(event.identifier, "").lower()
    refused = answer.verdict in {SendVerdict.REFUSED, SendVerdict.DUPLICATE}
    if refused and ALREADY not in words:
        return replace(answer, verdict=SendVerdict.REFUSED)
    if refused or answer.verdict is SendVerdict.COUNTED:
        return replace(answer, verdict=SendVerdict.CANCELLED)
    return answer


def fault_of(fault: stripe.StripeError) -> MeterFault:
    """Say what a fault means for a read."""
    words = f"{fault.user_message or fault} (HTTP {fault.http_status or 'no answer'})"
    if isinstance(fault, stripe.AuthenticationError | stripe.PermissionError):
        return MeterRefused(f"the API key is refused: {words}; check the settings")
    if isinstance(fault, stripe.InvalidRequestError):
        missing = fault.http_status == NOT_FOUND or fault.code == "resource_missing"
        nobody = missing and "customer" in words.lower()
        return NoSuchCustomer(words) if nobody else MeterFault(words)
    return MeterUnavailable(words)


@contextmanager
def sensible(what: str) -> Iterator[None]:
    """Read an answer's fields; raises MeterFault where they are not as promised."""
    try:
        yield
    except NONSENSE as fault:
        words = f"{type(fault).__name__}: {fault}"[:200]
        raise MeterFault(f"{what} cannot be read ({words})") from fault


def whole_minutes(value: object, where: str) -> int:
    """Read a number of minutes exactly; raises MeterFault unless it is whole."""
    exact = Decimal(str(value))
    if exact != exact.to_integral_value():
        raise MeterFault(
            f"{where} holds {exact} minutes, which is not whole: an event there is "
            "not from this ledger"
        )
    return int(exact)
