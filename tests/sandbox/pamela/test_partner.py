"""Tools, keys and subscription: the parts of Pamela beside its calls."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from billing.sandbox.pamela.call import written
from tests.sandbox.pamela.pamela_world import NOW, Json, World, connected, empty_world

TOOL: Json = {"name": "look_up", "description": "Look up.", "input_schema": {}}


@pytest.fixture
def world() -> Iterator[World]:
    with empty_world() as world:
        yield world


def register(world: World, **fields: object) -> Json:
    response = world.api("POST", "/tools", json={"tool": {**TOOL, **fields}})
    assert response.status_code == 200, response.text
    registered: Json = response.json()
    assert registered["success"]
    assert registered["tool_id"] == registered["tool"]["id"]
    tool: Json = registered["tool"]
    return tool


def listed(world: World) -> list[Json]:
    tools: list[Json] = world.api("GET", "/tools").json()
    return tools


def test_a_tool_is_registered_listed_and_retired(world: World) -> None:
    first, second = register(world), register(world, name="book")
    assert listed(world) == [first, second]
    deleted = world.api("DELETE", f"/tools/{first['id']}").json()
    assert (deleted["success"], deleted["tool_id"]) == (True, first["id"])
    assert listed(world) == [second]
    assert world.api("DELETE", f"/tools/{first['id']}").status_code == 404
    assert not world.account.tools[first["id"]]["active"], "kept, but switched off"


@pytest.mark.parametrize(
    ("timeout", "milliseconds"),
    [
        ({}, 30_000),
        ({"timeout_ms": 500}, 500),
        ({"timeout_seconds": 2}, 2_000),
        ({"timeout_seconds": 300}, 300_000),
    ],
)
def test_a_timeout_is_understood_in_both_units(
    world: World, timeout: dict[str, int], milliseconds: int
) -> None:
    assert register(world, **timeout)["timeout_ms"] == milliseconds


@pytest.mark.parametrize("timeout", [{"timeout_seconds": 301}, {"timeout_ms": 0}])
def test_a_timeout_has_bounds(world: World, timeout: dict[str, int]) -> None:
    response = world.api("POST", "/tools", json={"tool": TOOL | timeout})
    assert response.status_code == 400


def test_a_key_is_shown_once_works_and_can_be_revoked(world: World) -> None:
    world.add(connected("c", NOW))
    made = world.api("POST", "/partner/api-keys", headers=world.user, json={}).json()
    assert made["key"].startswith("pk_live_")
    mine = {"Authorization": f"Bearer {made['key']}"}
    assert world.api("GET", "/calls", headers=mine).json()["total"] == 1
    keys = world.api("GET", "/partner/api-keys", headers=world.user)
    assert made["key"] not in keys.text
    assert made["id"] in {key["id"] for key in keys.json()["items"]}
    path = f"/partner/api-keys/{made['id']}/revoke"
    revoked = world.api("POST", path, headers=world.user).json()
    assert not revoked["active"]
    refused = world.api("GET", "/calls", headers=mine)
    assert refused.json()["detail"]["error_code"] == 1002
    world.get("/calls")


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/partner/api-keys", {"project_id": "none"}, 404, 7002),
        ("/partner/api-keys", {"key_prefix": "pk_test_"}, 400, 2001),
        ("/partner/api-keys/none/revoke", {}, 404, None),
    ],
)
def test_a_partner_learns_what_is_wrong(
    world: World, path: str, body: Json, status: int, code: int | None
) -> None:
    response = world.api("POST", path, headers=world.user, json=body)
    assert response.status_code == status
    assert response.json()["detail"]["error_code"] == code


def test_an_api_key_opens_nothing_of_the_partner(world: World) -> None:
    assert world.api("GET", "/partner/subscription").status_code == 401
    assert world.api("GET", "/calls", headers=world.user).status_code == 401


def subscribe(world: World, status: str | None, grace: datetime | None = None) -> None:
    order = {
        "subscription_status": status,
        "grace_period_ends_at": None if grace is None else written(grace),
    }
    assert world.control("PUT", "/subscription", json=order).json() == order


def access(world: World) -> int:
    """Return the status of a request, or the code under which it is refused."""
    response = world.api("GET", "/calls")
    if response.status_code == 403:
        return int(response.json()["detail"]["error_code"])
    return response.status_code


def test_who_is_past_due_has_access_until_the_grace_ends(world: World) -> None:
    grace = NOW + timedelta(days=7)
    subscribe(world, "past_due", grace)
    shown = world.api("GET", "/partner/subscription", headers=world.user).json()
    assert shown["subscription_status"] == "past_due"
    assert shown["grace_period_ends_at"] == written(grace)
    for moment, status in [
        (NOW, 200),
        (grace - timedelta(microseconds=1), 200),
        (grace, 7008),
        (grace + timedelta(days=30), 7008),
        (NOW, 200),
    ]:
        world.sandbox.clock.set(moment)
        assert access(world) == status, moment
    world.sandbox.clock.set(grace)
    subscribe(world, "active")
    assert access(world) == 200, "a payment opens the account again"


def test_a_lapse_refuses_new_calls_and_lets_those_under_way_end(world: World) -> None:
    subscribe(world, "past_due", NOW + timedelta(seconds=1))
    order = {"to": "+15550101", "task": "Confirm."}
    made = world.api("POST", "/calls", json=order)
    assert made.status_code == 200
    world.advance(hours=1)
    refused = world.api("POST", "/calls", json=order)
    assert refused.status_code == 403
    assert refused.json()["detail"]["error_code"] == 7008
    subscribe(world, "active")
    call = world.get(f"/calls/{made.json()['id']}")
    assert call["status"] == "completed"
    assert world.get("/usage")["billed_minutes"] == call["billed_minutes"]


@pytest.mark.parametrize(
    ("status", "answer_status"),
    [
        ("active", 200),
        ("trialing", 200),
        ("past_due", 7008),
        *((status, 1005) for status in ("canceled", "unpaid", "paused", None)),
    ],
)
def test_access_follows_the_subscription(
    world: World, status: str | None, answer_status: int
) -> None:
    subscribe(world, status)
    assert access(world) == answer_status


@pytest.mark.parametrize("place", ["checkout", "portal"])
def test_a_subscription_has_places_to_change_it(world: World, place: str) -> None:
    path = f"/partner/subscription/{place}"
    answer = world.api("POST", path, headers=world.user).json()
    assert answer["url"].startswith("https://")
