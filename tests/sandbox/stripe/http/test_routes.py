"""The Stripe stand-in over real HTTP, asked by Stripe's own client."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.stripe.stripe_world import EVENT, T0, TEST_KEY, StripeSite, second


def refusal(work: Callable[[], object]) -> stripe.StripeError:
    with pytest.raises(stripe.StripeError) as caught:
        work()
    return caught.value


def event(site: StripeSite, identifier: str = "e1", value: str = "5") -> Any:
    return {**site.event(identifier, value), "timestamp": second(T0)}


def post(site: StripeSite, path: str, **options: Any) -> requests.Response:
    return requests.post(site.url + path, auth=(TEST_KEY, ""), timeout=10, **options)


def test_an_event_travels_and_comes_back_in_a_summary(stripe_site: StripeSite) -> None:
    client = stripe_site.client()
    sent = client.v1.billing.meter_events.create(event(stripe_site, value="2.5"))
    assert (sent.identifier, sent.timestamp, sent.livemode) == ("e1", second(T0), False)
    stripe_site.clock.advance(60)
    rows = client.v1.billing.meters.event_summaries.list(
        stripe_site.meter,
        {
            "customer": stripe_site.customer,
            "start_time": second(T0),
            "end_time": second(T0) + 3_600,
            "value_grouping_window": "hour",
        },
    )
    assert [(row.start_time, row.aggregated_value) for row in rows.data] == [
        (second(T0), 2.5)
    ]


def test_a_month_of_hours_is_paged_to_its_end(stripe_site: StripeSite) -> None:
    start = T0 - timedelta(days=30)
    for number in range(250):
        moment = second(start + timedelta(hours=number))
        stripe_site.send(stripe_site.event(f"e{number}", "1", timestamp=moment))
    stripe_site.clock.advance(60)
    client = stripe_site.client()
    pages = client.v1.billing.meters.event_summaries.list(
        stripe_site.meter,
        {
            "customer": stripe_site.customer,
            "start_time": second(start),
            "end_time": second(T0),
            "value_grouping_window": "hour",
            "limit": 100,
        },
    )
    rows = list(pages.auto_paging_iter())
    assert len({row.id for row in rows}) == len(rows) == 250
    assert sum(row.aggregated_value for row in rows) == 250
    assert [r.endpoint for r in stripe_site.log.records()] == [
        "stripe.event_summaries.list"
    ] * 3


def test_a_duplicate_is_refused_in_prose(stripe_site: StripeSite) -> None:
    client = stripe_site.client()
    client.v1.billing.meter_events.create(event(stripe_site))
    error = refusal(
        lambda: client.v1.billing.meter_events.create(event(stripe_site, value="6"))
    )
    assert isinstance(error, stripe.InvalidRequestError)
    assert error.code is None
    assert error.user_message == "An event already exists with identifier e1."
    assert stripe_site.headers(error)["stripe-should-retry"] == "false"


def test_a_replayed_key_gives_the_first_answer(stripe_site: StripeSite) -> None:
    create = stripe_site.client().v1.billing.meter_events.create
    options: Any = {"idempotency_key": "k1"}
    first = create(event(stripe_site), options).last_response
    stripe_site.clock.advance(5)
    again = create(event(stripe_site), options).last_response
    assert first is not None
    assert again is not None
    assert again.body == first.body
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["original-request"] == first.headers["request-id"]
    assert "idempotent-replayed" not in first.headers
    assert len(stripe_site.mode.events.received) == 1
    changed = refusal(lambda: create(event(stripe_site, "e2"), options))
    assert isinstance(changed, stripe.IdempotencyError)


def test_validation_failures_are_not_kept_under_the_key(
    stripe_site: StripeSite,
) -> None:
    create = stripe_site.client().v1.billing.meter_events.create
    options: Any = {"idempotency_key": "k1"}
    refusal(lambda: create(event(stripe_site, value="five"), options))
    assert create(event(stripe_site), options).identifier == "e1"


def test_refusals_by_the_accounts_state_are_kept(stripe_site: StripeSite) -> None:
    create = stripe_site.client().v1.billing.meter_events.create
    options: Any = {"idempotency_key": "k1"}
    stripe_site.mode.deactivate_meter(stripe_site.meter, {}, T0)
    refusal(lambda: create(event(stripe_site), options))
    stripe_site.mode.reactivate_meter(stripe_site.meter, {}, T0)
    kept = refusal(lambda: create(event(stripe_site), options))
    assert stripe_site.headers(kept)["idempotent-replayed"] == "true"
    assert create(event(stripe_site)).identifier == "e1"


def test_two_requests_at_once_for_one_customer_collide(stripe_site: StripeSite) -> None:
    stripe_site.rules.processing = timedelta(milliseconds=300)
    client = stripe_site.client()

    def send(number: int) -> str:
        try:
            worded = event(stripe_site, f"e{number}")
            return client.v1.billing.meter_events.create(worded).identifier
        except stripe.RateLimitError as error:
            return str(error.error and error.error.code)

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(send, range(2)))
    assert answers[1] == "lock_timeout"
    assert len(stripe_site.mode.events.received) == 1


def test_a_key_in_use_is_a_conflict(stripe_site: StripeSite) -> None:
    stripe_site.rules.processing = timedelta(milliseconds=300)
    body = {"event_name": EVENT, "identifier": "e1"}
    body |= {"payload[stripe_customer_id]": stripe_site.customer, "payload[value]": "5"}

    def send(_: int) -> int:
        headers = {"Idempotency-Key": "k1"}
        path = "/v1/billing/meter_events"
        return post(stripe_site, path, data=body, headers=headers).status_code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(send, range(2))) == [200, 409]
    assert send(0) == 200


def test_test_mode_takes_25_requests_a_second(stripe_site: StripeSite) -> None:
    stripe_site.rules.rate_limited = True
    customers = stripe_site.client().v1.customers
    for _ in range(25):
        customers.retrieve(stripe_site.customer)
    error = refusal(lambda: customers.retrieve(stripe_site.customer))
    assert isinstance(error, stripe.RateLimitError)
    assert stripe_site.headers(error)["stripe-rate-limited-reason"] == "global-rate"
    stripe_site.clock.advance(1)
    assert customers.retrieve(stripe_site.customer).id == stripe_site.customer


def test_an_unknown_key_is_refused(stripe_site: StripeSite) -> None:
    client = stripe_site.client("sk_test_nobody")
    error = refusal(client.v1.customers.list)
    assert isinstance(error, stripe.AuthenticationError)
    assert (
        requests.get(stripe_site.url + "/v1/customers", timeout=10).status_code == 401
    )


def test_every_answer_carries_the_sandboxs_time_and_a_request_id(
    stripe_site: StripeSite,
) -> None:
    answers = [post(stripe_site, "/v1/customers"), post(stripe_site, "/v1/nothing")]
    assert [answer.status_code for answer in answers] == [200, 404]
    assert len({answer.headers["Request-Id"] for answer in answers}) == 2
    for answer in answers:
        assert answer.headers["Date"] == "Tue, 10 Mar 2026 12:00:00 GMT"
        assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "body", [b"%ff=1", b"payload]=1", b"payload=1&payload[a]=2", b"a=1&a=2"]
)
def test_a_form_that_cannot_be_read_is_a_400(
    stripe_site: StripeSite, body: bytes
) -> None:
    answer = post(stripe_site, "/v1/billing/meter_events", data=body)
    assert answer.status_code == 400


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"event_name": 5}', b"\xff"])
def test_a_json_body_that_cannot_be_read_is_a_400(
    stripe_site: StripeSite, body: bytes
) -> None:
    answer = post(stripe_site, "/v2/billing/meter_events", data=body)
    assert answer.status_code == 400
    assert json.loads(answer.content)["error"]["code"] == "invalid_fields"


@pytest.mark.parametrize("kind", ["customers", "billing/meters"])
def test_a_read_of_one_object_takes_no_parameters(
    stripe_site: StripeSite, kind: str
) -> None:
    name = stripe_site.customer if kind == "customers" else stripe_site.meter
    url = f"{stripe_site.url}/v1/{kind}/{name}"
    for query, status in [({}, 200), ({"expand[]": "x"}, 200), ({"a": "b"}, 400)]:
        answer = requests.get(url, params=query, auth=(TEST_KEY, ""), timeout=10)
        assert answer.status_code == status


def test_the_log_names_what_was_asked_and_answered(stripe_site: StripeSite) -> None:
    create = stripe_site.client().v1.billing.meter_events.create
    create(event(stripe_site), {"idempotency_key": "k1"})
    assert stripe_site.log.to_json() == [
        {
            "at": "2026-03-10T12:00:00Z",
            "endpoint": "stripe.meter_events.create",
            "method": "POST",
            "path": "/v1/billing/meter_events",
            "query": "",
            "status": 200,
            "identifier": "e1",
            "idempotency_key": "k1",
        }
    ]
