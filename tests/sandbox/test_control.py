"""The control surface: it moves the world, and changes nothing on bad input."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from billing.sandbox.faults import FaultKind
from billing.sandbox.pamela.call import written
from tests.sandbox.pamela.pamela_world import NOW, Json, World, connected, empty_world

HOUR_AGO = NOW - timedelta(hours=1)


@pytest.fixture
def world() -> Iterator[World]:
    with empty_world() as world:
        yield world


def test_the_base_tells_how_to_start(world: World) -> None:
    world.control("POST", "/customers", json={"id": "cus_one", "name": "one"})
    base = world.control("GET").json()
    assert base["now"] == "2026-03-10T12:00:00Z"
    assert base["url"] == world.url
    assert base["stripe_key"] == "sk_test_sandbox"
    assert base["meter_event_name"] == "stripe_minutes"
    assert base["customers"] == [{"id": "cus_one", "name": "one"}]
    (account,) = base["accounts"]
    assert account["api_key"] == world.account.api_key
    assert account["customer_key"] == "customer"
    assert "PUT /_sandbox/clock" in base["control"]


@pytest.mark.parametrize(
    ("order", "now"),
    [
        ({"now": "2026-04-01T00:00:00Z"}, "2026-04-01T00:00:00Z"),
        ({"now": "2026-04-01T02:00:00+02:00"}, "2026-04-01T00:00:00Z"),
        ({"advance_seconds": 90}, "2026-03-10T12:01:30Z"),
        ({"advance_seconds": -60}, "2026-03-10T11:59:00Z"),
    ],
)
def test_the_clock_moves_for_both_apis(world: World, order: Json, now: str) -> None:
    assert world.control("PUT", "/clock", json=order).json() == {"now": now}
    assert world.control("GET", "/clock").json() == {"now": now}
    stripe = world.http.get(
        "/v1/customers", headers={"Authorization": "Bearer sk_test_sandbox"}
    )
    pamela = world.api("GET", "/usage")
    assert stripe.headers["Date"] == pamela.headers["Date"]
    assert pamela.json()["period"] == now[:7]


def test_calls_are_added_and_changed(world: World) -> None:
    first = connected("c1", HOUR_AGO, 61)
    answer = world.control("POST", "/calls", json=[first, {"id": "c2"}]).json()
    assert answer == {"ids": ["c1", "c2"], "added": 2, "changed": 0}
    call = world.get("/calls/c1")
    assert call["billed_minutes"] == 2
    assert call["ended_at"] == written(HOUR_AGO + timedelta(seconds=61))
    change = {"id": "c1", "duration_seconds": 200}
    answer = world.control("POST", "/calls", json=[change]).json()
    assert (answer["added"], answer["changed"]) == (0, 1)
    changed = world.get("/calls/c1")
    assert changed["billed_minutes"] == 4
    assert changed["started_at"] == call["started_at"]
    assert world.get("/calls")["total"] == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("duration_seconds", -5),
        ("duration_seconds", "60"),
        ("duration_seconds", 60.5),
        ("duration_seconds", True),
        ("duration_seconds", 10**40),
        ("duration_seconds", None),
        ("billed_minutes", 99),
        ("started_at", "2026-03-10T11:00:00"),
        ("started_at", "2026-02-30T11:00:00Z"),
        ("started_at", 1_773_140_400_000),
        ("created_at", None),
        ("ended_at", "1970-01-01T00:00:00Z"),
        ("status", "exploded"),
        ("status", 7),
        ("metadata", "=cmd|' /C calc'!A0"),
        ("transcript", "\ud800 \x00 <script>"),
        ("surprise", {"deep": [1, {"er": None}]}),
    ],
)
def test_whatever_is_given_is_served_back(
    world: World, field: str, value: object
) -> None:
    world.add(connected("c", HOUR_AGO) | {field: value})
    served = world.get("/calls/c")[field]
    assert served == value
    assert type(served) is type(value)
    assert world.get("/calls")["items"][0][field] == value


def test_a_call_disappears(world: World) -> None:
    world.add(connected("c1", HOUR_AGO), connected("c2", HOUR_AGO))
    assert world.control("DELETE", "/calls/c1").json()["deleted"]
    assert world.control("DELETE", "/calls/c2", headers={}).status_code == 200
    assert world.ids() == []
    assert world.control("DELETE", "/calls/c2").status_code == 404


def test_a_subscription_is_changed(world: World) -> None:
    order = {"subscription_status": "past_due", "grace_period_ends_at": written(NOW)}
    assert world.control("PUT", "/subscription", json=order).json() == order
    assert world.api("GET", "/calls").json()["detail"]["error_code"] == 7008


def test_faults_are_put_in_force_shown_and_lifted(world: World) -> None:
    fault = {"kind": "error_503", "endpoint": "pamela.*", "count": 1, "seconds": 60}
    shown = world.control("PUT", "/faults", json=[fault]).json()["faults"]
    assert shown[0]["ends_at"] == "2026-03-10T12:01:00Z"
    assert world.api("GET", "/calls").status_code == 503
    assert world.api("GET", "/calls").status_code == 200
    remaining = world.control("GET", "/faults").json()
    assert remaining["faults"][0]["count"] == 0
    assert remaining["struck"] == {"error_503": 1}
    assert world.control("PUT", "/faults", json=shown).json()["faults"] == shown
    assert world.control("PUT", "/faults", json=[]).json()["faults"] == []


@pytest.mark.parametrize("kind", list(FaultKind))
def test_every_kind_of_fault_can_be_ordered(world: World, kind: str) -> None:
    response = world.control("PUT", "/faults", json=[{"kind": kind}])
    assert response.json()["faults"][0]["kind"] == kind


def test_the_truth_tells_both_sides_and_every_request(world: World) -> None:
    world.control("POST", "/customers", json={"id": "cus_one", "name": "one"})
    world.add(
        connected("c1", HOUR_AGO, 61) | {"metadata": {"customer": "one"}},
        connected("c2", HOUR_AGO, 0),
        connected("c3", HOUR_AGO, -1),
    )
    event = {
        "event_name": "stripe_minutes",
        "identifier": "one",
        "payload[stripe_customer_id]": "cus_one",
        "payload[value]": "2",
    }
    key = {"Authorization": "Bearer sk_test_sandbox"}
    world.http.post("/v1/billing/meter_events", data=event, headers=key)
    world.get("/calls")
    truth = world.control("GET", "/truth").json()
    assert truth["pamela"]["sandbox"] == {
        "calls": 3,
        "months": {
            "2026-03": {
                "billed_calls": 2,
                "billed_minutes": 3,
                "customers": {"": 1, "one": 2},
            }
        },
    }
    months = truth["stripe"]["test"]["cus_one"]["months"]
    assert months == {"2026-03": {"stripe_minutes": 2}}
    assert truth["requests"]["stripe"]["latest"][0]["identifier"] == "one"
    assert truth["requests"]["pamela"]["seen"] == 1
    assert "requests" not in world.control("GET", "/truth?requests=no").json()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/clock", {}),
        ("PUT", "/clock", []),
        ("PUT", "/clock", {"now": "2026-04-01T00:00:00"}),
        ("PUT", "/clock", {"now": "tomorrow"}),
        ("PUT", "/clock", {"advance_seconds": "60"}),
        ("PUT", "/clock", {"advance_seconds": 1.5}),
        ("PUT", "/clock", {"advance_seconds": 10**15}),
        ("PUT", "/clock", {"now": written(NOW), "advance_seconds": 1}),
        ("POST", "/calls", {"id": "c"}),
        ("POST", "/calls", [{"id": "good"}, "bad"]),
        ("POST", "/calls", [{"_sandbox": 5}]),
        ("POST", "/calls", [{"_sandbox": {"visible_at": "later"}}]),
        ("POST", "/calls", [{"_sandbox": {"then": [{"at": written(NOW)}]}}]),
        ("POST", "/calls", [{"_sandbox": {"then": 5}}]),
        ("POST", "/customers", {"id": ""}),
        ("POST", "/customers", {"nickname": "one"}),
        ("PUT", "/subscription", {"subscription_status": 5}),
        ("PUT", "/subscription", {"grace_period_ends_at": "soon"}),
        ("PUT", "/faults", {"kind": "html"}),
        ("PUT", "/faults", [{}]),
        ("PUT", "/faults", [{"kind": "earthquake"}]),
        ("PUT", "/faults", [{"kind": "html", "probability": 2}]),
        ("PUT", "/faults", [{"kind": "html", "count": -1}]),
        ("PUT", "/faults", [{"kind": "html", "starts_at": "soon"}]),
        ("PUT", "/faults", [{"kind": "html", "seconds": 0}]),
        ("PUT", "/faults", [{"kind": "latency", "detail": "slow"}]),
        ("PUT", "/faults", [{"kind": ["html"]}]),
        ("PUT", "/faults", [{"kind": "html", "color": "red"}]),
    ],
)
def test_bad_input_is_named_and_changes_nothing(
    world: World, method: str, path: str, body: Any
) -> None:
    before = world.sandbox.to_state()
    response = world.control(method, path, json=body)
    assert response.status_code == 400
    assert response.json()["error"]
    after = world.sandbox.to_state()
    assert after | {"pamela": None} == before | {"pamela": None}
    assert world.account.to_state() == before["pamela"]["accounts"][0]  # type: ignore[index]
    assert world.sandbox.faults.in_force() == []


@pytest.mark.parametrize("content", [b"", b"{", b"[NaN", b"\xff", b"[" * 100_000])
def test_a_body_that_is_not_json_is_refused(world: World, content: bytes) -> None:
    assert world.control("POST", "/calls", content=content).status_code == 400


def test_calls_need_the_key_of_their_account(world: World) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        response = world.control("POST", "/calls", json=[], headers=headers)
        assert response.status_code == 401
        assert response.json()["error"]


def test_a_list_filters_by_either_time_of_a_call(world: World) -> None:
    began = written(HOUR_AGO)
    planned = connected("c1", HOUR_AGO, 61) | {
        "created_at": written(NOW - timedelta(days=60)),
        "started_at": began,
    }
    world.control("POST", "/calls", json=[planned])
    dates = {"start_date": written(HOUR_AGO - timedelta(hours=1))}
    rules = "/pamela/rules"
    before = world.control("GET", rules).json()
    assert before["filtered_by"] == "created_at"
    assert world.api("GET", "/calls", params=dates).json()["total"] == 0
    by_start = {"filtered_by": "started_at"}
    assert world.control("PUT", rules, json=by_start).json() == before | by_start
    assert world.api("GET", "/calls", params=dates).json()["total"] == 1


def test_pamelas_limit_and_her_distance_can_be_changed(world: World) -> None:
    rules, change = (
        "/pamela/rules",
        {"requests_per_second": 2, "round_trip": 0.01, "round_trip_spread": 1},
    )
    before = world.control("GET", rules).json()
    assert (before["requests_per_second"], before["round_trip"]) == (None, 0)
    assert world.control("PUT", rules, json=change).json() == before | change
    assert world.control("PUT", rules, json=before).json() == before


@pytest.mark.parametrize(
    "change",
    [
        {"filtered_by": "ended_at"},
        {"requests_per_second": 0},
        {"requests_per_second": True},
        {"round_trip": -1},
        {"round_trip_spread": 3_601},
        {"gravity": 9},
    ],
)
def test_a_rule_of_pamela_that_makes_no_sense_changes_nothing(
    world: World, change: Json
) -> None:
    rules = "/pamela/rules"
    before = world.control("GET", rules).json()
    assert world.control("PUT", rules, json=change).status_code == 400
    assert world.control("GET", rules).json() == before
