"""What comes after a close goes forward, and the closed month stays as it was."""

from datetime import timedelta

from billing.domain.close_obstacles import ObstacleKind
from billing.domain.error_report import RejectionReport
from billing.domain.period import Window
from billing.ledger.sync import error_reports
from billing.reports.status.deadlines import read_deadlines
from tests.pipeline.bench import APRIL, MARCH, Bench, call
from tests.pipeline.close.test_close import close, digest, kinds, send_march

HOUR = timedelta(hours=1)
ADJUSTED = (
    "SELECT call_id, period, billed_minutes, corrects IS NULL FROM b2b_usage "
    "WHERE type = 'adjustment' ORDER BY id"
)


def closed(bench: Bench) -> str:
    send_march(bench)
    report = close(bench)
    assert report.closed is not None
    return report.closed.digest


def test_a_late_call_and_a_changed_one_are_adjusted_in_the_next_month(
    either_bench: Bench,
) -> None:
    bench = either_bench
    before = closed(bench)
    bench.source.calls.append(call("late", seconds=300))
    bench.source.change("1", duration_seconds=121)
    bench.pull(MARCH)
    bench.sync()
    found = {
        (name, str(period), int(m), bool(new))
        for name, period, m, new in (bench.rows(ADJUSTED))
    }
    assert found == {("late", "2026-04", 5, True), ("1", "2026-04", 2, False)}
    assert digest(bench) == before
    again = close(bench)
    assert (again.already, again.closed and again.closed.digest) == (True, before)


def test_the_next_month_closes_with_what_it_carries(bench: Bench) -> None:
    before = closed(bench)
    bench.source.calls.append(call("late", seconds=300))
    bench.take(call("april", bench.clock.now() - timedelta(hours=2)))
    bench.pull(APRIL)
    bench.clock.advance(days=1)
    assert kinds(close(bench, APRIL)) == {ObstacleKind.NOT_OVER}
    bench.sync()
    bench.clock.advance(days=30)
    report = close(bench, APRIL)
    assert report.obstacles == ()
    assert report.closed is not None
    assert report.closed.totals["minutes"] == 6
    assert digest(bench) == before


def test_events_that_a_report_of_errors_may_be_about_keep_a_month_open(
    bench: Bench,
) -> None:
    send_march(bench)
    [sent, *_] = [request.at for request in bench.meter.counted]
    window = Window(sent, sent + timedelta(seconds=10))
    report = RejectionReport(
        name="evt_1",
        created_at=sent,
        window=window,
        error_count=1,
        codes=("no_meter",),
        identifiers=(),
    )
    with bench.ledger.writing() as connection:
        error_reports.save_reports(connection, [report], bench.clock.now())
    found = close(bench)
    [obstacle] = found.obstacles
    assert obstacle.kind is ObstacleKind.SUSPECTED
    assert (obstacle.count, obstacle.minutes) == (2, 3)
    bench.sync()
    assert close(bench).obstacles == ()


def test_rows_of_a_closed_month_that_were_refused_too_late_are_sent_in_the_next(
    bench: Bench,
) -> None:
    before = closed(bench)
    bench.meter.counted = [
        one for one in bench.meter.counted if one.event.customer != "globex"
    ]
    [sent, *_] = [request.at for request in bench.meter.counted]
    window = Window(sent, sent + timedelta(seconds=10))
    names = ("test-stripe_minutes-cus_globex-20260310T12-0",)
    bench.meter.reports.append(
        RejectionReport(
            name="evt_1",
            created_at=bench.clock.now(),
            window=window,
            error_count=1,
            codes=("no_meter",),
            identifiers=names,
        )
    )
    bench.sync()
    assert bench.rows("SELECT reason FROM meter_event WHERE reason IS NOT NULL") == [
        ("rejected",)
    ]
    bench.retry()
    waiting = read_deadlines(bench.ledger, bench.clock.now(), HOUR)
    [near] = waiting.nearest
    assert near.deadlines.period == APRIL
    assert bench.rows("SELECT period FROM b2b_usage WHERE meter_event_id IS NULL") == [
        ("2026-03",)
    ]
    bench.clock.advance(hours=1)
    bench.sync()
    carried = "SELECT period, carries, minutes FROM meter_event WHERE carries <> ''"
    assert bench.rows(carried) == [("2026-04", "2026-03", 2)]
    assert digest(bench) == before
