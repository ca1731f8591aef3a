"""What of a month is unfinished: each thing in its own month, and from when to when."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from billing.domain.close_obstacles import AccountReading, MonthEnd, Share
from billing.domain.period import BillingPeriod
from billing.ledger.close.readiness import read_month_end
from tests.ledger.bookkeeping import close_period
from tests.pipeline.bench import APRIL, MARCH, NOON, START, Bench, call

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
DAY = timedelta(days=1)
FEBRUARY = MARCH.previous


def month_end(
    bench: Bench, period: BillingPeriod = MARCH, account: str = "main"
) -> MonthEnd:
    with bench.ledger.reading() as connection:
        return read_month_end(
            connection,
            period,
            [account],
            bench.clock.now(),
            first_period=bench.first_period,
        )


@pytest.mark.parametrize("more", [{}, {"started_at": None}], ids=["begun", "no start"])
@pytest.mark.parametrize(
    ("age", "is_stuck"), [(DAY - SECOND, False), (DAY, True), (DAY + SECOND, True)]
)
def test_a_call_that_is_not_over_is_waited_for_a_day_and_then_asked_about(
    bench: Bench, age: timedelta, is_stuck: bool, more: Mapping[str, None]
) -> None:
    begun, talking = START - age, {"status": "in_progress", **more}
    bench.take(call("done"), call("long", begun, None, **talking))
    long, none = Share(1, 0, ("long",)), Share()
    found = month_end(bench)
    assert (found.underway, found.stuck) == ((none, long) if is_stuck else (long, none))
    for other in (FEBRUARY, APRIL):
        found = month_end(bench, other)
        assert (found.underway, found.stuck) == (none, none)
    over = {"status": "completed", "duration_seconds": 60}
    bench.source.change("long", started_at=begun.isoformat(), **over)
    bench.pull()
    assert (month_end(bench).underway, month_end(bench).stuck) == (none, none)


def test_what_is_in_quarantine_keeps_its_own_month_open(bench: Bench) -> None:
    bench.clock.advance(days=40)
    bench.source.calls += [
        call("odd", seconds=-1),
        call("later", APRIL.start + HOUR, seconds=-1),
    ]
    bench.pull(MARCH)
    bench.pull(APRIL)
    held = [month_end(bench, month).quarantined for month in (FEBRUARY, MARCH, APRIL)]
    assert held == [Share(), Share(1, 0, ("odd",)), Share(1, 0, ("later",))]


def test_what_waits_keeps_its_month_open_and_all_after_it(bench: Bench) -> None:
    bench.clock.advance(days=40)
    last = call("last", MARCH.end - SECOND, seconds=120)
    bench.take(last, call("first", MARCH.end, seconds=180))
    found = {month: month_end(bench, month).unstaged for month in (MARCH, APRIL)}
    assert found[MARCH] == Share(1, 2, ("last",))
    assert (found[APRIL].count, found[APRIL].minutes) == (2, 5)
    assert month_end(bench, FEBRUARY).unstaged == Share()
    bench.sync()
    assert month_end(bench, APRIL).unstaged == Share()


def test_an_account_that_left_the_settings_is_named_as_it_was_read_last(
    bench: Bench,
) -> None:
    bench.take(call("c"))
    kept, asked = month_end(bench, account="other").accounts
    assert kept == AccountReading(
        account="main",
        state="complete",
        error=None,
        whole_at=START,
        in_settings=False,
    )
    assert asked == AccountReading(
        account="other", state=None, error=None, whole_at=None, in_settings=True
    )
    of_april = month_end(bench, APRIL, account="other").accounts
    assert [one.account for one in of_april] == ["other"]


def test_a_month_changed_last_when_it_was_posted_to_or_sent(bench: Bench) -> None:
    assert month_end(bench).last_change is None
    bench.take(call("c"))
    assert month_end(bench).last_change == START
    bench.clock.advance(hours=1)
    bench.sync()
    sent = month_end(bench).last_change
    assert sent is not None
    assert sent >= START + HOUR
    bench.clock.advance(hours=1)
    bench.take(call("d", NOON + HOUR))
    assert month_end(bench).last_change == bench.clock.now() > sent
    assert month_end(bench, APRIL).last_change is None


def test_an_earlier_month_that_is_closed_stands_in_nobodys_way(bench: Bench) -> None:
    bench.bill_from(FEBRUARY)
    bench.source.calls.append(call("c", NOON - 20 * DAY))
    bench.pull(FEBRUARY)
    assert month_end(bench).earlier_open == Share(1, 0, ("2026-02",))
    assert month_end(bench, FEBRUARY).earlier_open == Share()
    close_period(bench.ledger, FEBRUARY)
    assert month_end(bench).earlier_open == Share()
