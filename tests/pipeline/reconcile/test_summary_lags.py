"""How late a summary first showed each event is measured by whoever reconciles."""

from datetime import timedelta

import pytest

from billing.domain.summary_lag import LagsMeasured
from billing.ledger.audit import schema_history
from billing.ledger.audit.audit_log import Actor
from billing.ledger.reconcile.summary_lags import lags_measured
from tests.pipeline.bench import NOON, START, Bench, call
from tests.pipeline.fakes import lose_answer, lose_request
from tests.pipeline.mishaps import HOUR, settle

MINUTE = timedelta(minutes=1)
LAGS = "SELECT event_id, lag_seconds FROM summary_lag ORDER BY event_id"


def hide_last(bench: Bench) -> None:
    bench.meter.hidden = {bench.meter.requests[-1].event.identifier}


def begin(bench: Bench) -> None:
    """Have measured an event before."""
    bench.take(call("before", NOON - HOUR, 60))
    bench.sync()
    bench.reconcile()
    bench.clock.advance(minutes=1)


def look_before_and_after_the_last_shows(bench: Bench) -> None:
    hide_last(bench)
    bench.clock.advance(minutes=1)
    bench.reconcile()
    bench.meter.hidden.clear()
    bench.clock.advance(hours=1)
    bench.reconcile()


def measured(bench: Bench) -> LagsMeasured:
    with bench.ledger.reading() as connection:
        return lags_measured(connection, bench.clock.now())


def longest_hours(bench: Bench) -> int:
    longest = measured(bench).longest
    assert longest is not None
    return longest // HOUR


def test_each_event_is_measured_once_by_the_look_that_first_shows_it(
    either_bench: Bench,
) -> None:
    bench = either_bench
    bench.take(call("a", NOON, 300), call("b", NOON + HOUR, 60))
    bench.sync()
    hide_last(bench)
    bench.clock.advance(minutes=1)
    bench.reconcile()
    assert bench.rows(LAGS) == [(1, 60)]
    bench.clock.advance(hours=1)
    bench.reconcile()
    bench.meter.hidden.clear()
    bench.clock.advance(hours=1)
    bench.reconcile()
    bench.reconcile()
    assert bench.rows(LAGS) == [(1, 60), (2, 2 * 3_600 + 60)]
    assert measured(bench) == LagsMeasured(2 * HOUR + MINUTE, START + MINUTE)


def test_what_came_late_and_is_not_shown_yet_makes_nothing_older_of_its_hour_late(
    either_bench: Bench,
) -> None:
    """The machine was off for most of a day; then the hour's sum is off for a while."""
    bench = either_bench
    begin(bench)
    bench.take(call("a", NOON, 840))
    bench.sync()
    bench.clock.advance(hours=20)
    bench.take(call("b", NOON, 60))
    bench.sync()
    look_before_and_after_the_last_shows(bench)
    assert bench.rows(LAGS) == [(1, 0), (2, None), (3, 3_660)]
    assert measured(bench).longest == HOUR + MINUTE


def test_of_two_events_of_an_hour_either_of_which_may_be_missing_none_is_shown(
    either_bench: Bench,
) -> None:
    """A lag that may be too long delays a send; one that is too short bills twice."""
    bench = either_bench
    begin(bench)
    bench.take(call("a", NOON, 300))
    bench.sync()
    bench.clock.advance(hours=3)
    bench.take(call("a", NOON, 300), call("b", NOON, 300))
    bench.sync()
    look_before_and_after_the_last_shows(bench)
    assert bench.rows(LAGS) == [(1, 0), (2, 4 * 3_600 + 60), (3, 3_660)]


@pytest.mark.parametrize(
    ("looks", "lag"),
    [
        # Nobody looked for days: that is no long lag, and no short one.
        ([(96, False)], None),
        # It was late for an hour at least; how long then, nobody saw.
        ([(1, True), (96, False)], 3_600),
        ([(1, True), (1, True), (1, False)], 3 * 3_600),
    ],
)
def test_only_what_somebody_looked_for_is_a_lag(
    bench: Bench, looks: list[tuple[int, bool]], lag: int | None
) -> None:
    begin(bench)
    bench.take(call("a", NOON, 300))
    bench.sync()
    for hours, is_hidden in looks:
        if is_hidden:
            hide_last(bench)
        else:
            bench.meter.hidden.clear()
        bench.clock.advance(hours=hours)
        bench.reconcile()
    assert bench.rows(LAGS)[1:] == [(2, lag)]


def test_what_was_settled_by_its_own_minute_is_measured_by_the_reads_of_it(
    bench: Bench,
) -> None:
    begin(bench)
    bench.meter.script = [lose_answer, *[lose_request] * 5]
    bench.take(call("a", NOON, 300))
    bench.sync()
    hide_last(bench)
    for hours in (24, 1):
        bench.clock.advance(hours=hours)
        bench.sync()
    bench.meter.hidden.clear()
    bench.clock.advance(hours=1)
    bench.sync()
    bench.reconcile()
    _, (_, lag) = bench.rows(LAGS)
    assert timedelta(seconds=lag) // HOUR == 26


