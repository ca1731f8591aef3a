"""Parts of a window: cut by size, read side by side, and whole whatever moves."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import count, pairwise

import pytest

from billing.domain.call import Call
from billing.domain.period import Window
from billing.errors import SourceUnreadable
from billing.gateways.call_pages import PAGE_SIZE, CallPage
from billing.pipeline.concurrency import SERIAL, THREADS, Concurrency, readers
from billing.pipeline.pull.paging import (
    MOST_IN_PART,
    PAGES_AT_ONCE,
    PART,
    WindowReading,
    WindowWalk,
)
from billing.pipeline.pull.part_line import PartLine, ReadPart
from billing.ports import SourceCall
from tests.pipeline.bench import NOON, call
from tests.pipeline.fakes import ListedSource, Record

DAY = Window(NOON, NOON + timedelta(days=1))
SECONDS = 86_400
READERS = 8


def as_it_is(told: SourceCall) -> SourceCall:
    return told


def begin() -> WindowReading[SourceCall]:
    return WindowReading(understand=as_it_is, understand_duplicate=as_it_is)


def read_parts(
    source: ListedSource, concurrency: Concurrency = THREADS, window: Window = DAY
) -> list[ReadPart[SourceCall]]:
    """Read a window by parts."""
    with readers(concurrency, READERS) as those:
        walk = WindowWalk(source=source, window=window, begin=begin)
        return list(PartLine.of(walk, those.pool, lambda: READERS).read())


def names_in(parts: list[ReadPart[SourceCall]]) -> list[str]:
    """Name the calls of all parts, one for each time that it was handed out."""
    return [name for part in parts for name in part.reading.calls]


def spread(many: int, seconds: float = SECONDS) -> list[Record]:
    """Return calls at even distances from the beginning of the day."""
    moments = [NOON + timedelta(seconds=seconds * n / many) for n in range(many)]
    return [call(f"c{n}", at) for n, at in enumerate(moments)]


@pytest.mark.parametrize(
    ("many", "parts"),
    [(0, 1), (1, 1), (MOST_IN_PART, 1), (MOST_IN_PART + 1, 3), (10 * PART, 10)],
)
def test_a_window_is_cut_by_how_many_calls_it_holds(many: int, parts: int) -> None:
    source = ListedSource()
    source.calls = spread(many)
    read = read_parts(source)
    assert len(read) == parts
    assert sorted(names_in(read)) == sorted(f"c{n}" for n in range(many))


@pytest.mark.parametrize("concurrency", [THREADS, SERIAL])
def test_parts_come_in_the_order_of_their_windows(concurrency: Concurrency) -> None:
    source = ListedSource()
    source.calls = spread(5 * PART)
    windows = [part.window for part in read_parts(source, concurrency)]
    assert windows[0].start == DAY.start
    assert windows[-1].end == DAY.end
    assert all(a.end == b.start for a, b in pairwise(windows))


def test_a_busy_hour_is_cut_again() -> None:
    source = ListedSource()
    source.calls = spread(6 * PART, seconds=1_800)
    read = read_parts(source)
    assert sorted(names_in(read)) == sorted(f"c{n}" for n in range(6 * PART))
    assert max(len(part.reading.calls) for part in read) <= MOST_IN_PART
    needed = 6 * PART // PAGE_SIZE
    assert len(source.requests) < 2 * needed


@pytest.mark.parametrize("seconds", [0, 0.5, 0.9])
def test_what_happens_at_one_moment_cannot_be_cut_and_is_paged(seconds: float) -> None:
    many = PAGES_AT_ONCE * PAGE_SIZE * 2
    source = ListedSource()
    source.calls = spread(many, seconds)
    read = read_parts(source)
    assert set(names_in(read)) == {f"c{n}" for n in range(many)}
    # Memory holds some pages, however long the list is.
    most = max(len(part.reading.calls) for part in read)
    assert most <= PAGES_AT_ONCE * PAGE_SIZE


class ClosedEnds(ListedSource):
    """A source that shows what is at either end of a window, or at none."""

    def __init__(self, *, inside: bool) -> None:
        super().__init__()
        self.inside = inside

    def shows(self, window: Window, record: Record) -> bool:
        at = datetime.fromisoformat(str(record["created_at"]))
        if self.inside:
            return window.start <= at <= window.end
        return window.start < at < window.end


@pytest.mark.parametrize("inside", [True, False])
def test_whatever_a_source_thinks_of_ends_no_call_is_at_a_cut(inside: bool) -> None:
    source = ClosedEnds(inside=inside)
    source.calls = [
        call(f"c{n}", NOON + timedelta(seconds=1 + n % 40)) for n in range(5 * PART)
    ]
    names = names_in(read_parts(source))
    assert sorted(names) == sorted(f"c{n}" for n in range(5 * PART))


class RestlessDay:
    """A day of many calls: some come, go and change between any two pages."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.source = ListedSource()
        self.names = count()
        self.source.calls = [self.new_call() for _ in range(4 * PART)]
        self.lasting = {str(record["id"]) for record in self.source.calls}
        self.source.between_pages = self.move

    def new_call(self) -> Record:
        at = NOON + timedelta(seconds=self.chance.randrange(SECONDS))
        return call(f"c{next(self.names)}", at)

    def move(self) -> None:
        for _ in range(self.chance.randrange(6)):
            calls = self.source.calls
            if self.chance.random() < 0.5:
                calls.append(self.new_call())
            else:
                gone = calls.pop(self.chance.randrange(len(calls)))
                self.lasting.discard(str(gone["id"]))


