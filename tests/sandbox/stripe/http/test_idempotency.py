"""Idempotency keys and rate limits: what is answered again, and what too fast."""

from datetime import timedelta

import pytest

from billing.sandbox.stripe.http.errors import StripeError
from billing.sandbox.stripe.http.idempotency import StoredAnswer, StoredAnswers
from billing.sandbox.stripe.http.rate_limits import METER_EVENTS, RateLimits
from billing.sandbox.stripe.rules import StripeRules
from tests.sandbox.stripe.stripe_world import T0

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
ANSWER = StoredAnswer(
    fingerprint="print", answered_at=T0, request_id="req_1", status=200, body="{}"
)
OTHER = "stripe.customers.create"


@pytest.fixture
def answers() -> StoredAnswers:
    stored = StoredAnswers(StripeRules())
    assert stored.claim("key", "print", T0) is None
    stored.keep("key", ANSWER)
    stored.release("key")
    return stored


def test_a_key_gets_its_answer_again_for_a_day(answers: StoredAnswers) -> None:
    assert answers.claim("key", "print", T0 + DAY - SECOND) is ANSWER
    assert answers.claim("key", "print", T0 + DAY) is None
    assert answers.kept() == {}


def test_a_key_belongs_to_its_parameters(answers: StoredAnswers) -> None:
    with pytest.raises(StripeError) as caught:
        answers.claim("key", "other print", T0)
    assert (caught.value.http_status, caught.value.type) == (400, "idempotency_error")


def test_a_key_that_is_worked_on_is_in_use(answers: StoredAnswers) -> None:
    assert answers.claim("new", "print", T0) is None
    with pytest.raises(StripeError) as caught:
        answers.claim("new", "print", T0)
    assert caught.value.http_status == 409
    assert caught.value.code == "idempotency_key_in_use"
    answers.release("new")
    assert answers.claim("new", "print", T0) is None


def test_a_key_has_at_most_255_characters(answers: StoredAnswers) -> None:
    assert answers.claim("k" * 255, "print", T0) is None
    with pytest.raises(StripeError):
        answers.claim("k" * 256, "print", T0)


@pytest.mark.parametrize(
    ("livemode", "endpoints", "taken", "reason"),
    [
        (True, [METER_EVENTS], 1_000, "endpoint-rate"),
        (True, [OTHER], 25, "endpoint-rate"),
        (True, [f"{OTHER}{n}" for n in range(8)], 100, "global-rate"),
        (False, [METER_EVENTS], 25, "global-rate"),
        (False, [METER_EVENTS, OTHER], 25, "global-rate"),
    ],
)
def test_a_second_holds_so_many_requests(
    livemode: bool, endpoints: list[str], taken: int, reason: str
) -> None:
    limits = RateLimits(StripeRules(), livemode=livemode)
    for number in range(taken):
        limits.take(endpoints[number % len(endpoints)], T0)
    with pytest.raises(StripeError) as caught:
        limits.take(endpoints[0], T0)
    assert caught.value.http_status == 429
    assert caught.value.headers == {"Stripe-Rate-Limited-Reason": reason}


def test_meter_events_are_outside_the_live_global_limit() -> None:
    limits = RateLimits(StripeRules(), livemode=True)
    for number in range(100):
        limits.take(f"{OTHER}{number % 8}", T0)
    limits.take(METER_EVENTS, T0)
    with pytest.raises(StripeError):
        limits.take(OTHER, T0)


def test_a_refused_request_takes_nothing_and_time_brings_more() -> None:
    limits = RateLimits(StripeRules(), livemode=False)
    for _ in range(25):
        limits.take(OTHER, T0)
    soon = T0 + timedelta(milliseconds=40)
    for moment in (T0, soon - timedelta(milliseconds=1)):
        with pytest.raises(StripeError):
            limits.take(OTHER, moment)
    limits.take(OTHER, soon)


def test_a_clock_set_back_brings_nothing() -> None:
    limits = RateLimits(StripeRules(), livemode=False)
    for _ in range(25):
        limits.take(OTHER, T0)
    with pytest.raises(StripeError):
        limits.take(OTHER, T0 - DAY)


def test_limits_can_be_switched_off_and_changed() -> None:
    rules = StripeRules(rate_limited=False)
    limits = RateLimits(rules, livemode=False)
    for _ in range(100):
        limits.take(OTHER, T0)
    rules.rate_limited, rules.test_requests_per_second = True, 1
    limits.take(OTHER, T0)
    with pytest.raises(StripeError):
        limits.take(OTHER, T0)
