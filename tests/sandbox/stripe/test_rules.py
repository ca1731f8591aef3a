"""The rules of the Stripe stand-in at run time: dips, durations, and the truth."""

from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta

import pytest

from billing.sandbox.stripe.metering.rejections import Rejection
from billing.sandbox.stripe.rules import StripeRules
from billing.sandbox.world import METER
from tests.sandbox.pamela.pamela_world import NOW, Json, World, empty_world
from tests.sandbox.stripe.stripe_world import (
    T0,
    StripeWorld,
    create_meter_event,
    second,
)

MINUTE = timedelta(minutes=1)
PATH = "/stripe/rules"


@pytest.fixture
def world() -> Iterator[World]:
    with empty_world() as world:
        yield world


@pytest.mark.parametrize(
    ("minutes", "seen"), [(0, 0), (1, 5), (10, 5), (11, 0), (20, 0), (21, 5), (99, 5)]
)
def test_a_summary_can_lose_for_a_while_what_it_showed(
    stripe_world: StripeWorld, minutes: int, seen: int
) -> None:
    stripe_world.rules.dip_per_thousand = 1_000
    stripe_world.send(stripe_world.event())
    assert stripe_world.minutes(T0 + minutes * MINUTE) == seen


def test_a_dip_takes_some_events_and_always_the_same(stripe_world: StripeWorld) -> None:
    stripe_world.rules.dip_per_thousand = 500
    for number in range(40):
        stripe_world.send(stripe_world.event(f"e{number}", "1"))
    seen = {stripe_world.minutes(T0 + minutes * MINUTE) for minutes in range(11, 21)}
    assert len(seen) == 1
    assert 5 < min(seen) < 35


def test_rules_are_shown_and_changed_one_by_one(world: World) -> None:
    before = world.control("GET", PATH).json()
    assert before.keys() == {field.name for field in fields(StripeRules)}
    assert (before["invoice_grace"], before["rate_limited"]) == (72 * 3_600, False)
    change = {
        "invoice_grace": 3_600,
        "processing": 0.25,
        "rate_limited": True,
        "report_samples": 0,
    }
    assert world.control("PUT", PATH, json=change).json() == before | change
    assert world.control("PUT", PATH, json={}).json() == before | change
    assert world.control("PUT", PATH, json=before).json() == before


@pytest.mark.parametrize(
    "change",
    [
        {"invoice_grace": 72 * 3_600 + 1},
        {"invoice_grace": -1},
        {"summary_lag": "1h"},
        {"summary_lag": True},
        {"summary_lag": None},
        {"rate_limited": 1},
        {"report_samples": -1},
        {"report_samples": 1.5},
        {"test_requests_per_second": 0},
        {"gravity": 9},
        {"summary_lag": 5, "gravity": 9},
    ],
)
def test_a_rule_that_makes_no_sense_changes_nothing(world: World, change: Json) -> None:
    before = world.control("GET", PATH).json()
    assert world.control("PUT", PATH, json=change).status_code == 400
    assert world.control("GET", PATH).json() == before


def test_a_new_grace_does_not_touch_cycles_that_are_over(world: World) -> None:
    world.control("POST", "/customers", json={"id": "cus_one"})
    world.control("PUT", PATH, json={"invoice_grace": 3_600})
    invoices = world.sandbox.stripe.test.billing.list_invoices({}, NOW)["data"]
    assert isinstance(invoices, list)
    over = datetime(2026, 3, 4, tzinfo=UTC)
    assert invoices[0]["status_transitions"]["finalized_at"] == second(over)


def test_the_truth_tells_what_was_invoiced_rejected_and_cancelled(
    world: World,
) -> None:
    world.control("POST", "/customers", json={"id": "cus_one"})
    mode, now = world.sandbox.stripe.test, NOW

    def send(value: int) -> None:
        payload = {"stripe_customer_id": "cus_one", "value": str(value)}
        event = {"event_name": METER, "payload": payload, "identifier": f"e{value}"}
        create_meter_event(mode, event | {"timestamp": second(NOW)}, now)

    send(3)
    send(4)
    mode.cancel_event(METER, "e4", NOW)
    mode.reject(Rejection("meter_event_invalid_value", count=1))
    send(5)
    truth = world.control("GET", "/truth?requests=no").json()
    assert truth["stripe"]["test"]["cus_one"]["invoiced"] == {}
    now = datetime(2026, 4, 5, tzinfo=UTC)
    send(6)
    world.sandbox.clock.set(now)
    truth = world.control("GET", "/truth?requests=no").json()
    usage = truth["stripe"]["test"]["cus_one"]
    assert usage["months"] == {"2026-03": {METER: 9}}
    assert usage["invoiced"] == {"2026-03": {METER: 3}}, "the last came too late"
    assert usage["rejected"] == {"2026-03": {METER: 5}}
    assert usage["cancelled"] == {"2026-03": {METER: 4}}