@pytest.mark.parametrize("seed", range(5))
def test_parts_of_a_list_that_moves_lose_no_call(seed: int) -> None:
    day = RestlessDay(seed)
    names = names_in(read_parts(day.source))
    assert day.lasting <= set(names)
    assert len(names) == len(set(names))


def test_a_call_is_understood_as_its_part_was_read() -> None:
    source = ListedSource()
    source.calls = spread(3 * PART)
    changed = source.calls[1]
    source.between_pages = lambda: changed.update(duration_seconds=99)
    (first, *_) = read_parts(source)
    told = first.reading.calls["c1"].call
    assert isinstance(told, Call)
    assert told.duration_seconds == 99


class Liar(ListedSource):
    """A source that says of every window that it holds as many calls."""

    def __init__(self, total: int) -> None:
        super().__init__()
        self.total = total

    def read_page(self, window: Window, offset: int) -> CallPage:
        with self.lock:
            self.requests.append((window, offset))
            assert len(self.requests) < 1_000, "this never ends"
        page = [call(f"{window.start} {offset + n}") for n in range(PAGE_SIZE)]
        return CallPage(page, self.total, has_more=True)


def test_a_list_of_which_each_part_is_as_long_as_the_whole_has_no_end() -> None:
    source = Liar(100_000_000)
    with pytest.raises(SourceUnreadable, match="the list of 2026-03-10 has no end"):
        read_parts(source)


def test_several_windows_share_one_pool_of_readers() -> None:
    at_once, most, lock = [0], [0], threading.Lock()

    class Slow(ListedSource):
        def read_page(self, window: Window, offset: int) -> CallPage:
            with lock:
                at_once[0] += 1
                most[0] = max(most[0], at_once[0])
            try:
                return super().read_page(window, offset)
            finally:
                with lock:
                    at_once[0] -= 1

    sources = [Slow(f"a{n}") for n in range(3)]
    for source in sources:
        source.calls = spread(3 * PART)
    with readers(THREADS, 2) as those, ThreadPoolExecutor(3) as accounts:

        def read(source: ListedSource) -> int:
            walk = WindowWalk(source=source, window=DAY, begin=begin)
            return len(names_in(list(PartLine.of(walk, those.pool, lambda: 2).read())))

        assert list(accounts.map(read, sources)) == [3 * PART] * 3
    assert most[0] <= 2
