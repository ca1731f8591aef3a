"""Monthly usage: connected calls that are over, in the month of their start."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.sandbox.pamela.pamela_world import NOW, World, connected, empty_world


@pytest.fixture
def world() -> Iterator[World]:
    with empty_world() as world:
        yield world


def test_usage_adds_up_every_call_by_the_rule(world: World) -> None:
    for seconds in (0, 1, 59, 60, 61, 3600):
        world.add(connected(f"c{seconds}", NOW - timedelta(hours=2), seconds))
    world.add({"id": "f", "status": "failed", "created_at": "2026-03-02T00:00:00Z"})
    assert world.get("/usage", period="2026-03") == {
        "partner_id": "partner_sandbox",
        "project_id": None,
        "period": "2026-03",
        "call_count": 7,
        "api_minutes": 3781 / 60,
        "billed_minutes": 66,
        "quota": {"partner_limit": None, "project_limit": None},
    }


def test_the_current_month_is_meant_when_none_is_named(world: World) -> None:
    assert world.get("/usage")["period"] == "2026-03"


def test_a_call_belongs_to_the_month_of_its_start(world: World) -> None:
    midnight = datetime(2026, 3, 1, tzinfo=UTC)
    world.add(
        connected("created before", midnight, 120),
        connected("started before", midnight - timedelta(milliseconds=500), 60),
    )
    months = [world.get("/usage", period=f"2026-0{n}") for n in (2, 3)]
    assert [month["billed_minutes"] for month in months] == [1, 2]
    assert [month["call_count"] for month in months] == [2, 0]


@pytest.mark.parametrize("field", ["status", "duration_seconds", "started_at"])
def test_usage_follows_every_change_of_a_call(world: World, field: str) -> None:
    others = {
        "status": "in_progress",
        "duration_seconds": 200,
        "started_at": "2026-02-28T23:59:59Z",
    }
    (call_id,) = world.add(connected("c", NOW - timedelta(hours=1)))
    world.add({"id": call_id, field: others[field]})
    expected = {"status": (0, 0), "duration_seconds": (0, 4), "started_at": (1, 0)}
    usage = [world.get("/usage", period=f"2026-0{n}") for n in (2, 3)]
    minutes = tuple(month["billed_minutes"] for month in usage)
    assert minutes == expected[field]
    world.control("DELETE", f"/calls/{call_id}")
    assert world.get("/usage")["call_count"] == 0


def test_a_broken_duration_is_counted_by_nobody(world: World) -> None:
    broken = (-5, "60", True, 60.5, None, 10**30)
    world.add(
        *(
            connected(f"c{number}", NOW - timedelta(hours=1), seconds)
            for number, seconds in enumerate(broken)
        )
    )
    usage = world.get("/usage")
    assert (usage["billed_minutes"], usage["call_count"]) == (0, len(broken))