def test_what_is_never_shown_keeps_nothing_else_from_being_measured(
    bench: Bench,
) -> None:
    bench.take(call("a", NOON, 300))
    bench.sync()
    hide_last(bench)
    for number in range(3):
        bench.take(call(f"b{number}", NOON + (number + 1) * HOUR, 60))
        bench.sync()
        bench.clock.advance(minutes=5)
        bench.reconcile()
    assert bench.rows(LAGS) == [(2, 300), (3, 300), (4, 300)]


def test_only_the_longest_of_35_days_counts(bench: Bench) -> None:
    bench.take(call("a", NOON, 300))
    bench.sync()
    bench.clock.advance(hours=2)
    bench.reconcile()
    assert measured(bench).longest == 2 * HOUR
    bench.clock.advance(days=36)
    assert measured(bench) == LagsMeasured(None, START + 2 * HOUR)


def test_what_was_read_before_the_first_measured_event_says_how_late_that_one_was(
    bench: Bench,
) -> None:
    bench.meter.script = [lose_answer, *[lose_request] * 5]
    bench.take(call("a", NOON, 300))
    bench.sync()
    hide_last(bench)
    bench.clock.advance(hours=24)
    bench.sync()
    bench.meter.hidden.clear()
    bench.clock.advance(hours=6)
    bench.sync()
    bench.reconcile()
    lags = measured(bench)
    assert lags.longest is not None
    assert lags.longest // HOUR == 24
    assert lags.since == bench.clock.now()  # and no earlier: nobody measured then


def test_the_first_event_of_a_new_ledger_is_measured_by_all_who_looked(
    either_bench: Bench,
) -> None:
    bench = either_bench
    bench.take(call("a", NOON, 300))
    bench.sync()
    hide_last(bench)
    for hours in (1, 1, 128):
        bench.clock.advance(hours=hours)
        bench.reconcile()
    bench.meter.hidden.clear()
    bench.clock.advance(hours=1)
    bench.reconcile()
    assert bench.rows(LAGS) == [(1, 131 * 3_600)]


def test_looks_of_a_version_that_measured_no_lags_are_none(bench: Bench) -> None:
    bench.take(call("a", NOON, 300))
    bench.sync()
    hide_last(bench)
    bench.clock.advance(hours=5)
    bench.reconcile()
    with bench.ledger.writing() as connection:
        actor = Actor("the operator", bench.clock.now())
        schema_history.record_upgrade(connection, actor, "0017")
    bench.meter.hidden.clear()
    bench.clock.advance(hours=1)
    bench.reconcile()
    assert bench.rows(LAGS) == [(1, None)]


def test_what_shows_once_and_then_twice_says_how_late_the_first_was(
    bench: Bench,
) -> None:
    begin(bench)
    bench.meter.script = [lose_answer, *[lose_request] * 5]
    bench.take(call("a", NOON, 300))
    bench.sync()
    hide_last(bench)
    for _ in range(4):
        bench.clock.advance(hours=24)
        bench.sync()
    _, second = [one for one in bench.meter.counted if one.event.minutes == 5]
    bench.meter.counted.remove(second)
    bench.meter.hidden.clear()
    bench.clock.advance(hours=1)
    bench.reconcile()
    bench.meter.counted.append(second)
    bench.clock.advance(hours=3)
    bench.reconcile()
    assert longest_hours(bench) >= 72


def test_what_was_sent_again_too_soon_and_counts_twice_says_how_late_it_was(
    bench: Bench,
) -> None:
    begin(bench)
    bench.meter.script = [lose_answer, *[lose_request] * 5]
    bench.take(call("a", NOON, 300))
    bench.sync()
    hide_last(bench)
    for _ in range(5):
        bench.clock.advance(hours=24)
        bench.sync()
        bench.reconcile()
    assert len(bench.meter.counted) == 3, "beyond the bound it is sent again"
    bench.meter.hidden.clear()
    settle(bench)
    assert longest_hours(bench) >= 96


def test_what_was_rejected_by_silence_and_shows_after_all_says_how_late_it_was(
    bench: Bench,
) -> None:
    """Taken, then known as a duplicate, then not shown for longer than was believed."""
    begin(bench)
    bench.take(call("a", NOON, 300))
    bench.sync()
    hide_last(bench)
    for _ in range(6):
        bench.clock.advance(hours=24)
        bench.reconcile()
        bench.sync()
    reasons = "SELECT reason FROM meter_event ORDER BY id"
    assert bench.rows(reasons) == [(None,), ("rejected",)]
    bench.meter.hidden.clear()
    settle(bench)
    causes = "SELECT cause FROM break_case WHERE resolved_at IS NULL ORDER BY cause"
    assert bench.rows(causes) == [("counted_after_all",), ("rejected",)]
    assert longest_hours(bench) >= 72
