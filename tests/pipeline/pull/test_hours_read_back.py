"""How far back is read again: two days, by an hourly pull and around a month."""

from datetime import datetime, timedelta

import pytest

from billing.pipeline.cycle import SWEEP_EVERY
from billing.pipeline.reconcile.reconcile import Depth
from tests.pipeline.bench import MARCH, START, Bench, call
from tests.pipeline.pull.listed_source import ListedSource

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


def billed(bench: Bench) -> set[str]:
    """Name the calls that the ledger bills."""
    return {name for (name,) in bench.rows("SELECT DISTINCT call_id FROM b2b_usage")}


def span(source: ListedSource) -> tuple[datetime, datetime]:
    """Return the span that the requests of a source cover."""
    windows = [window for window, _ in source.requests]
    return min(one.start for one in windows), max(one.end for one in windows)


@pytest.mark.parametrize(
    ("age", "is_read"),
    [(SECOND, True), (48 * HOUR, True), (48 * HOUR + SECOND, False)],
)
def test_an_hourly_pull_finds_what_was_created_in_two_days_before_the_last(
    bench: Bench, age: timedelta, is_read: bool
) -> None:
    # No total tells that a call is missing: it is found by being read, or not at all.
    bench.source.silent_totals = True
    bench.cycle()
    bench.source.calls.append(call("late", START - age))
    bench.clock.advance(hours=1)
    bench.cycle()
    assert billed(bench) == ({"late"} if is_read else set())
    bench.clock.advance(seconds=SWEEP_EVERY.total_seconds())
    bench.cycle()
    assert billed(bench) == {"late"}


@pytest.mark.parametrize(
    ("created", "is_read"),
    [
        (MARCH.start - 48 * HOUR, True),
        (MARCH.start - 48 * HOUR - SECOND, False),
        (MARCH.end + 48 * HOUR - SECOND, True),
        (MARCH.end + 48 * HOUR, False),
    ],
)
def test_a_pull_of_a_month_reads_two_days_on_either_side(
    bench: Bench, created: datetime, is_read: bool
) -> None:
    bench.source.silent_totals = True
    bench.clock.advance(days=40)
    begun = (MARCH.start + HOUR).isoformat()
    bench.source.calls.append(call("planned", created, started_at=begun))
    bench.pull()
    assert billed(bench) == ({"planned"} if is_read else set())


def test_what_is_compared_call_by_call_is_read_two_days_on_either_side(
    bench: Bench,
) -> None:
    bench.take(call("c"))
    bench.clock.advance(days=40)
    bench.source.requests.clear()
    bench.reconcile(depth=Depth(calls=True))
    assert span(bench.source) == (MARCH.start - 48 * HOUR, MARCH.end + 48 * HOUR)
