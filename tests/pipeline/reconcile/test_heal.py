"""Heal: what is provably safe is done and told; the rest is told and left alone."""

from datetime import timedelta

import pytest

from billing.domain.break_causes import Cause
from billing.pipeline.concurrency import no_progress
from billing.pipeline.reconcile.heal import HealReport, heal_period
from tests.pipeline.bench import MARCH, NOON, Bench, call
from tests.pipeline.cause_cases import CASES
from tests.pipeline.fakes import lose_answer, refuse
from tests.pipeline.mishaps import HOUR, adds_up, settle, take_and_sync


def heal(bench: Bench) -> HealReport:
    terms = bench.cycle_options()
    report = heal_period(bench.ledger, bench.meter, terms, MARCH, lambda _: no_progress)
    adds_up(report.before)
    adds_up(report.after)
    return report


def test_a_month_that_is_clean_is_left_alone(bench: Bench) -> None:
    take_and_sync(bench)
    requests = len(bench.source.requests)
    report = heal(bench)
    assert (report.done, report.left) == ((), ())
    assert report.before is report.after
    assert len(bench.source.requests) == requests
    assert bench.rows("SELECT count(*) FROM reconciliation_run") == [(1,)]


@pytest.mark.parametrize(
    "cause",
    [
        Cause.LATE_CALL,
        Cause.CHANGED_CALL,
        Cause.IN_FLIGHT,
        Cause.UNANSWERED,
        Cause.COUNTED_UNRECORDED,
    ],
)
def test_what_the_next_hours_would_heal_is_healed_now(
    bench: Bench, cause: Cause
) -> None:
    case = CASES[cause]
    case.arrange(bench)
    report = heal(bench)
    done = {one.cause: one for one in report.done}
    assert done[cause].minutes == case.minutes
    assert report.left == ()
    assert report.after.clean


def test_what_was_done_is_said(bench: Bench) -> None:
    CASES[Cause.LATE_CALL].arrange(bench)
    (late,) = heal(bench).done
    assert "pulled 2026-03 of main again" in late.did
    assert "1 synced" in late.did


@pytest.mark.parametrize(
    "cause",
    [Cause.MISSING_AT_SOURCE, Cause.FOREIGN_EVENT, Cause.REJECTED, Cause.VOIDED],
)
def test_what_a_person_has_to_decide_is_named_and_never_touched(
    bench: Bench, cause: Cause
) -> None:
    case = CASES[cause]
    case.arrange(bench)
    before = bench.rows("SELECT state, reason, tries FROM meter_event ORDER BY id")
    report = heal(bench)
    assert report.done == ()
    (left,) = report.left
    assert (left.cause, left.minutes) == (cause, case.minutes)
    assert left.did == cause.remedy
    after = bench.rows("SELECT state, reason, tries FROM meter_event ORDER BY id")
    assert before == after


def test_some_is_healed_and_the_rest_is_left(bench: Bench) -> None:
    bench.meter.script = [refuse]
    bench.take(call("refused", NOON, 300), call("fine", NOON + HOUR, 120))
    bench.sync()
    bench.source.calls.append(call("late", NOON + 2 * HOUR, 180))
    report = heal(bench)
    assert [(one.cause, one.minutes) for one in report.done] == [(Cause.LATE_CALL, -3)]
    assert [(one.cause, one.minutes) for one in report.left] == [(Cause.REJECTED, -5)]


def test_an_unknown_outcome_is_settled_by_reading_its_own_minute(bench: Bench) -> None:
    bench.take(call("c", seconds=300))
    bench.meter.script = [lose_answer] * 6
    bench.sync()
    bench.clock.advance(hours=24)
    bench.sync()
    settle(bench)
    report = heal(bench)
    assert report.after.clean
    bench.clock.advance(minutes=1)
    assert bench.clock.now() > NOON + timedelta(days=1)
