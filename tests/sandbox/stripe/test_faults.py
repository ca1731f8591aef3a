"""Faults of the Stripe stand-in: what was counted, and what a retry then gets."""

from collections.abc import Callable
from typing import Any

import pytest
import stripe

from billing.sandbox.faults import Fault, FaultKind
from tests.sandbox.stripe.stripe_world import LIVE_KEY, StripeSite

SENDING = "stripe.meter_events.create"
KEY: Any = {"idempotency_key": "k1"}


def once(kind: FaultKind, detail: str = "") -> Fault:
    return Fault(kind=kind, endpoint=SENDING, count=1, detail=detail)


def send(site: StripeSite, options: Any = None) -> Callable[[], object]:
    create = site.client().v1.billing.meter_events.create
    event: Any = site.event()
    return lambda: create(event, options)


def counted(site: StripeSite) -> int:
    return len(site.mode.events.received)


@pytest.mark.parametrize(
    ("kind", "error", "status", "code"),
    [
        (FaultKind.ERROR_500, stripe.APIError, 500, None),
        (FaultKind.STORED_500, stripe.APIError, 500, None),
        (FaultKind.ERROR_503, stripe.APIError, 503, None),
        (FaultKind.RATE_LIMIT, stripe.RateLimitError, 429, "rate_limit"),
        (FaultKind.LOCK_TIMEOUT, stripe.RateLimitError, 429, "lock_timeout"),
        (FaultKind.UNAUTHORIZED, stripe.AuthenticationError, 401, None),
        (FaultKind.FORBIDDEN, stripe.PermissionError, 403, None),
        (FaultKind.DROP_BEFORE, stripe.APIConnectionError, None, None),
    ],
)
def test_a_refusing_fault_counts_nothing(
    faulty_site: StripeSite,
    kind: FaultKind,
    error: type[stripe.StripeError],
    status: int | None,
    code: str | None,
) -> None:
    faulty_site.strike(once(kind))
    with pytest.raises(error) as caught:
        send(faulty_site)()
    assert caught.value.http_status == status
    assert (caught.value.error and caught.value.error.code) == code
    assert counted(faulty_site) == 0
    send(faulty_site)()
    assert counted(faulty_site) == 1


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (FaultKind.DROP_AFTER, stripe.APIConnectionError),
        (FaultKind.ERROR_500_AFTER, stripe.APIError),
        (FaultKind.MALFORMED, stripe.APIError),
    ],
)
def test_a_spoiled_answer_hides_an_event_that_counts(
    faulty_site: StripeSite, kind: FaultKind, error: type[stripe.StripeError]
) -> None:
    faulty_site.strike(once(kind))
    with pytest.raises(error):
        send(faulty_site)()
    assert counted(faulty_site) == 1
    with pytest.raises(stripe.InvalidRequestError, match="already exists"):
        send(faulty_site)()


def test_after_a_lost_answer_the_same_key_gets_it(faulty_site: StripeSite) -> None:
    faulty_site.strike(once(FaultKind.DROP_AFTER))
    with pytest.raises(stripe.APIConnectionError):
        send(faulty_site, KEY)()
    send(faulty_site, KEY)()
    assert counted(faulty_site) == 1


def test_a_stored_500_is_replayed_until_the_key_is_fresh(
    faulty_site: StripeSite,
) -> None:
    faulty_site.strike(once(FaultKind.STORED_500))
    for _ in range(2):
        with pytest.raises(stripe.APIError) as caught:
            send(faulty_site, KEY)()
    assert faulty_site.headers(caught.value)["idempotent-replayed"] == "true"
    assert counted(faulty_site) == 0
    send(faulty_site, {"idempotency_key": "k2"})()
    assert counted(faulty_site) == 1


def test_a_plain_500_is_not_kept(faulty_site: StripeSite) -> None:
    faulty_site.strike(once(FaultKind.ERROR_500))
    with pytest.raises(stripe.APIError):
        send(faulty_site, KEY)()
    send(faulty_site, KEY)()
    assert counted(faulty_site) == 1


def test_an_answered_key_is_not_overwritten_by_a_500(faulty_site: StripeSite) -> None:
    send(faulty_site, KEY)()
    faulty_site.strike(once(FaultKind.STORED_500))
    send(faulty_site, KEY)()
    assert counted(faulty_site) == 1


def test_a_rate_limit_has_its_reason_and_a_lock_has_none(
    faulty_site: StripeSite,
) -> None:
    header = "stripe-rate-limited-reason"
    reasons = []
    limit = once(FaultKind.RATE_LIMIT, "global-concurrency")
    for fault in (limit, once(FaultKind.LOCK_TIMEOUT)):
        faulty_site.strike(fault)
        with pytest.raises(stripe.RateLimitError) as caught:
            send(faulty_site)()
        reasons.append(faulty_site.headers(caught.value).get(header))
    assert reasons == ["global-concurrency", None]


@pytest.mark.parametrize(
    "reason",
    [
        "global-rate",
        "endpoint-rate",
        "global-concurrency",
        "endpoint-concurrency",
        "resource-specific",
    ],
)
def test_a_limit_can_have_any_of_stripes_reasons(
    faulty_site: StripeSite, reason: str
) -> None:
    faulty_site.strike(once(FaultKind.RATE_LIMIT, reason))
    with pytest.raises(stripe.RateLimitError) as caught:
        send(faulty_site)()
    headers = faulty_site.headers(caught.value)
    assert headers["stripe-rate-limited-reason"] == reason


def test_a_fault_strikes_only_the_endpoint_it_names(faulty_site: StripeSite) -> None:
    faulty_site.strike(Fault(kind=FaultKind.ERROR_500, endpoint="stripe.customers.*"))
    send(faulty_site)()
    with pytest.raises(stripe.APIError):
        faulty_site.client(LIVE_KEY).v1.customers.list()
    assert counted(faulty_site) == 1


def test_the_log_tells_a_cut_from_an_answer(faulty_site: StripeSite) -> None:
    faulty_site.strike(once(FaultKind.DROP_AFTER))
    with pytest.raises(stripe.APIConnectionError):
        send(faulty_site, KEY)()
    send(faulty_site, KEY)()
    assert [record.status for record in faulty_site.log.records()] == [0, 200]
