"""Pages: every call comes once, in order, while the list moves under the reader."""

import gc
import tracemalloc
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pamela import InvalidResponse, ListMoved, PamelaClient, ValidationError
from tests.client.moving import READERS, Move, MovingList, read_blocking

HOW = [(reader, parallel) for reader in READERS for parallel in (1, 2, 8)]


def nothing(calls: MovingList) -> None:
    """Leave the list as it is."""


@pytest.mark.parametrize(("reader", "parallel"), HOW)
@pytest.mark.parametrize("count", [0, 1, 2, 99, 100, 101, 199, 200, 1234])
def test_a_still_list_is_read_whole_and_in_order(
    reader: str, parallel: int, count: int
) -> None:
    calls = MovingList(count)
    assert READERS[reader](calls, parallel=parallel) == calls.ids
    assert len(calls.asked) <= count // 99 + 1


@pytest.mark.parametrize("size", [2, 3, 7])
@pytest.mark.parametrize("cap", [2, 5, 100])
def test_small_pages_and_servers_that_give_less_than_asked_lose_nothing(
    size: int, cap: int
) -> None:
    for parallel in (1, 4):
        calls = MovingList(50, page_cap=cap)
        assert read_blocking(calls, page_size=size, parallel=parallel) == calls.ids


def adding(count: int) -> Move:
    """Make a move that adds calls."""
    return lambda calls: calls.add(count)


@pytest.mark.parametrize(("reader", "parallel"), HOW)
@pytest.mark.parametrize("moved", [1, 30, 99, 100, 101, 250, 5000])
def test_calls_that_arrive_while_reading_neither_repeat_nor_hide_any(
    reader: str, parallel: int, moved: int
) -> None:
    calls = MovingList(1000, nothing, lambda calls: calls.add(moved))
    there = list(calls.ids)
    ids = READERS[reader](calls, parallel=parallel)
    assert [call_id for call_id in ids if call_id in set(there)] == there
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(("reader", "parallel"), HOW)
@pytest.mark.parametrize("moved", [(1892, 4108), (3, 2500), (5000, 5000, 5000)])
def test_a_list_that_moves_on_while_it_is_looked_for_is_found(
    reader: str, parallel: int, moved: tuple[int, ...]
) -> None:
    calls = MovingList(1000, *map(adding, moved))
    there = list(calls.ids)
    ids = READERS[reader](calls, parallel=parallel)
    assert [call_id for call_id in ids if call_id in set(there)] == there
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(("reader", "parallel"), HOW)
@pytest.mark.parametrize("moved", [1, 2, 60, 100, 101, 300])
def test_calls_that_vanish_while_reading_take_no_other_with_them(
    reader: str, parallel: int, moved: int
) -> None:
    calls = MovingList(1000, nothing, lambda calls: calls.drop(0, moved))
    ids = READERS[reader](calls, parallel=parallel)
    assert set(calls.ids) <= set(ids)
    assert len(ids) == len(set(ids))


def test_pages_without_a_total_are_still_followed() -> None:
    for names in (
        {"total"},
        {"total", "has_more"},
        {"total", "has_more", "next_offset"},
    ):
        calls = MovingList(450, nothing, lambda calls: calls.drop(0, 40))
        calls.without = names
        assert set(calls.ids) <= set(read_blocking(calls))


MOVES = st.lists(
    st.tuples(st.sampled_from(["add", "drop"]), st.integers(0, 60), st.integers(0, 9)),
    max_size=12,
)


@settings(deadline=None)
@given(st.integers(0, 600), MOVES, st.sampled_from([1, 3, 8]))
def test_whatever_moves_a_call_that_stays_comes_exactly_once(
    count: int, moves: list[tuple[str, int, int]], parallel: int
) -> None:
    def act(kind: str, at: int, number: int) -> Any:
        if kind == "add":
            return lambda calls: calls.add(number)
        return lambda calls: calls.drop(at * 10, number)

    calls = MovingList(count, *(act(*move) for move in moves))
    there = list(calls.ids)
    ids = read_blocking(calls, parallel=parallel)
    stayed = [call_id for call_id in there if call_id in set(calls.ids)]
    assert [call_id for call_id in ids if call_id in set(stayed)] == stayed
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("reader", READERS)
def test_a_list_that_turns_over_whole_is_an_error_and_no_end(reader: str) -> None:
    def turn_over(calls: MovingList) -> None:
        calls.ids = [f"other_{name}" for name in calls.ids]

    calls = MovingList(6000, *[nothing] * 50, turn_over)
    with pytest.raises(ListMoved):
        READERS[reader](calls)
    assert len(calls.asked) < 100


