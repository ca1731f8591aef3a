"""A list that moves while it is read: no call is lost, and no lie is followed."""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import count

import pytest

from billing.domain.call import Call
from billing.domain.period import Window
from billing.errors import SourceUnreadable
from billing.gateways.call_pages import PAGE_SIZE, CallPage
from billing.pipeline.pull.paging import read_window
from billing.ports import SourceCall
from tests.pipeline.bench import NOON, call
from tests.pipeline.fakes import ListedSource, Record

DAY = Window(NOON, NOON + timedelta(days=1))
BOUND = 100_000  # requests; whoever needs more would never end
RUNS = 60
SEEDS = 5


def as_it_is(told: SourceCall) -> SourceCall:
    return told


class RestlessList:
    """Inserts, deletes and changes calls between any two pages."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.source = ListedSource()
        self.names = count()
        size = self.chance.choice([0, 1, 99, 100, 101, 250, 350, 500])
        self.source.calls = [self.new_call() for _ in range(size)]
        self.intensity = self.chance.choice([1, 5, 20, 45])
        self.deletes = self.chance.random() < 0.8
        self.lasting = {str(record["id"]) for record in self.source.calls}
        self.source.between_pages = self.move
        self.moves: Counter[str] = Counter()

    def new_call(self) -> Record:
        """Return a call created at any moment of the day."""
        at = NOON + timedelta(seconds=self.chance.randrange(86_400))
        return call(f"call_{next(self.names)}", at)

    def move(self) -> None:
        """Let a few things happen to the list."""
        for _ in range(self.chance.randrange(self.intensity + 1)):
            self.moves[
                step := self.chance.choice(["top", "middle", "gone", "change"])
            ] += 1
            calls = self.source.calls
            if step == "top":
                top = call(f"call_{next(self.names)}", DAY.end - timedelta(seconds=1))
                calls.append(top)
            elif step == "middle":
                calls.append(self.new_call())
            elif calls and step == "gone" and self.deletes:
                gone = calls.pop(self.chance.randrange(len(calls)))
                self.lasting.discard(str(gone["id"]))
            elif calls and step == "change":
                self.chance.choice(calls)["duration_seconds"] = 7


@pytest.mark.parametrize("block", range(SEEDS))
def test_a_list_that_moves_while_it_is_read_loses_no_call(block: int) -> None:
    read = gave_up = moves = 0
    for seed in range(block * RUNS, (block + 1) * RUNS):
        moving = RestlessList(seed)
        try:
            reading = read_window(moving.source, DAY, as_it_is)
        except SourceUnreadable:
            gave_up += 1
            continue
        read += 1
        moves += sum(moving.moves.values())
        assert moving.lasting <= set(reading.calls), f"seed {seed}"
        assert reading.duplicates == {}
    assert read > RUNS * 3 // 4, f"{gave_up} of {RUNS} lists could not be read"
    assert moves > RUNS


def test_a_list_that_only_grows_is_always_read_whole() -> None:
    for seed in range(100):
        moving = RestlessList(seed)
        moving.deletes = False
        reading = read_window(moving.source, DAY, as_it_is)
        assert moving.lasting <= set(reading.calls), f"seed {seed}"


def test_a_call_is_kept_as_it_was_read_last() -> None:
    source = ListedSource()
    source.calls = [call(f"c{n}", NOON + timedelta(minutes=n)) for n in range(150)]
    source.between_pages = lambda: source.change("c50", duration_seconds=999)
    reading = read_window(source, DAY, as_it_is)
    changed = reading.calls["c50"].call
    assert isinstance(changed, Call)
    assert changed.duration_seconds == 999


def test_a_list_that_is_another_one_each_time_ends_in_an_error() -> None:
    source, names = ListedSource(), count()

    def replace_all() -> None:
        source.calls = [call(f"c{next(names)}") for _ in range(300)]

    replace_all()
    source.between_pages = replace_all
    with pytest.raises(SourceUnreadable, match="moved too much"):
        read_window(source, DAY, as_it_is)
    assert len(source.requests) < 300


def test_a_quiet_list_costs_one_request_for_each_page() -> None:
    source = ListedSource()
    source.calls = [call(f"c{n}", NOON + timedelta(seconds=n)) for n in range(298)]
    assert len(read_window(source, DAY, as_it_is).calls) == 298
    assert [offset for _, offset in source.requests] == [0, 99, 198]


class LyingSource(ListedSource):
    """A source that answers whatever its liar says, for ever."""

    def __init__(self, liar: Iterator[CallPage] | None, page: CallPage | None) -> None:
        super().__init__()
        self.liar, self.page = liar, page

    def read_page(self, window: Window, offset: int) -> CallPage:
        self.requests.append((window, offset))
        assert len(self.requests) < BOUND, "this never ends"
        if self.liar is not None:
            return next(self.liar)
        assert self.page is not None
        return self.page


FULL = [call(f"c{n}") for n in range(PAGE_SIZE)]


def fresh_pages() -> Iterator[CallPage]:
    """Give pages that overlap as they should and never come to an end."""
    for number in count():
        pair = [call(f"c{number}"), call(f"c{number + 1}")]
        yield CallPage(pair, 10**15, has_more=True)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(CallPage(FULL, 10**15, has_more=True), id="the same full page"),
        pytest.param(CallPage(FULL, 100, has_more=True), id="more, against its total"),
        pytest.param(CallPage(FULL, 10**15, has_more=False), id="a total too high"),
        pytest.param(CallPage(FULL[:3], 50, has_more=False), id="a short page"),
        pytest.param(CallPage([], 50, has_more=True), id="empty, and more to come"),
        pytest.param(CallPage([], 50, has_more=False), id="empty, with a total"),
        pytest.param(CallPage([], 0, has_more=True), id="nothing, and more to come"),
        pytest.param(CallPage([{}], 9, has_more=True), id="records without an id"),
    ],
)
def test_a_page_that_lies_or_loops_ends_in_an_error(page: CallPage) -> None:
    source = LyingSource(None, page)
    with pytest.raises(SourceUnreadable):
        read_window(source, DAY, as_it_is)
    assert len(source.requests) < 1_000


def test_pages_without_an_end_end_in_an_error() -> None:
    with pytest.raises(SourceUnreadable):
        read_window(LyingSource(fresh_pages(), None), DAY, as_it_is)


def test_a_total_that_is_too_low_hides_nothing_when_there_is_more() -> None:
    pages = [CallPage(FULL, 5, has_more=True)]
    pages += [CallPage([FULL[-1], call("last")], 5, has_more=False)]
    reading = read_window(LyingSource(iter(pages), None), DAY, as_it_is)
    assert len(reading.calls) == 101


def test_two_records_of_one_id_on_a_page_are_told_apart() -> None:
    page = CallPage([call("c"), call("c", seconds=9), call("d")], 3, has_more=False)
    reading = read_window(LyingSource(None, page), DAY, as_it_is)
    assert set(reading.duplicates) == {"c"}


def test_of_two_records_of_one_id_only_what_is_understood_is_kept() -> None:
    page = CallPage([call("c"), call("c", seconds=9), call("d")], 3, has_more=False)
    source = LyingSource(None, page)
    reading = read_window(source, DAY, lambda _: "one", lambda _: "two")
    assert reading.calls == {"c": "one", "d": "one"}
    assert reading.duplicates == {"c": "two"}


def test_an_equal_record_that_comes_twice_is_one_call() -> None:
    page = CallPage([call("c"), call("c")], 2, has_more=False)
    reading = read_window(LyingSource(None, page), DAY, as_it_is)
    assert (set(reading.calls), reading.duplicates) == ({"c"}, {})


class Incomparable:
    """What is understood of a record, and compared with no other."""

    def __eq__(self, other: object) -> bool:
        raise AssertionError("to compare each with all others takes for ever")

    __hash__ = object.__hash__


def test_records_without_a_name_are_told_apart_by_what_they_say() -> None:
    records = [{"seconds": seconds} for seconds in (1, 2, 1, 3)]
    page = CallPage(records, len(records), has_more=False)
    source = LyingSource(None, page)
    reading = read_window(source, DAY, lambda _: Incomparable())
    assert len(reading.anonymous) == 3
