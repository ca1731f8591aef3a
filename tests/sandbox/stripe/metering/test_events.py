"""Meter events: which ones Stripe takes, refuses, counts and cancels."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from billing.sandbox.stripe.http.errors import StripeError
from billing.sandbox.stripe.metering.event_json import read_adjustment, read_event
from billing.sandbox.stripe.mode import Json
from tests.sandbox.stripe.stripe_world import EVENT, T0, StripeWorld, second

DAY = timedelta(days=1)
LATER = T0 + timedelta(minutes=10)


def refusal(work: Callable[[], object]) -> StripeError:
    with pytest.raises(StripeError) as caught:
        work()
    return caught.value


def cancel(world: StripeWorld, identifier: str, now: datetime) -> str:
    params: Json = {"event_name": EVENT, "type": "cancel"}
    params["cancel"] = {"identifier": identifier}
    return world.mode.cancel_event(*read_adjustment(params), now).status


def test_an_event_is_echoed_and_counted(stripe_world: StripeWorld) -> None:
    answer = stripe_world.send(stripe_world.event(timestamp=str(second(T0))))
    assert answer == {
        "object": "billing.meter_event",
        "created": second(T0),
        "event_name": EVENT,
        "identifier": "e1",
        "livemode": False,
        "payload": {"stripe_customer_id": stripe_world.customer, "value": "5"},
        "timestamp": second(T0),
    }
    assert stripe_world.minutes(LATER) == 5


def test_an_event_without_identifier_or_time_gets_its_own(
    stripe_world: StripeWorld,
) -> None:
    event = stripe_world.event()
    del event["identifier"]
    first, other = stripe_world.send(event), stripe_world.send(event)
    assert first["identifier"] != other["identifier"]
    assert first["timestamp"] == second(T0)
    assert stripe_world.minutes(LATER) == 10


def test_an_identifier_is_refused_for_a_day_in_stripes_words(
    stripe_world: StripeWorld,
) -> None:
    stripe_world.send(stripe_world.event())
    almost = T0 + DAY - timedelta(seconds=1)
    error = refusal(lambda: stripe_world.send(stripe_world.event(), almost))
    assert error.http_status == 400
    assert error.headers == {"Stripe-Should-Retry": "false"}
    assert error.body() == {
        "error": {
            "type": "invalid_request_error",
            "message": "An event already exists with identifier e1.",
        }
    }


def test_a_forgotten_identifier_counts_again(stripe_world: StripeWorld) -> None:
    event = stripe_world.event(timestamp=second(T0))
    stripe_world.send(event)
    stripe_world.send(event, T0 + DAY)
    assert stripe_world.minutes(T0 + 2 * DAY) == 10


def test_an_identifier_may_be_remembered_for_longer(stripe_world: StripeWorld) -> None:
    stripe_world.rules.identifier_spread = DAY
    names = [f"e{number}" for number in range(40)]
    for name in names:
        stripe_world.send(stripe_world.event(name))
    half = T0 + timedelta(hours=36)
    remembered = [stripe_world.rules.remembers(name, T0, half) for name in names]
    assert set(remembered) == {True, False}
    assert not any(stripe_world.rules.remembers(n, T0, T0 + 2 * DAY) for n in names)


@pytest.mark.parametrize(
    ("age", "taken"),
    [
        (timedelta(days=35), True),
        (timedelta(days=35, seconds=1), False),
        (timedelta(minutes=-5), True),
        (timedelta(minutes=-5, seconds=-1), False),
    ],
)
def test_times_from_35_days_ago_to_5_minutes_ahead_are_taken(
    stripe_world: StripeWorld, age: timedelta, taken: bool
) -> None:
    event = stripe_world.event(timestamp=second(T0 - age))
    if taken:
        assert stripe_world.send(event)["timestamp"] == second(T0 - age)
    else:
        assert refusal(lambda: stripe_world.send(event)).param == "timestamp"


def test_a_time_too_old_is_refused_in_stripes_words(stripe_world: StripeWorld) -> None:
    event = stripe_world.event(timestamp=second(T0 - 36 * DAY))
    assert refusal(lambda: stripe_world.send(event)).message == (
        "The event timestamp cannot be more than 35 days in past. Expected a "
        f"timestamp greater than or equal to {second(T0 - 35 * DAY)}."
    )


@pytest.mark.parametrize(
    ("value", "counted"),
    [
        ("0", Decimal(0)),
        ("7", Decimal(7)),
        ("-3", Decimal(-3)),
        ("2.5", Decimal("2.5")),
        ("000000000000000001", Decimal(1)),
        ("123456789012345", Decimal(123456789012345)),
        ("0.123456789012345", Decimal("0.123456789012345")),
    ],
)
def test_numbers_are_counted_exactly(
    stripe_world: StripeWorld, value: str, counted: Decimal
) -> None:
    stripe_world.send(stripe_world.event(value=value))
    assert stripe_world.minutes(LATER) == counted


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "five",
        "1e3",
        "NaN",
        "inf",
        "+1",
        "1,5",
        ".5",
        "5.",
        "٣",
        "--1",
        "1234567890123456",
        "0.1234567890123456",
        "1000000000000000",
    ],
)
def test_what_is_no_number_of_15_digits_is_refused(
    stripe_world: StripeWorld, value: str
) -> None:
    error = refusal(lambda: stripe_world.send(stripe_world.event(value=value)))
    assert (error.http_status, error.param) == (400, "payload")
    assert error.v2_code == "payload_invalid_value"


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"payload": None}, "payload"),
        ({"payload": "5"}, "payload"),
        ({"payload": {}}, "payload"),
        ({"payload": {"value": "5"}}, "payload"),
        ({"payload": {"stripe_customer_id": "cus_1"}}, "payload"),
        ({"payload": {"stripe_customer_id": "", "value": "5"}}, "payload"),
        ({"payload": {"stripe_customer_id": "cus_1", "value": 5}}, "payload[value]"),
        (
            {"payload": {"stripe_customer_id": {"a": "b"}}},
            "payload[stripe_customer_id]",
        ),
        ({"payload": {"note": "x" * 101}}, "payload[note]"),
        ({"event_name": None}, "event_name"),
        ({"event_name": "no_such_meter"}, "event_name"),
        ({"event_name": "x" * 101}, "event_name"),
        ({"identifier": ""}, "identifier"),
        ({"identifier": "x" * 101}, "identifier"),
        ({"timestamp": "noon"}, "timestamp"),
        ({"timestamp": "1.5"}, "timestamp"),
        ({"customer": "cus_1"}, "customer"),
    ],
)
def test_a_malformed_event_is_refused_and_names_its_fault(
    stripe_world: StripeWorld, change: Json, param: str
) -> None:
    event = {**stripe_world.event(), **change}
    error = refusal(lambda: stripe_world.send(event))
    assert (error.http_status, error.type) == (400, "invalid_request_error")
    assert error.param == param
    assert stripe_world.mode.events.received == []


def test_an_inactive_meter_takes_no_events(stripe_world: StripeWorld) -> None:
    stripe_world.mode.deactivate_meter(stripe_world.meter, {}, T0)
    error = refusal(lambda: stripe_world.send(stripe_world.event()))
    assert "No active meter found with this event name" in error.message
    assert error.v2_code == "archived_meter"


def test_further_payload_keys_are_taken(stripe_world: StripeWorld) -> None:
    payload = {"stripe_customer_id": stripe_world.customer, "value": "5", "region": "x"}
    stripe_world.send({**stripe_world.event(), "payload": payload})
    assert stripe_world.minutes(LATER) == 5


@pytest.mark.parametrize("deleted", [True, False])
def test_an_unknown_customer_is_taken_and_never_counted(
    stripe_world: StripeWorld, deleted: bool
) -> None:
    customer = "cus_nobody"
    if deleted:
        customer = str(stripe_world.mode.create_customer({}, T0)["id"])
        stripe_world.mode.delete_customer(customer, T0)
    payload = {"stripe_customer_id": customer, "value": "5"}
    stripe_world.send({**stripe_world.event(), "payload": payload})
    [event] = stripe_world.mode.events.received
    assert event.reason == "meter_event_customer_not_found"


def test_a_customer_and_meter_take_one_event_at_a_time(
    stripe_world: StripeWorld,
) -> None:
    mode = stripe_world.mode
    first = read_event(mode, stripe_world.event("e1"), T0)
    with mode.occupied(first):
        error = refusal(lambda: stripe_world.send(stripe_world.event("e2")))
    assert (error.http_status, error.code, error.headers) == (429, "lock_timeout", {})
    assert error.v2_code == "too_many_concurrent_requests"
    assert stripe_world.send(stripe_world.event("e2"))["identifier"] == "e2"


def test_other_customers_are_not_kept_waiting(stripe_world: StripeWorld) -> None:
    mode = stripe_world.mode
    with mode.occupied(read_event(mode, stripe_world.event("e1"), T0)):
        stripe_world.customer = str(mode.create_customer({}, T0)["id"])
        assert stripe_world.send(stripe_world.event("e2"))["identifier"] == "e2"


def test_a_cancelled_event_does_not_count(stripe_world: StripeWorld) -> None:
    stripe_world.send(stripe_world.event("e1"))
    stripe_world.send(stripe_world.event("e2", "2"))
    assert cancel(stripe_world, "e1", T0) == "pending"
    assert cancel(stripe_world, "e2", LATER) == "complete"
    assert stripe_world.minutes(LATER) == 2
    assert stripe_world.minutes(LATER + timedelta(minutes=1)) == 0


@pytest.mark.parametrize(
    ("identifier", "event_name", "after"),
    [
        ("e1", EVENT, DAY),
        ("e2", EVENT, timedelta(0)),
        ("e1", "other", timedelta(0)),
    ],
)
def test_only_events_of_the_past_day_can_be_cancelled(
    stripe_world: StripeWorld, identifier: str, event_name: str, after: timedelta
) -> None:
    stripe_world.send(stripe_world.event("e1"))
    error = refusal(
        lambda: stripe_world.mode.cancel_event(event_name, identifier, T0 + after)
    )
    assert error.v2_code == "invalid_cancel_configuration"


def test_an_event_is_cancelled_once_and_keeps_its_identifier(
    stripe_world: StripeWorld,
) -> None:
    stripe_world.send(stripe_world.event("e1"))
    cancel(stripe_world, "e1", T0)
    assert (
        "already cancelled" in refusal(lambda: cancel(stripe_world, "e1", T0)).message
    )
    again = refusal(lambda: stripe_world.send(stripe_world.event("e1")))
    assert again.v2_code == "duplicate_meter_event"
