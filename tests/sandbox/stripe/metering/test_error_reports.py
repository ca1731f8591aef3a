"""Rejections that come out later, and the reports that tell a sample of them."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from billing.sandbox.stripe.http.errors import StripeError
from billing.sandbox.stripe.metering.rejections import Rejection
from tests.sandbox.pamela.pamela_world import World, empty_world
from tests.sandbox.stripe.stripe_world import EVENT, T0, StripeSite, StripeWorld

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
NOBODY = {"stripe_customer_id": "cus_nobody", "value": "5"}
BAD_VALUE = "meter_event_invalid_value"
REPORT = "v1.billing.meter.error_report_triggered"
NO_METER = "v1.billing.meter.no_meter_found"


def reports(world: StripeWorld, now: Any) -> list[Any]:
    """Return the reports with their data, as they are at a moment."""
    return [one.to_json(world.rules) for one in world.mode.error_reports(now)]


def errors(report: Any) -> list[tuple[str, int, int]]:
    """Return the codes, with how many errors there were and how many are named."""
    return [
        (one["code"], one["error_count"], len(one["sample_errors"]))
        for one in report["data"]["reason"]["error_types"]
    ]


def test_a_report_is_made_when_its_ten_seconds_are_over(
    stripe_world: StripeWorld,
) -> None:
    sent = T0 + 3 * SECOND
    stripe_world.send(stripe_world.event(payload=NOBODY), sent)
    assert reports(stripe_world, T0 + 9 * SECOND) == []
    (report,) = reports(stripe_world, T0 + 10 * SECOND)
    assert report["type"] == REPORT
    assert report["created"] == "2026-03-10T12:00:10.000Z"
    assert report["related_object"]["id"] == stripe_world.meter
    assert report["data"] == {
        "developer_message_summary": "There is 1 invalid event",
        "validation_start": "2026-03-10T12:00:00.000Z",
        "validation_end": "2026-03-10T12:00:10.000Z",
        "reason": {
            "error_count": 1,
            "error_types": [
                {
                    "code": "meter_event_customer_not_found",
                    "error_count": 1,
                    "sample_errors": [
                        {
                            "error_message": "No such customer: 'cus_nobody'.",
                            "request": {"identifier": "e1"},
                        }
                    ],
                }
            ],
        },
    }


def test_a_report_can_be_late(stripe_world: StripeWorld) -> None:
    stripe_world.rules.report_delay = timedelta(minutes=5)
    stripe_world.send(stripe_world.event(payload=NOBODY))
    assert reports(stripe_world, T0 + 309 * SECOND) == []
    (report,) = reports(stripe_world, T0 + 310 * SECOND)
    assert report["data"]["validation_end"] == "2026-03-10T12:00:10.000Z"


def test_a_window_gathers_codes_and_names_only_some_errors(
    stripe_world: StripeWorld,
) -> None:
    stripe_world.mode.reject(Rejection(BAD_VALUE, count=5))
    for number in range(5):
        stripe_world.send(stripe_world.event(f"bad{number}"))
    stripe_world.send(stripe_world.event("nobody", payload=NOBODY))
    stripe_world.send(stripe_world.event("next", payload=NOBODY), T0 + 10 * SECOND)
    first, second = reports(stripe_world, T0 + 20 * SECOND)
    unknown = "meter_event_customer_not_found"
    assert errors(first) == [(unknown, 1, 1), (BAD_VALUE, 5, 3)]
    assert first["data"]["reason"]["error_count"] == 6
    assert errors(second) == [(unknown, 1, 1)]
    stripe_world.rules.report_samples = 0
    assert errors(reports(stripe_world, T0 + 20 * SECOND)[1]) == [(unknown, 1, 0)]


def test_a_rejected_event_never_counts_and_is_known_only_after_the_delay(
    stripe_world: StripeWorld,
) -> None:
    hour = timedelta(hours=1)
    stripe_world.mode.reject(Rejection(BAD_VALUE, count=1, delay=hour))
    stripe_world.send(stripe_world.event("e1", "5"))
    stripe_world.send(stripe_world.event("e2", "7"))
    assert stripe_world.minutes(T0 + hour / 2) == 7
    assert reports(stripe_world, T0 + hour) == []
    assert errors(reports(stripe_world, T0 + hour + 10 * SECOND)[0]) == [
        (BAD_VALUE, 1, 1)
    ]
    with pytest.raises(StripeError, match="already exists"):
        stripe_world.send(stripe_world.event("e1", "5"), T0 + 2 * hour)


def test_an_order_rejects_so_many_events_of_one_customer(
    stripe_world: StripeWorld,
) -> None:
    other = str(stripe_world.mode.create_customer({}, T0)["id"])
    stripe_world.mode.reject(Rejection(BAD_VALUE, other, count=2))
    theirs = {"stripe_customer_id": other, "value": "1"}
    for number in range(3):
        stripe_world.send(stripe_world.event(f"ours{number}"))
        stripe_world.send(stripe_world.event(f"theirs{number}", payload=theirs))
    with pytest.raises(StripeError, match="already exists"):
        stripe_world.send(stripe_world.event("theirs0", payload=theirs))
    rejected = [one.identifier for one in stripe_world.mode.events.rejected]
    assert rejected == ["theirs0", "theirs1"]


@pytest.mark.parametrize(
    ("name", "code", "kind"),
    [
        (EVENT, "archived_meter", REPORT),
        ("nothing", "no_meter", NO_METER),
    ],
)
def test_a_meter_that_is_not_there_can_come_out_late(
    stripe_world: StripeWorld, name: str, code: str, kind: str
) -> None:
    stripe_world.mode.deactivate_meter(stripe_world.meter, {}, T0)
    event = stripe_world.event(event_name=name)
    with pytest.raises(StripeError, match="No active meter"):
        stripe_world.send(event)
    stripe_world.rules.refuses_at_once = False
    assert stripe_world.send(event)["identifier"] == "e1"
    (report,) = reports(stripe_world, T0 + 10 * SECOND)
    assert (report["type"], errors(report)) == (kind, [(code, 1, 1)])
    assert ("related_object" in report) == (kind == REPORT)
    assert stripe_world.account.truth()["test"] != {}


def test_reports_are_the_same_whenever_and_wherever_they_are_read(
    stripe_world: StripeWorld,
) -> None:
    for number in range(9):
        event = stripe_world.event(f"e{number}", payload=NOBODY)
        stripe_world.send(event, T0 + number * 3 * SECOND)
    later = T0 + DAY
    before = reports(stripe_world, later)
    again = type(stripe_world.account).from_state(
        stripe_world.account.to_state(), stripe_world.rules
    )
    assert len(before) == 3
    assert [one.to_json(again.rules) for one in again.test.error_reports(later)] == (
        before
    )


@pytest.mark.parametrize(("by_key", "named"), [(False, "e1"), (True, "k1")])
def test_a_report_may_name_the_idempotency_key(
    stripe_site: StripeSite, by_key: bool, named: str
) -> None:
    stripe_site.rules.reports_name_keys = by_key
    event: Any = stripe_site.event(payload=NOBODY)
    options: Any = {"idempotency_key": "k1"}
    stripe_site.client().v1.billing.meter_events.create(event, options)
    (report,) = reports(stripe_site, T0 + DAY)
    (kind,) = report["data"]["reason"]["error_types"]
    assert kind["sample_errors"][0]["request"] == {"identifier": named}


@pytest.fixture
def world() -> Iterator[World]:
    with empty_world() as world:
        yield world


def test_rejections_are_ordered_shown_and_lifted(world: World) -> None:
    path = "/stripe/rejections"
    order = {"code": BAD_VALUE, "customer": "cus_1", "count": 2, "delay_seconds": 60}
    assert world.control("POST", path, json=order).json() == {"rejections": [order]}
    assert world.control("GET", path).json() == {"rejections": [order]}
    assert world.control("DELETE", path).json() == {"rejections": []}


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"code": "No Code"},
        {"code": BAD_VALUE, "customer": 5},
        {"code": BAD_VALUE, "count": 0},
        {"code": BAD_VALUE, "delay_seconds": -1},
        {"code": BAD_VALUE, "delay_seconds": "soon"},
        {"code": BAD_VALUE, "reason": "none"},
    ],
)
def test_an_order_that_makes_no_sense_changes_nothing(
    world: World, order: dict[str, object]
) -> None:
    path = "/stripe/rejections"
    assert world.control("POST", path, json=order).status_code == 400
    assert world.control("GET", path).json() == {"rejections": []}
