"""After a month is closed: corrections go forward, and every minute is still billed."""

from datetime import timedelta

import pytest

from billing.domain.error_report import RejectionReport
from billing.domain.period import BillingPeriod, Window
from tests.ledger.bookkeeping import close_period
from tests.pipeline.bench import APRIL, MARCH, Bench, call

HOUR = timedelta(hours=1)
USAGE = (
    "SELECT type, call_id, period, billed_minutes, corrects FROM b2b_usage ORDER BY id"
)
EVENTS = "SELECT period, minutes, state, carries FROM meter_event ORDER BY id"


def closed_march(bench: Bench) -> None:
    """Report two calls of March, and close it on the third of April."""
    bench.take(call("c", seconds=300), call("d", seconds=60))
    bench.sync()
    bench.clock.advance(days=23)
    close_period(bench.ledger, MARCH)


def run(bench: Bench) -> None:
    """Read March again, and report what it changes once the hour is over."""
    bench.pull(MARCH)
    bench.clock.advance(hours=1)
    bench.sync()


def test_a_late_call_is_billed_in_the_next_open_month(either_bench: Bench) -> None:
    bench = either_bench
    closed_march(bench)
    bench.source.calls.append(call("late", seconds=120))
    run(bench)
    assert bench.rows(USAGE)[2] == ("adjustment", "late", "2026-04", 2, None)
    assert bench.rows(EVENTS)[1] == ("2026-04", 2, "synced", None)
    assert bench.counted() == {"acme": 8}


@pytest.mark.parametrize(("seconds", "delta"), [(600, 5), (60, -4)])
def test_a_changed_call_is_corrected_in_the_next_open_month(
    bench: Bench, seconds: int, delta: int
) -> None:
    closed_march(bench)
    bench.source.calls.append(call("e", APRIL.start + HOUR, seconds=600))
    bench.pull(APRIL)
    bench.source.change("c", duration_seconds=seconds)
    run(bench)
    assert ("adjustment", "c", "2026-04", delta, 1) in bench.rows(USAGE)
    assert bench.counted() == {"acme": 6 + 10 + delta}


def test_a_correction_waits_until_the_new_month_has_enough(bench: Bench) -> None:
    closed_march(bench)
    bench.source.change("c", duration_seconds=60)
    run(bench)
    assert bench.counted() == {"acme": 6}
    bench.source.calls.append(call("e", APRIL.start + HOUR, seconds=600))
    bench.pull(APRIL)
    bench.sync()
    bench.sync()
    assert bench.counted() == {"acme": 6 + 10 - 4}


def test_corrections_skip_every_closed_month(bench: Bench) -> None:
    closed_march(bench)
    bench.clock.advance(days=30)
    close_period(bench.ledger, APRIL)
    bench.source.calls.append(call("late", seconds=120))
    run(bench)
    assert bench.rows(USAGE)[2][2] == str(BillingPeriod(2026, 5))


def test_what_was_refused_after_the_close_is_carried_by_the_next_month(
    either_bench: Bench,
) -> None:
    bench = either_bench
    closed_march(bench)
    (request,) = bench.meter.requests
    bench.meter.counted.clear()
    window = request.at - timedelta(seconds=5)
    report = RejectionReport(
        name="evt_1",
        created_at=request.at,
        window=Window(window, request.at),
        error_count=1,
        codes=("archived_meter",),
        identifiers=(request.event.identifier,),
    )
    bench.meter.reports.append(report)
    bench.sync()
    bench.retry()
    bench.clock.advance(hours=1)
    bench.sync()
    bench.clock.advance(hours=1)
    bench.sync()
    assert bench.rows(EVENTS) == [
        ("2026-03", 6, "failed", None),
        ("2026-04", 6, "synced", "2026-03"),
    ]
    assert bench.counted() == {"acme": 6}
    assert {period for _, _, period, _, _ in bench.rows(USAGE)} == {"2026-03"}
