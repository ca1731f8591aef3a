"""A month is frozen once, whole or not at all, and nothing gets into it afterwards."""

from datetime import datetime, timedelta

import pytest

from billing.domain.break_causes import Cause
from billing.domain.close_obstacles import ObstacleKind
from billing.domain.period import BillingPeriod, Window
from billing.errors import MeterUnavailable, SourceUnavailable
from billing.ledger.audit.audit_log import Actor
from billing.ledger.close.period_close import freeze, period_digest
from billing.ledger.reconcile import case_list
from billing.ledger.reconcile.case_list import CaseFilter
from billing.pipeline.close import CloseReport, check_close, close_period
from billing.pipeline.concurrency import no_progress
from tests.pipeline.bench import MARCH, NOON, Bench, call, of
from tests.pipeline.fakes import Killed, StrictMeter, refuse


def close(
    bench: Bench, period: BillingPeriod = MARCH, *, reason: str | None = None
) -> CloseReport:
    terms = bench.cycle_options()
    return close_period(
        bench.ledger,
        bench.meter,
        terms,
        period,
        lambda _: no_progress,
        reason=reason,
    )


def digest(bench: Bench) -> str:
    with bench.ledger.reading() as connection:
        return period_digest(connection, MARCH)


def look(bench: Bench) -> CloseReport:
    now, first = bench.clock.now(), bench.first_period
    return check_close(bench.ledger, MARCH, ["main"], now, first_period=first)


def kinds(report: CloseReport) -> set[ObstacleKind]:
    return {obstacle.kind for obstacle in report.obstacles}


def closes(bench: Bench) -> list[tuple[str, str, str]]:
    return [
        (period, by, digest)
        for period, by, digest in bench.rows(
            "SELECT period, closed_by, digest FROM period_close"
        )
    ]


def send_march(bench: Bench) -> None:
    """Bill two customers in March, send it, and go on to April."""
    bench.take(call("1"), call("2", seconds=61, **of("globex")))
    bench.sync()
    bench.clock.advance(days=23)


def test_a_month_that_is_done_is_frozen_with_its_digest_and_totals(
    either_bench: Bench,
) -> None:
    bench = either_bench
    send_march(bench)
    report = close(bench, reason="the books agree")
    assert report.obstacles == ()
    assert report.closed is not None
    assert not report.already
    assert closes(bench) == [("2026-03", "tests", digest(bench))]
    totals = report.closed.totals
    assert (totals["rows"], totals["minutes"]) == (2, 3)
    assert totals["amount_micro"] == 300_000
    assert [one["customer"] for one in totals["customers"]] == ["acme", "globex"]
    query = "SELECT reason, detail FROM audit_event WHERE action = 'period.closed'"
    [(reason, detail)] = bench.rows(query)
    assert reason == "the books agree"
    assert digest(bench) in detail


def test_closing_again_changes_nothing_and_says_so(either_bench: Bench) -> None:
    bench = either_bench
    send_march(bench)
    first = close(bench)
    before = closes(bench)
    bench.clock.advance(days=1)
    again = close(bench)
    assert (again.already, again.obstacles) == (True, ())
    assert again.closed == first.closed
    assert look(bench) == again
    assert closes(bench) == before


def test_a_kill_while_closing_leaves_the_month_open_and_a_repeat_closes_it(
    either_bench: Bench,
) -> None:
    """Fault 7."""
    bench = either_bench
    send_march(bench)
    who = Actor("tests", bench.clock.now())

    def close_and_die() -> None:
        with bench.ledger.writing() as connection:
            freeze(connection, MARCH, who, run=1, reason=None)
            raise Killed

    with pytest.raises(Killed):
        close_and_die()
    assert closes(bench) == []
    query = "SELECT count(*) FROM audit_event WHERE action = 'period.closed'"
    assert bench.rows(query) == [(0,)]
    assert close(bench).closed is not None


def test_a_close_reads_the_month_once_more_before_it_decides(bench: Bench) -> None:
    send_march(bench)
    bench.source.calls.append(call("late"))
    assert kinds(look(bench)) == {ObstacleKind.NOT_PULLED, ObstacleKind.NOT_RECONCILED}
    report = close(bench)
    assert {ObstacleKind.NOT_STAGED} <= kinds(report)
    late = next(one for one in report.obstacles if one.kind is ObstacleKind.NOT_STAGED)
    assert (late.count, late.minutes, late.names) == (1, 1, ("late",))
    bench.sync()
    assert close(bench).closed is not None
    assert sum(bench.minutes().values()) == 4


def test_what_cannot_be_understood_keeps_a_month_open(bench: Bench) -> None:
    send_march(bench)
    bench.source.calls.append(call("odd", seconds=-1))
    report = close(bench)
    obstacle = report.obstacles[0]
    assert (obstacle.kind, obstacle.names) == (ObstacleKind.QUARANTINED, ("odd",))
    assert closes(bench) == []


