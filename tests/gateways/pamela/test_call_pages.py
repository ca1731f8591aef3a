"""The pages of a list that moves: which are asked for, and when it has no end."""

from datetime import UTC, datetime

import pytest

from billing.domain.period import Window
from billing.errors import SourceUnreadable
from billing.gateways.call_pages import (
    MOST_CALLS_A_DAY,
    MOST_GROWTH,
    PAGE_SIZE,
    CallPage,
    walk_calls,
)

DAY = Window(datetime(2026, 3, 10, tzinfo=UTC), datetime(2026, 3, 11, tzinfo=UTC))


class Source:
    """A list of calls, which may say another length with each page."""

    def __init__(self, length: int, *, growth: int = 0, has_more: bool = True) -> None:
        self._length, self._growth, self._has_more = length, growth, has_more
        self.asked: list[int] = []

    def read(self, offset: int) -> CallPage:
        self.asked.append(offset)
        total = self._length + self._growth * (len(self.asked) - 1)
        names = range(offset, min(offset + PAGE_SIZE, total))
        records = [{"id": f"c{name}", "status": "failed"} for name in names]
        more = self._has_more and offset + PAGE_SIZE < total
        return CallPage(records=records, total=total, has_more=more)


def read(source: Source, most_pages: int = 100_000) -> int:
    """Read a list, or so many pages of it; returns the number of calls."""
    calls = 0
    for pages, page in enumerate(walk_calls("main", DAY, source.read), start=1):
        calls += len(page)
        if pages == most_pages:
            break
    return calls


@pytest.mark.parametrize("length", [0, 1, 100, 101, 250])
def test_each_call_of_a_list_is_read(length: int) -> None:
    assert read(Source(length)) >= length


def test_a_list_as_long_as_a_day_may_be_is_begun() -> None:
    assert read(Source(MOST_CALLS_A_DAY), most_pages=1) == PAGE_SIZE


def test_a_list_that_is_longer_is_not_begun() -> None:
    source = Source(MOST_CALLS_A_DAY + 1)
    with pytest.raises(SourceUnreadable, match="the list of 2026-03-10 has no end"):
        read(source)
    assert source.asked == [0]


def test_a_list_that_grows_as_fast_as_it_is_read_has_no_end() -> None:
    """It may come to twice its length and some more while it is read."""
    source = Source(PAGE_SIZE + 1, growth=PAGE_SIZE)
    with pytest.raises(SourceUnreadable, match="has no end"):
        read(source)
    most = 2 * (PAGE_SIZE + 1) + MOST_GROWTH
    within = [offset for offset in source.asked if offset <= most]
    assert len(source.asked) == len(within) + 1
