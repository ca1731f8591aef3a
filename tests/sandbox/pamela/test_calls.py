"""The life of a call as the clock moves: from queued to its end, late and revised."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from billing.sandbox.pamela.call import written
from billing.sandbox.world import Sandbox
from tests.sandbox.pamela.pamela_world import NOW, Json, World, connected, empty_world

UNKNOWN = ("duration_seconds", "billed_minutes", "transcript", "summary", "ended_at")


@pytest.fixture
def world() -> Iterator[World]:
    with empty_world() as world:
        yield world


def dial(world: World, **fields: object) -> str:
    body = {"to": "+15550101", "task": "Confirm the appointment.", **fields}
    response = world.api("POST", "/calls", json=body)
    assert response.status_code == 200, response.text
    made: Json = response.json()
    assert made["success"]
    assert made["status"] == "queued"
    assert made["created_at"] == written(world.sandbox.clock.now())
    assert made["to"] == "+15550101"
    return str(made["id"])


def test_a_call_rings_is_answered_and_ends_by_itself(world: World) -> None:
    call_id = dial(world, max_duration_seconds=90, metadata={"customer": "alder"})
    seen = []
    for _ in range(100):
        call = world.get(f"/calls/{call_id}")
        if call["status"] not in seen:
            seen.append(call["status"])
        if call["status"] != "completed":
            assert {call[name] for name in UNKNOWN} == {None}
        assert (call["started_at"] is None) == (call["status"] in {"queued", "ringing"})
        world.advance(seconds=1)
    assert seen == ["queued", "ringing", "in_progress", "completed"]
    assert 1 <= call["duration_seconds"] <= 90
    assert call["billed_minutes"] == (call["duration_seconds"] + 59) // 60
    assert call["metadata"] == {"customer": "alder"}


def test_time_can_go_back_and_forth_again(world: World) -> None:
    call_id = dial(world, max_duration_seconds=60)
    world.advance(hours=1)
    over = world.get(f"/calls/{call_id}")
    world.sandbox.clock.set(NOW)
    assert world.get(f"/calls/{call_id}")["status"] == "queued"
    assert world.get("/usage")["billed_minutes"] == 0
    world.sandbox.clock.set(NOW - timedelta(seconds=1))
    assert world.ids() == []
    world.advance(hours=2)
    assert world.get(f"/calls/{call_id}") == over


@pytest.mark.parametrize(
    ("action", "after_seconds", "status", "duration", "minutes"),
    [
        ("cancel", 0, "cancelled", None, None),
        ("cancel", 3, "cancelled", None, None),
        ("hangup", 3, "cancelled", None, None),
        ("cancel", 6, "cancelled", 0, 1),
        ("hangup", 6, "completed", 0, 1),
    ],
)
def test_a_call_can_be_ended_before_its_end(
    world: World,
    action: str,
    after_seconds: int,
    status: str,
    duration: int | None,
    minutes: int | None,
) -> None:
    call_id = dial(world)
    world.advance(seconds=after_seconds)
    reply = world.api("POST", f"/calls/{call_id}/{action}").json()
    assert (reply["id"], reply["status"]) == (call_id, status)
    world.advance(hours=1)
    call = world.get(f"/calls/{call_id}")
    assert (call["status"], call["duration_seconds"]) == (status, duration)
    assert call["billed_minutes"] == minutes
    assert world.get("/usage")["billed_minutes"] == (minutes or 0)


@pytest.mark.parametrize("status", [400, 409])
@pytest.mark.parametrize("action", ["cancel", "hangup"])
def test_a_call_that_is_over_cannot_be_ended(
    world: World, action: str, status: int
) -> None:
    world.sandbox.pamela.terminal_conflict = status
    (call_id,) = world.add(connected("c", NOW - timedelta(hours=1)))
    response = world.api("POST", f"/calls/{call_id}/{action}")
    assert response.status_code == status
    assert response.json()["detail"]["error_code"] == 2001


def test_a_late_call_appears_after_its_time(world: World) -> None:
    seen_at = written(NOW + timedelta(hours=3))
    late = connected("late", NOW) | {"_sandbox": {"visible_at": seen_at}}
    world.add(late)
    world.advance(hours=3, seconds=-1)
    assert world.ids() == []
    assert world.api("GET", "/calls/late").status_code == 404
    world.advance(seconds=1)
    assert world.ids() == ["late"]
    assert world.get("/usage")["billed_minutes"] == 1


def test_a_call_not_yet_created_is_not_there(world: World) -> None:
    world.add(connected("next", NOW + timedelta(minutes=1)))
    assert world.ids() == []
    world.advance(minutes=1)
    assert world.ids() == ["next"]


def test_a_revised_call_shows_another_duration_from_a_moment_on(world: World) -> None:
    correction = {
        "at": written(NOW + timedelta(hours=1)),
        "fields": {"duration_seconds": 30, "billed_minutes": 1},
    }
    call = connected("c", NOW - timedelta(hours=1), 300)
    world.add(call | {"_sandbox": {"then": [correction]}})
    assert world.get("/usage")["billed_minutes"] == 5
    world.advance(hours=1)
    assert world.get("/calls/c")["duration_seconds"] == 30
    usage = world.get("/usage")
    assert (usage["billed_minutes"], usage["api_minutes"]) == (1, 0.5)


def test_everything_survives_being_saved_and_loaded(world: World) -> None:
    call_id = dial(world, max_duration_seconds=60)
    world.add(connected("c", NOW - timedelta(hours=1)))
    world.sandbox.add_customer("cus_one", "one")
    loaded = Sandbox.from_state(world.sandbox.to_state())
    assert loaded.pamela.to_state() == world.sandbox.pamela.to_state()
    assert loaded.customers() == world.sandbox.customers()
    account = loaded.pamela.account_of_key(world.account.api_key)
    assert account is not None
    body = loaded.pamela.visible_call(account, call_id, NOW)[1]
    assert b'"queued"' in body
