"""Bounds of Pamela's answers: large pages, endless lists, numbers, another's call."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

import httpx2
import pytest

from billing.domain.call import MOST_MINUTES, Quarantined
from billing.domain.period import BillingPeriod, Window
from billing.errors import SourceFault, SourceUnreadable
from billing.gateways.pamela import MOST_BYTES, PamelaUsage
from billing.gateways.source_calls import digest_of
from pamela import PamelaClient
from tests.sandbox.pamela.pamela_world import NOW

MARCH = BillingPeriod(2026, 3)
DAY = Window(MARCH.start, NOW)
Query = dict[str, list[str]]


@contextmanager
def answering(answer: Callable[[Query], object]) -> Iterator[PamelaUsage]:
    """Give a source that is answered by the parameters of each request."""

    def respond(request: httpx2.Request) -> httpx2.Response:
        query = parse_qs(request.url.query.decode())
        return httpx2.Response(200, text=json.dumps(answer(query)))

    client = PamelaClient(
        "key",
        "https://pamela.example",
        retries=None,
        transport=httpx2.MockTransport(respond),
        max_response_bytes=MOST_BYTES,
    )
    source = PamelaUsage("main", client, sleep=lambda _seconds: None)
    yield source
    source.close()


def record(name: str, size: int = 0) -> dict[str, Any]:
    """Word a call that never began, with much to say."""
    return {"id": name, "status": "failed", "summary": "x" * size}


def page(items: list[dict[str, Any]], total: int, *, more: bool) -> dict[str, Any]:
    """Word a page of calls."""
    return {"items": items, "total": total, "has_more": more}


def test_a_page_that_is_too_large_is_read_in_smaller_pieces() -> None:
    calls = [record(f"c{number}", 60_000) for number in range(40)]
    limits = []

    def answer(query: Query) -> object:
        start, limit = int(query["offset"][0]), int(query["limit"][0])
        limits.append(limit)
        items = calls[start : start + limit]
        return page(items, len(calls), more=start + limit < len(calls))

    with answering(answer) as source:
        read = [told.call.call_id for p in source.list_calls(DAY) for told in p]
        again = sum(len(page) for page in source.list_calls(DAY))
    assert again >= 40
    assert set(read) == {f"c{number}" for number in range(40)}
    assert limits[:3] == [100, 25, 6]
    assert set(limits[3:]) == {6}


def test_a_call_that_is_too_large_is_unreadable() -> None:
    huge = [record("c0", MOST_BYTES), record("c1", MOST_BYTES)]
    with (
        answering(lambda _query: page(huge, 2, more=False)) as source,
        pytest.raises(SourceUnreadable, match="1000000 bytes"),
    ):
        list(source.list_calls(DAY))


@pytest.mark.parametrize("growth", [0, 100])
def test_a_list_without_an_end_is_unreadable(growth: int) -> None:
    asked = []

    def answer(query: Query) -> object:
        start = int(query["offset"][0])
        asked.append(start)
        items = [record(f"c{start + number}") for number in range(100)]
        return page(items, 50 + growth * len(asked), more=True)

    with (
        answering(answer) as source,
        pytest.raises(SourceUnreadable, match="the list of 2026-03-01 has no end"),
    ):
        list(source.list_calls(DAY))
    assert len(asked) < 20


@pytest.mark.parametrize("total", [-1, 10**7, 10**30])
def test_a_total_that_cannot_be_is_unreadable(total: int) -> None:
    with (
        answering(lambda _query: page([record("c")], total, more=True)) as source,
        pytest.raises(SourceUnreadable),
    ):
        list(source.list_calls(DAY))


@pytest.mark.parametrize("count", [MOST_MINUTES + 1, -MOST_MINUTES - 1, 2**64, 10**400])
def test_a_usage_that_cannot_be_is_unreadable(count: int) -> None:
    for usage in ({"call_count": count}, {"billed_minutes": count}):
        with (
            answering(lambda _query, usage=usage: usage) as source,  # type: ignore[misc]
            pytest.raises(SourceUnreadable, match="not a whole number that can be"),
        ):
            source.read_totals(MARCH)


def test_minutes_of_a_call_that_cannot_be_set_it_aside() -> None:
    call = record("c") | {"billed_minutes": MOST_MINUTES + 1}
    with answering(lambda _query: call) as source:
        told = source.get_call("c")
    assert told is not None
    assert isinstance(told.call, Quarantined)


def test_a_number_beyond_64_bits_is_no_end_of_a_page() -> None:
    call = record("c") | {"cost": 10**30}
    with answering(lambda _query: page([call], 1, more=False)) as source:
        ((told,),) = source.list_calls(DAY)
    assert not isinstance(told.call, Quarantined)
    assert told.sha256 == digest_of(dict(reversed(call.items())))
    assert told.sha256 != digest_of(call | {"cost": 10**30 + 1})


def test_an_answer_about_another_call_is_none() -> None:
    with (
        answering(lambda _query: record("another")) as source,
        pytest.raises(SourceFault, match="names another call than c"),
    ):
        source.get_call("c")
