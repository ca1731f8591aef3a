"""Customers, meters, pages, keys and the state file of the Stripe stand-in."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from billing.sandbox.stripe.account import StripeAccount
from billing.sandbox.stripe.http.errors import StripeError
from billing.sandbox.stripe.mode import Json
from tests.sandbox.stripe.stripe_world import (
    EVENT,
    LIVE_KEY,
    METER,
    T0,
    StripeWorld,
    create_meter_event,
    second,
)


def refusal(work: Callable[[], object]) -> StripeError:
    with pytest.raises(StripeError) as caught:
        work()
    return caught.value


def ids(answer: Json) -> list[str]:
    rows = answer["data"]
    assert isinstance(rows, list)
    return [row["id"] for row in rows]


def test_a_customer_keeps_what_was_said_of_them(stripe_world: StripeWorld) -> None:
    mode = stripe_world.mode
    params: Json = {"name": "Acme", "metadata": {"team": "red", "tier": "1"}}
    name = str(mode.create_customer(params, T0)["id"])
    mode.update_customer(name, {"email": "a@example.com", "metadata": {"tier": ""}})
    assert mode.retrieve_customer(name) == {
        "id": name,
        "object": "customer",
        "created": second(T0),
        "description": None,
        "email": "a@example.com",
        "livemode": False,
        "metadata": {"team": "red"},
        "name": "Acme",
        "phone": None,
    }


def test_a_customer_may_be_given_an_id_once(stripe_world: StripeWorld) -> None:
    mode = stripe_world.mode
    assert mode.create_customer({}, T0, name="cus_acme")["id"] == "cus_acme"
    again = refusal(lambda: mode.create_customer({}, T0, name="cus_acme"))
    assert again.param == "id"


def test_a_deleted_customer_is_only_known_to_be_deleted(
    stripe_world: StripeWorld,
) -> None:
    mode, name = stripe_world.mode, stripe_world.customer
    gone = {"id": name, "object": "customer", "deleted": True}
    assert mode.delete_customer(name, T0) == gone
    assert mode.retrieve_customer(name) == gone
    assert ids(mode.list_customers({})) == []
    for change in (
        lambda: mode.delete_customer(name, T0),
        lambda: mode.update_customer(name, {"name": "Back"}),
        lambda: mode.retrieve_customer("cus_nobody"),
    ):
        error = refusal(change)
        assert (error.http_status, error.code) == (404, "resource_missing")


def test_usage_counted_before_a_deletion_stays_counted(
    stripe_world: StripeWorld,
) -> None:
    stripe_world.send(stripe_world.event())
    stripe_world.mode.delete_customer(stripe_world.customer, T0)
    [event] = stripe_world.mode.events.received
    assert event.reason is None


def test_customers_are_found_by_their_email(stripe_world: StripeWorld) -> None:
    mode = stripe_world.mode
    name = mode.create_customer({"email": "b@example.com"}, T0)["id"]
    assert ids(mode.list_customers({"email": "b@example.com"})) == [name]


@pytest.mark.parametrize(
    ("params", "places", "more"),
    [
        ({}, range(24, 14, -1), True),
        ({"limit": "100"}, range(24, -1, -1), False),
        ({"limit": "3", "starting_after": 10}, [9, 8, 7], True),
        ({"limit": "3", "starting_after": 2}, [1, 0], False),
        ({"limit": "3", "starting_after": 3}, [2, 1, 0], False),
        ({"limit": "3", "ending_before": 10}, [13, 12, 11], True),
        ({"limit": "3", "ending_before": 22}, [24, 23], False),
        ({"starting_after": 0}, [], False),
    ],
)
def test_pages_are_cut_at_their_cursors(
    stripe_world: StripeWorld, params: Json, places: list[int], more: bool
) -> None:
    mode = stripe_world.mode
    made = [stripe_world.customer]
    made += [str(mode.create_customer({}, T0)["id"]) for _ in range(24)]
    cursors = {
        key: made[value] if isinstance(value, int) else value
        for key, value in params.items()
    }
    answer = mode.list_customers(cursors)
    assert ids(answer) == [made[place] for place in places]
    assert answer["has_more"] is more


def test_two_cursors_are_refused(stripe_world: StripeWorld) -> None:
    cursors = {"starting_after": "a", "ending_before": "b"}
    error = refusal(lambda: stripe_world.mode.list_meters(cursors))
    assert error.param == "ending_before"


def test_only_a_meters_display_name_changes(stripe_world: StripeWorld) -> None:
    mode, name = stripe_world.mode, stripe_world.meter
    later = T0 + timedelta(days=1)
    changed = mode.update_meter(name, {"display_name": "Talk"}, later)
    assert (changed["display_name"], changed["updated"]) == ("Talk", second(later))
    error = refusal(lambda: mode.update_meter(name, {"event_name": "x"}, later))
    assert (error.code, error.param) == ("parameter_unknown", "event_name")


def test_a_meter_is_switched_off_and_on(stripe_world: StripeWorld) -> None:
    mode, name = stripe_world.mode, stripe_world.meter
    off = mode.deactivate_meter(name, {}, T0)
    assert off["status"] == "inactive"
    assert off["status_transitions"] == {"deactivated_at": second(T0)}
    assert ids(mode.list_meters({"status": "inactive"})) == [name]
    assert ids(mode.list_meters({"status": "active"})) == []
    refusal(lambda: mode.deactivate_meter(name, {}, T0))
    on = mode.reactivate_meter(name, {}, T0)
    assert (on["status"], on["status_transitions"]) == (
        "active",
        {"deactivated_at": None},
    )
    refusal(lambda: mode.reactivate_meter(name, {}, T0))


def test_among_active_meters_an_event_name_is_unique(
    stripe_world: StripeWorld,
) -> None:
    mode, old = stripe_world.mode, stripe_world.meter
    assert refusal(lambda: mode.create_meter(METER, T0)).param == "event_name"
    mode.deactivate_meter(old, {}, T0)
    new = mode.create_meter(METER, T0)["id"]
    assert refusal(lambda: mode.reactivate_meter(old, {}, T0)).param == "event_name"
    stripe_world.send(stripe_world.event())
    assert [event.meter for event in mode.events.received] == [new]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"display_name": None}, "display_name"),
        ({"event_name": "x" * 101}, "event_name"),
        ({"default_aggregation": None}, "default_aggregation[formula]"),
        ({"default_aggregation": {"formula": "max"}}, "default_aggregation[formula]"),
        ({"event_time_window": "week"}, "event_time_window"),
        (
            {"customer_mapping": {"type": "by_id"}},
            "customer_mapping[event_payload_key]",
        ),
        ({"value_settings": {}}, "value_settings[event_payload_key]"),
        ({"value_settings": "value"}, "value_settings"),
        ({"unit": "minutes"}, "unit"),
    ],
)
def test_a_malformed_meter_is_refused(
    stripe_world: StripeWorld, change: Json, param: str
) -> None:
    params = {**METER, "event_name": "other", **change}
    assert refusal(lambda: stripe_world.mode.create_meter(params, T0)).param == param


def test_a_meter_may_name_its_own_payload_keys(stripe_world: StripeWorld) -> None:
    mapping = {"type": "by_id", "event_payload_key": "who"}
    values = {"event_payload_key": "minutes"}
    params: Json = {**METER, "event_name": "own"}
    params |= {"customer_mapping": mapping, "value_settings": values}
    stripe_world.meter = str(stripe_world.mode.create_meter(params, T0)["id"])
    payload = {"who": stripe_world.customer, "minutes": "3"}
    event = {"event_name": "own", "payload": payload}
    create_meter_event(stripe_world.mode, event, T0)
    assert stripe_world.minutes(T0 + timedelta(minutes=1)) == 3


def test_test_and_live_mode_never_mix(stripe_world: StripeWorld) -> None:
    live = stripe_world.account.mode(LIVE_KEY)
    assert ids(live.list_meters({})) == []
    assert live.create_meter(METER, T0)["livemode"] is True
    missing = refusal(lambda: live.retrieve_customer(stripe_world.customer))
    assert missing.http_status == 404


@pytest.mark.parametrize("key", [None, "", "sk_test_unknown_key"])
def test_a_key_that_opens_nothing_is_a_401(
    stripe_world: StripeWorld, key: str | None
) -> None:
    error = refusal(lambda: stripe_world.account.mode(key))
    assert (error.http_status, error.type) == (401, "invalid_request_error")
    assert "unknown" not in error.message


def test_an_account_comes_back_whole_from_its_state(stripe_world: StripeWorld) -> None:
    stripe_world.send(stripe_world.event("e1", "2.5"))
    stripe_world.send(stripe_world.event("e2"))
    stripe_world.mode.cancel_event(EVENT, "e2", T0)
    state = stripe_world.account.to_state()
    truth = stripe_world.account.truth()
    stripe_world.account = StripeAccount.from_state(json.loads(json.dumps(state)))
    assert stripe_world.account.to_state() == state
    assert stripe_world.account.truth() == truth
    again = refusal(lambda: stripe_world.send(stripe_world.event("e1")))
    assert again.v2_code == "duplicate_meter_event"
    assert stripe_world.mode.create_customer({}, T0)["id"] != stripe_world.customer


def test_many_threads_count_an_identifier_once(stripe_world: StripeWorld) -> None:
    def send(_: int) -> str:
        try:
            return str(stripe_world.send(stripe_world.event())["identifier"])
        except StripeError as error:
            return error.v2_code or ""

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(200)))
    assert answers.count("e1") == len(stripe_world.mode.events.received) == 1
    refusals = {"duplicate_meter_event", "too_many_concurrent_requests"}
    assert set(answers) <= {"e1", *refusals}
