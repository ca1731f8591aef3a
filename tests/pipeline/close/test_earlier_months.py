"""Earlier months: a closed one is read whole again, and what moved is corrected."""

from datetime import datetime, timedelta

import pytest

from billing.domain.break_causes import Cause
from billing.domain.period import BillingPeriod
from billing.domain.rereading import READ_AGAIN_AFTER
from billing.errors import SourceUnavailable
from billing.ports import SourceTotals
from tests.pipeline.bench import MARCH, NOON, Bench, call, of
from tests.pipeline.fakes import ListedSource

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MAY = BillingPeriod(2026, 5)
CORRECTIONS = (
    "SELECT customer, call_id, period, billed_minutes FROM b2b_usage "
    "WHERE type = 'adjustment' ORDER BY id"
)
WHOLE = (
    "SELECT started_at FROM pull WHERE period = '2026-03' AND scope = 'month' "
    "AND state = 'complete' ORDER BY id"
)


def closed_march(bench: Bench) -> datetime:
    """Bill two customers in March, and close it on the first of May."""
    bench.take(call("a", seconds=300), call("g", seconds=300, **of("globex")))
    bench.sync()
    move_to(bench, MAY.start + 9 * HOUR)
    bench.pull()
    closed_at = bench.clock.now()
    bench.execute(
        "INSERT INTO period_close (period, closed_at, closed_by, digest) "
        f"VALUES ('2026-03', '{closed_at.isoformat()}', 'tests', 'none')"
    )
    return closed_at


def swap(bench: Bench) -> None:
    """Let the two calls change their customers: the account's total stays."""
    bench.source.change("a", metadata={"customer": "globex"})
    bench.source.change("g", metadata={"customer": "acme"})


def move_to(bench: Bench, moment: datetime) -> None:
    """Let the time be this."""
    bench.clock.advance(seconds=(moment - bench.clock.now()).total_seconds())


def test_a_closed_month_is_read_whole_after_1_7_35_and_90_days(bench: Bench) -> None:
    closed_at = closed_march(bench)
    before = len(bench.rows(WHOLE))
    for step in (0.5, 1, 2, 7, 8, 34, 35, 36, 89, 90, 91, 200):
        move_to(bench, closed_at + step * DAY)
        bench.cycle()
        bench.cycle()
    read = [datetime.fromisoformat(at) for (at,) in bench.rows(WHOLE)[before:]]
    assert [moment - closed_at for moment in read] == list(READ_AGAIN_AFTER)


def test_minutes_that_moved_in_a_closed_month_are_corrected_with_a_cause(
    either_bench: Bench,
) -> None:
    bench = either_bench
    closed_march(bench)
    swap(bench)
    bench.clock.advance(days=1)
    report = bench.cycle()
    corrections = sorted(bench.rows(CORRECTIONS))
    assert corrections == [
        ("acme", "a", "2026-04", -5),
        ("acme", "g", "2026-04", 5),
        ("globex", "a", "2026-04", 5),
        ("globex", "g", "2026-04", -5),
    ]
    assert str(report.pulls[-1].period) == "2026-03"
    march = report.reconciliations[-1]
    assert march.period == MARCH
    causes = {
        (one.customer, item.cause) for one in march.customers for item in one.breaks
    }
    assert causes == {
        ("acme", Cause.BILLED_IN_LATER_MONTH),
        ("globex", Cause.BILLED_IN_LATER_MONTH),
    }
    assert not march.needs_a_person


def test_a_call_that_was_deleted_in_a_closed_month_is_named(bench: Bench) -> None:
    closed_march(bench)
    bench.source.remove("a")
    bench.source.calls.append(call("new", NOON + HOUR, seconds=300))
    bench.clock.advance(days=1)
    march = bench.cycle().reconciliations[-1]
    found = {item.cause: item.calls for one in march.customers for item in one.breaks}
    assert found[Cause.MISSING_AT_SOURCE] == ("a",)
    assert found[Cause.BILLED_IN_LATER_MONTH] == ("new",)
    assert march.needs_a_person


def test_a_reading_that_failed_is_made_up_for(bench: Bench) -> None:
    closed_march(bench)
    steady = bench.source

    class Gone(ListedSource):
        def read_totals(self, period: BillingPeriod) -> SourceTotals:
            raise SourceUnavailable("main", "HTTP 503")

    bench.clock.advance(days=1)
    bench.source = Gone()
    bench.source.calls = steady.calls
    report = bench.cycle()
    assert report.pulls[-1].period == MARCH
    assert report.pulls[-1].error
    bench.source = steady
    swap(bench)
    bench.clock.advance(hours=1)
    assert bench.cycle().pulls[-1].certificate is not None
    assert len(bench.rows(CORRECTIONS)) == 4


@pytest.mark.parametrize(("days", "rows"), [(30, 0), (34.9, 0), (35, 4)])
def test_a_month_that_nobody_closed_is_read_again_once_no_cycle_reads_it(
    bench: Bench, days: float, rows: int
) -> None:
    bench.take(call("a", seconds=300), call("g", seconds=300, **of("globex")))
    bench.sync()
    move_to(bench, MARCH.end + 29 * DAY)
    bench.cycle()
    swap(bench)
    bench.clock.advance(days=days - 29)
    bench.cycle()
    moved = {"acme": 5, "globex": 5}
    assert bench.minutes() == moved
    query = "SELECT count(*) FROM b2b_usage WHERE type = 'adjustment'"
    assert bench.rows(query) == [(rows,)]


def test_an_account_that_never_read_a_month_bills_nothing_of_it(bench: Bench) -> None:
    bench.clock.advance(days=60)
    bench.cycle()
    bench.source.calls.append(call("old", seconds=300))
    bench.clock.advance(days=40)
    bench.cycle()
    assert bench.minutes() == {}


def test_a_customer_that_left_the_settings_keeps_what_was_billed(bench: Bench) -> None:
    closed_march(bench)
    bench.name_customers(acme="cus_acme")
    bench.clock.advance(days=1)
    bench.cycle()
    assert bench.rows("SELECT count(*) FROM quarantine") == [(0,)]
    assert bench.rows(CORRECTIONS) == []
