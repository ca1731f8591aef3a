"""Every exchange with the Stripe stand-in fits Stripe's own document."""

from collections.abc import Callable
from typing import Any

import pytest
import stripe

from tests.sandbox.conftest import Serve
from tests.sandbox.stripe.stripe_contract import (
    DOCUMENT,
    ContractJudge,
    answer_complaints,
    complaints,
    operation,
    request_complaints,
)
from tests.sandbox.stripe.stripe_world import EVENT, METER, T0, StripeSite, second

# The event stream and its sessions are not part of the stand-in.
LEFT_OUT = {"PostV2BillingMeterEventSession", "PostV2BillingMeterEventStream"}


def refused(work: Callable[[], object]) -> None:
    with pytest.raises(stripe.StripeError):
        work()


def use_meters(site: StripeSite, client: stripe.StripeClient) -> None:
    meters = client.v1.billing.meters
    made: Any = {
        **METER,
        "event_name": "other",
        "event_time_window": "hour",
        "customer_mapping": {"type": "by_id", "event_payload_key": "who"},
        "value_settings": {"event_payload_key": "minutes"},
        "expand": ["customer_mapping"],
    }
    name = meters.create(made).id
    refused(lambda: meters.create(made))
    meters.update(name, {"display_name": "Talk"})
    refused(lambda: meters.update(name, {"display_name": ""}))
    meters.deactivate(name)
    refused(lambda: meters.deactivate(name))
    meters.reactivate(name)
    refused(lambda: meters.reactivate(name))
    assert meters.retrieve(name).event_time_window == "hour"
    assert meters.retrieve(site.meter).event_time_window is None
    refused(lambda: meters.retrieve("mtr_none"))
    assert len(meters.list({"status": "active", "limit": 1}).data) == 1
    refused(lambda: meters.list({"limit": 1_000}))


def use_events(site: StripeSite, client: stripe.StripeClient) -> None:
    events = client.v1.billing.meter_events
    event: Any = {**site.event("e1", "2.5"), "timestamp": second(T0)}
    events.create(event)
    refused(lambda: events.create(event))
    cancel: Any = {"event_name": EVENT, "type": "cancel"}
    cancel["cancel"] = {"identifier": "e1"}
    adjustments = client.v1.billing.meter_event_adjustments
    assert adjustments.create(cancel).status == "pending"
    refused(lambda: adjustments.create(cancel))


def use_summaries(site: StripeSite, client: stripe.StripeClient) -> None:
    site.send(site.event("whole", "3"))
    site.clock.advance(60)
    asked: Any = {"customer": site.customer, "limit": 1}
    asked |= {"start_time": second(T0), "end_time": second(T0) + 3_600}
    summaries = client.v1.billing.meters.event_summaries
    assert summaries.list(site.meter, asked).data[0].aggregated_value == 3
    misaligned: Any = {**asked, "start_time": second(T0) + 1}
    refused(lambda: summaries.list(site.meter, misaligned))


def use_v2(site: StripeSite, client: stripe.StripeClient) -> None:
    events = client.v2.billing.meter_events
    event: Any = {**site.event("v2"), "timestamp": "2026-03-10T11:59:00.000Z"}
    made = events.create(event)
    assert (made.identifier, made.payload["value"]) == ("v2", "5")
    with pytest.raises(stripe.InvalidRequestError) as caught:
        events.create(event)
    assert caught.value.code == "duplicate_meter_event"
    misdated: Any = {**event, "timestamp": "yesterday"}
    refused(lambda: events.create(misdated))
    site.clock.advance(60)
    cancel: Any = {"event_name": EVENT, "type": "cancel"}
    cancel["cancel"] = {"identifier": "v2"}
    adjustments = client.v2.billing.meter_event_adjustments
    assert adjustments.create(cancel).status == "complete"
    refused(lambda: adjustments.create(cancel))


def test_every_operation_fits_when_done_and_when_refused(serve: Serve) -> None:
    site = StripeSite()
    judge = ContractJudge(site.app())
    site.url = serve(judge)
    for use in (use_meters, use_events, use_summaries, use_v2):
        use(site, site.client())
    assert judge.found == []
    known = {
        operation["operationId"]
        for path in DOCUMENT["paths"].values()
        for operation in path.values()
    }
    wanted = {(name, end) for name in known - LEFT_OUT for end in ("done", "error")}
    assert judge.seen == wanted


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({}, True),
        ({"event_time_window": "hour"}, True),
        ({"event_time_window": "week"}, False),
        ({"status": None}, False),
        ({"created": "1"}, False),
        ({"unit": "minutes"}, False),
        ({"status_transitions": {"deactivated_at": 1.5}}, False),
    ],
)
def test_the_judge_sees_a_meter_that_does_not_fit(
    change: dict[str, object], fits: bool
) -> None:
    site = StripeSite()
    meter = {**site.mode.retrieve_meter(site.meter), **change}
    found = list(complaints({"$ref": "#/components/schemas/billing.meter"}, meter))
    assert (found == []) is fits


@pytest.mark.parametrize(
    ("body", "fits"),
    [
        (b"event_name=m&payload[value]=5&timestamp=1&expand[]=a", True),
        (b"event_name=m&payload[value]=5&idempotency_key=k", False),
        (b"event_name=m", False),
        (b"event_name=m&payload[value][a]=5", False),
    ],
)
def test_the_judge_sees_a_request_that_does_not_fit(body: bytes, fits: bool) -> None:
    known = operation("POST", "/v1/billing/meter_events")
    assert (list(request_complaints(known, "", body)) == []) is fits


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("customer=c&start_time=0&end_time=60", True),
        ("customer=c&start_time=0", False),
        ("customer=c&start_time=0&end_time=60&page=2", False),
    ],
)
def test_the_judge_sees_a_question_that_does_not_fit(query: str, fits: bool) -> None:
    known = operation("GET", "/v1/billing/meters/mtr_1/event_summaries")
    assert (list(request_complaints(known, query, b"")) == []) is fits


def test_the_judge_sees_an_error_that_does_not_fit() -> None:
    body = b'{"error": {"type": "oops", "message": "m"}}'
    assert list(answer_complaints(None, 400, body)) != []
