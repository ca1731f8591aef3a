"""Lists of calls: newest first, whole pages, windows of time, and lists that move."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from billing.sandbox.pamela.call import call_as_given, micros
from billing.sandbox.pamela.call_list import CallList, ListQuery
from billing.sandbox.seeds.bulk import bulk
from tests.sandbox.pamela.pamela_world import (
    NOW,
    World,
    connected,
    empty_world,
    world_of,
)

MINUTE = timedelta(minutes=1)


@pytest.fixture
def world() -> Iterator[World]:
    with empty_world() as world:
        yield world


def five_calls(world: World) -> None:
    world.add(*(connected(f"c{n}", NOW - n * MINUTE) for n in (3, 1, 5, 2, 4)))


def test_the_newest_call_comes_first(world: World) -> None:
    five_calls(world)
    assert world.ids() == ["c1", "c2", "c3", "c4", "c5"]


def test_calls_of_the_same_moment_keep_one_order(world: World) -> None:
    world.add(*(connected(name, NOW - MINUTE) for name in "bdac"))
    assert world.ids() == ["d", "c", "b", "a"]
    assert world.ids(limit=2) + world.ids(limit=2, offset=2) == world.ids()


@pytest.mark.parametrize(
    ("offset", "ids", "has_more", "next_offset"),
    [
        (0, ["c1", "c2"], True, 2),
        (2, ["c3", "c4"], True, 4),
        (3, ["c4", "c5"], False, None),
        (4, ["c5"], False, None),
        (5, [], False, None),
        (99, [], False, None),
    ],
)
def test_a_page_says_where_the_next_one_starts(
    world: World, offset: int, ids: list[str], has_more: bool, next_offset: int | None
) -> None:
    five_calls(world)
    page = world.get("/calls", limit=2, offset=offset)
    assert [call["id"] for call in page.pop("items")] == ids
    assert page == {
        "total": 5,
        "limit": 2,
        "offset": offset,
        "has_more": has_more,
        "next_offset": next_offset,
    }


def test_a_page_has_fifty_calls_unless_asked_otherwise(world: World) -> None:
    world.add(*(connected(f"c{n:03}", NOW - MINUTE) for n in range(120)))
    assert len(world.ids()) == 50
    assert len(world.ids(limit=100)) == 100


@pytest.mark.parametrize(
    ("start", "end", "ids"),
    [
        (None, None, ["new", "edge", "old"]),
        ("2026-03-01", None, ["new", "edge"]),
        (None, "2026-03-01", ["old"]),
        ("2026-03-01T00:00:00Z", "2026-03-01T00:00:00.000001Z", ["edge"]),
        ("2026-03-01T00:00:00.000001+00:00", "2026-04-01", ["new"]),
        ("2026-03-01T05:30:00+05:30", "2026-03-02", ["edge"]),
        ("2026-03-01T00:00:00", None, ["new", "edge"]),
        ("2026-04-01", "2026-03-01", []),
    ],
)
def test_a_window_starts_inclusively_and_ends_exclusively(
    world: World, start: str | None, end: str | None, ids: list[str]
) -> None:
    edge = datetime.fromisoformat("2026-03-01T00:00:05Z")
    world.add(
        connected("old", edge - timedelta(microseconds=1)),
        connected("edge", edge),
        connected("new", edge + timedelta(days=3)),
    )
    dates = {"start_date": start, "end_date": end}
    asked = {name: date for name, date in dates.items() if date}
    page = world.get("/calls", **asked)
    assert [call["id"] for call in page["items"]] == ids
    assert page["total"] == len(ids)


def test_a_status_narrows_the_list_under_either_name(world: World) -> None:
    failed = {"id": "f", "status": "failed", "created_at": "2026-03-09T00:00:00Z"}
    world.add(connected("c", NOW - MINUTE), failed)
    assert world.ids(status_filter="failed") == world.ids(status="failed") == ["f"]
    world.add({"id": "f", "status": "cancelled"})
    assert world.ids(status_filter="failed") == []
    assert world.ids(status_filter="cancelled") == ["f"]


def test_a_list_moves_between_its_pages(world: World) -> None:
    five_calls(world)
    assert world.ids(limit=2) == ["c1", "c2"]
    world.sandbox.pamela.remove_call(world.account, "c1")
    assert world.ids(limit=2, offset=2) == ["c4", "c5"], "c3 moved left: skipped"
    assert world.ids(limit=2) == ["c2", "c3"]
    newcomer = call_as_given("c0", connected("c0", NOW), created=NOW, opens=NOW)
    world.sandbox.pamela.put_calls(world.account, [newcomer], NOW)
    assert world.ids(limit=2) == ["c0", "c2"]


def test_a_list_of_many_agrees_with_one_filled_call_by_call() -> None:
    """Sorting many in and inserting them one by one give the same list."""
    seeded = bulk(3, NOW, calls=500, customers=7)
    at_once = seeded.pamela.accounts[0].call_list
    one_by_one = CallList()
    for call in at_once.calls():
        one_by_one.put([call], micros(NOW))
    everything = ListQuery(limit=1000)
    assert one_by_one.page(everything) == at_once.page(everything)
    assert one_by_one.usage("2026-02") == at_once.usage("2026-02")


def test_bulk_calls_stay_in_their_campaign_hours() -> None:
    with world_of(bulk(1, NOW, calls=1_000, customers=4, hours=3)) as world:
        page = world.get("/calls", limit=100, offset=900)
        assert page["total"] == 1_000
        assert not page["has_more"]
        bodies = [call.final() for call in world.account.call_list.calls()]
        hours = {
            (str(call["metadata"]), str(call["started_at"])[:13]) for call in bodies
        }
        assert len(hours) == 12
        assert len(world.sandbox.customers()) == 4
