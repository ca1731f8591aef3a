"""What Stripe's answers mean: for an event, for a cancellation, and for a read."""

from dataclasses import replace

import stripe

from billing.domain.foreign_text import first_words
from billing.domain.meter_event import MeterEvent, SendAnswer, SendVerdict
from billing.errors import (
    MeterFault,
    MeterRefused,
    MeterUnavailable,
    NoSuchCustomer,
)
from billing.gateways.stripe.fields import LONGEST_TEXT

CONFLICT = 409
NOT_FOUND = 404
# Stripe refuses a repeated identifier in these words, and gives no code.
ALREADY_EXISTS = "already exists with identifier"
ALREADY = "already"
MOST_WORDS = 500


class AnswerTooLarge(stripe.APIConnectionError):
    """An answer was larger than is read, or of more parts."""


class UnreadablyLarge(MeterFault):
    """An answer to a read was larger than is read; a smaller page may be readable."""

    kind = "MeterFault"


def answer_of(fault: stripe.StripeError, event: MeterEvent) -> SendAnswer:
    """Say what a fault means for the event: there are three answers, not two."""
    status, whole = fault.http_status, str(fault.user_message or fault)
    words, request_id = first_words(whole, MOST_WORDS), request_id_of(fault.request_id)
    if isinstance(fault, stripe.AuthenticationError | stripe.PermissionError):
        return SendAnswer(SendVerdict.LOCKED_OUT, status, request_id, words)
    if isinstance(fault, stripe.RateLimitError | stripe.IdempotencyError):
        return SendAnswer(SendVerdict.BUSY, status, request_id, words)
    if status == CONFLICT:
        return SendAnswer(SendVerdict.BUSY, status, request_id, words)
    if isinstance(fault, stripe.InvalidRequestError) and (
        ALREADY_EXISTS in whole and event.identifier in whole
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
    said = first_words(str(fault.user_message or fault), MOST_WORDS)
    words = f"{said} (HTTP {fault.http_status or 'no answer'})"
    if isinstance(fault, AnswerTooLarge):
        return UnreadablyLarge(said)
    if isinstance(fault, stripe.AuthenticationError | stripe.PermissionError):
        return MeterRefused(f"the API key is refused: {words}; check the settings")
    if isinstance(fault, stripe.InvalidRequestError):
        missing = fault.http_status == NOT_FOUND or fault.code == "resource_missing"
        nobody = missing and "customer" in words.lower()
        return NoSuchCustomer(words) if nobody else MeterFault(words)
    return MeterUnavailable(words)


def request_id_of(header: str | None) -> str | None:
    """Return Stripe's name of a request; None for what is too long for a name."""
    return header if header and len(header) <= LONGEST_TEXT else None