@pytest.mark.parametrize("reader", READERS)
def test_a_short_list_that_turns_over_is_read_again_from_its_head(reader: str) -> None:
    def turn_over(calls: MovingList) -> None:
        calls.ids = [f"other_{name}" for name in calls.ids]

    calls = MovingList(1000, nothing, turn_over)
    ids = READERS[reader](calls)
    assert set(calls.ids) <= set(ids)


def test_a_server_that_ignores_offsets_is_left_in_the_end() -> None:
    page = {"items": [{"id": "call_1"}, {"id": "call_2"}], "has_more": True}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json=page))
    with PamelaClient("pk_live_1", transport=transport) as client:
        with pytest.raises(ListMoved):
            list(client.iter_calls())
        with pytest.raises(ListMoved):
            list(client.iter_calls(parallel=4))


@pytest.mark.parametrize("reader", READERS)
def test_a_total_that_promises_more_than_comes_is_an_error(reader: str) -> None:
    calls = MovingList(150)
    calls.extra = {"total": 5000, "has_more": False}
    with pytest.raises(ListMoved):
        READERS[reader](calls)


def test_calls_without_an_id_come_once_too() -> None:
    calls = MovingList(250)
    anonymous = [{"status": "failed", "at": number} for number in range(250)]

    def answer(request: httpx2.Request) -> httpx2.Response:
        page = calls(request).json()
        start = calls.asked[-1]
        page["items"] = anonymous[start : start + len(page["items"])]
        return httpx2.Response(200, json=page)

    transport = httpx2.MockTransport(answer)
    with PamelaClient("pk_live_1", transport=transport) as client:
        assert list(client.iter_calls()) == anonymous


@pytest.mark.parametrize("item", [1, None, "call_1", []])
def test_a_page_that_holds_something_else_is_refused(item: Any) -> None:
    page = {"items": [{"id": "call_1"}, item], "has_more": False}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json=page))
    client = PamelaClient("pk_live_1", transport=transport)
    with client, pytest.raises(InvalidResponse):
        list(client.iter_calls())


@pytest.mark.parametrize("reader", READERS)
def test_pages_are_read_as_they_are_needed(reader: str) -> None:
    calls = MovingList(10_000)
    assert READERS[reader](calls, 50) == calls.ids[:50]
    assert calls.asked == [0]
    assert READERS[reader](calls, 150, parallel=4) == calls.ids[:150]
    assert len(calls.asked) <= 1 + 1 + 5


@pytest.mark.parametrize(
    "wrong",
    [
        {"page_size": 1},
        {"page_size": 101},
        {"page_size": None, "status": ""},
        {"parallel": 0},
        {"parallel": 33},
        {"parallel": True},
        {"status": ""},
        {"start_date": 7},
    ],
)
def test_what_cannot_be_asked_is_refused_before_the_first_page(wrong: Any) -> None:
    calls = MovingList(10)
    client = PamelaClient("pk_live_1", transport=httpx2.MockTransport(calls))
    with client, pytest.raises(ValidationError):
        client.iter_calls(**wrong)
    assert calls.asked == []


def test_filters_go_with_every_page() -> None:
    queries: set[bytes] = set()
    calls = MovingList(250)

    def answer(request: httpx2.Request) -> httpx2.Response:
        queries.add(request.url.query.split(b"&limit=")[0])
        bare = request.url.copy_remove_param("status_filter")
        return calls(httpx2.Request("GET", bare.copy_remove_param("start_date")))

    transport = httpx2.MockTransport(answer)
    with PamelaClient("pk_live_1", transport=transport) as client:
        list(client.iter_calls(status="failed", start_date="2026-03-01"))
    assert queries == {b"status_filter=failed"}


def test_memory_does_not_grow_with_the_list() -> None:
    def peak(count: int) -> int:
        calls = MovingList(count)
        transport = httpx2.MockTransport(calls)
        with PamelaClient("pk_live_1", transport=transport) as client:
            gc.freeze()  # what was there before need not be looked through each time
            tracemalloc.start()
            try:
                for number, _ in enumerate(client.iter_calls()):
                    if number % 1_000 == 0:
                        gc.collect()  # what is garbage is not kept
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
                gc.unfreeze()

    peak(1_000)
    assert peak(40_000) < peak(10_000) + 300_000