def test_a_call_that_is_not_over_keeps_its_month_open(bench: Bench) -> None:
    at = MARCH.end - timedelta(minutes=1)
    send_march(bench)
    bench.clock.advance(hours=-48)
    bench.source.calls.append(call("long", at, None, status="in_progress"))
    assert ObstacleKind.UNDERWAY in kinds(close(bench))
    bench.clock.advance(days=1)
    [obstacle] = close(bench).obstacles
    assert obstacle.kind is ObstacleKind.UNDERWAY
    assert "more than a day" in obstacle.found


def test_a_refused_event_keeps_a_month_open_until_it_is_fixed(bench: Bench) -> None:
    bench.meter.by_customer["globex"] = refuse
    send_march(bench)
    report = close(bench)
    assert ObstacleKind.NOT_FINAL in kinds(report)
    [event] = [one for one in report.obstacles if one.kind is ObstacleKind.NOT_FINAL]
    assert (event.count, event.minutes) == (1, 2)
    assert "rejected" in event.found
    assert event.names[0].startswith("test-stripe_minutes-cus_globex-")
    assert closes(bench) == []


def test_a_difference_keeps_a_month_open_until_somebody_acknowledges_it(
    bench: Bench,
) -> None:
    send_march(bench)
    bench.source.remove("1")
    report = close(bench)
    [obstacle] = report.obstacles
    assert obstacle.kind is ObstacleKind.BREAKS
    assert "missing_at_source" in obstacle.found
    assert (obstacle.count, obstacle.minutes) == (1, 1)
    assert "acme" in obstacle.names[0]


class DeadMeter(StrictMeter):
    """A meter that cannot be read."""

    def read_hours(self, stripe_customer: str, window: Window) -> dict[datetime, int]:
        raise MeterUnavailable("gone")


def test_a_meter_that_cannot_be_read_keeps_a_month_open(bench: Bench) -> None:
    send_march(bench)
    bench.meter = DeadMeter(bench.clock)
    report = close(bench)
    assert kinds(report) == {ObstacleKind.UNREADABLE, ObstacleKind.NOT_RECONCILED}
    assert "gone" in report.obstacles[0].found
    assert closes(bench) == []


def test_a_source_that_cannot_be_read_keeps_a_month_open(bench: Bench) -> None:
    send_march(bench)

    def fail() -> None:
        raise SourceUnavailable("main", "gone")

    bench.source.between_pages = fail
    report = close(bench)
    assert {ObstacleKind.UNREADABLE, ObstacleKind.NOT_PULLED} <= kinds(report)
    assert "gone" in report.obstacles[0].found
    assert closes(bench) == []


def test_the_oldest_month_is_closed_first(bench: Bench) -> None:
    bench.bill_from(MARCH.previous)
    february = call("0", NOON - timedelta(days=20))
    bench.source.calls.append(february)
    bench.pull(MARCH.previous)
    send_march(bench)
    [obstacle] = close(bench).obstacles
    assert (obstacle.kind, obstacle.names) == (ObstacleKind.EARLIER_OPEN, ("2026-02",))


def test_what_was_posted_before_the_first_month_keeps_none_open(bench: Bench) -> None:
    bench.bill_from(MARCH.previous)
    bench.source.calls.append(call("0", NOON - timedelta(days=20)))
    bench.pull(MARCH.previous)
    send_march(bench)
    bench.bill_from(MARCH)
    assert close(bench).obstacles == ()


def test_a_month_that_lost_a_call_to_one_before_all_can_be_closed(
    bench: Bench,
) -> None:
    bench.source.calls.append(call("moved", MARCH.start + timedelta(hours=1)))
    send_march(bench)
    began = MARCH.start - timedelta(hours=1)
    bench.source.change("moved", started_at=began.isoformat())
    bench.pull()
    bench.sync()
    bench.clock.advance(hours=3)
    bench.reconcile()
    with bench.ledger.writing() as connection:
        [case] = case_list.list_cases(connection, CaseFilter(period=MARCH))
        assert case.cause is Cause.BEFORE_FIRST_PERIOD
        actor = Actor("tests", bench.clock.now())
        case_list.acknowledge(connection, actor, [case.number], "known")
    assert close(bench).obstacles == ()


def test_a_month_that_is_not_over_is_not_even_read(bench: Bench) -> None:
    bench.take(call("1"))
    asked = len(bench.source.requests)
    assert kinds(close(bench)) == {ObstacleKind.NOT_OVER}
    assert len(bench.source.requests) == asked


def test_a_month_without_usage_is_closed_like_any_other(bench: Bench) -> None:
    bench.clock.advance(days=23)
    report = close(bench)
    assert report.closed is not None
    assert report.closed.totals["rows"] == 0
