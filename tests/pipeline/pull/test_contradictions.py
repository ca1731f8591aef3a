"""Calls whose duration and times contradict each other: set aside when they are new."""

from dataclasses import replace
from datetime import timedelta

from billing.domain.break_causes import Cause
from billing.domain.call_times import TimeTolerance
from billing.ledger.integrity.find_faults import find_faults
from billing.ledger.reconcile.case_list import acknowledge
from billing.pipeline.reconcile.reconcile import CLOSELY
from tests.ledger.bookkeeping import ACTOR, close_period
from tests.pipeline.bench import MARCH, NOON, Bench, call
from tests.pipeline.fakes import Record

HOUR = timedelta(hours=1)
ANYTHING = TimeTolerance(86_400, 86_400, 100)
ASIDE = "SELECT call_id, reason, period, released_at IS NULL FROM quarantine"


def contradicting(name: str = "odd", seconds: int = 60) -> Record:
    """Return a call that ends an hour after its start, whatever its duration."""
    return call(name, seconds=seconds, ended_at=(NOON + HOUR).isoformat())


def as_before(bench: Bench) -> None:
    """Read as the versions did that compared no times."""
    bench.rules = replace(bench.rules, times=ANYTHING)


def as_now(bench: Bench) -> None:
    """Read as this version does."""
    bench.rules = replace(bench.rules, times=TimeTolerance())


def faults_of(bench: Bench) -> list[str]:
    """Check every invariant."""
    with bench.ledger.reading() as connection:
        return [word for words in find_faults(connection).values() for word in words]


def acknowledge_case(bench: Bench, number: int) -> None:
    """Let a person say that it may stay so."""
    with bench.ledger.writing() as connection:
        acknowledge(connection, ACTOR, [number], "Pamela says that 60 s are right")


def test_a_new_call_that_contradicts_itself_is_set_aside(either_bench: Bench) -> None:
    bench = either_bench
    bench.take(call("own"), contradicting())
    certificate = bench.pull()
    assert certificate.quarantined == {"times_contradict": 1}
    assert bench.rows(ASIDE) == [("odd", "times_contradict", "2026-03", 1)]
    assert bench.minutes() == {"acme": 1}
    assert faults_of(bench) == []


def test_it_is_billed_once_its_record_is_right(bench: Bench) -> None:
    bench.take(contradicting())
    bench.source.change("odd", duration_seconds=3_600)
    bench.pull()
    assert bench.minutes() == {"acme": 60}
    assert bench.rows(ASIDE) == [("odd", "times_contradict", "2026-03", 0)]


def test_a_billed_call_stays_as_it_was_when_a_revision_contradicts(
    bench: Bench,
) -> None:
    bench.take(call("odd", seconds=60))
    bench.source.change("odd", ended_at=(NOON + HOUR).isoformat(), duration_seconds=300)
    bench.pull()
    assert bench.minutes() == {"acme": 1}
    assert bench.rows(ASIDE) == [("odd", "times_contradict", "2026-03", 1)]
    bench.sync()
    report = bench.reconcile(depth=CLOSELY)
    [found] = report.customers[0].breaks
    assert (found.cause, found.minutes, found.calls) == (Cause.QUARANTINED, 1, ("odd",))
    assert (found.evidence or "").startswith("billed as it was before; now times_")
    assert report.customers[0].unexplained_minutes == 0


def test_what_an_earlier_version_billed_is_listed_once_and_not_taken_back(
    either_bench: Bench,
) -> None:
    bench = either_bench
    as_before(bench)
    bench.take(contradicting(), call("own"))
    bench.sync()
    assert bench.reconcile().clean
    as_now(bench)
    for _ in range(3):
        bench.pull()
    assert bench.minutes() == {"acme": 2}
    assert bench.rows(ASIDE) == []
    assert bench.rows("SELECT call_id, revision FROM contradicting_call") == [
        ("odd", 1)
    ]
    report = bench.reconcile()
    [found] = report.customers[0].breaks
    assert (found.cause, found.minutes) == (Cause.TIMES_CONTRADICT, 0)
    assert found.calls == ("odd",)
    assert "duration_seconds is 60" in (found.evidence or "")
    assert report.needs_a_person
    assert report.difference_minutes == 0
    assert faults_of(bench) == []


def test_a_person_who_knows_of_it_hears_no_more(bench: Bench) -> None:
    as_before(bench)
    bench.take(contradicting())
    bench.sync()
    as_now(bench)
    bench.pull()
    bench.reconcile()
    [(case,)] = bench.rows("SELECT id FROM break_case")
    acknowledge_case(bench, case)
    assert not bench.reconcile().needs_a_person
    assert bench.rows("SELECT count(*) FROM break_case") == [(1,)]


def test_a_later_revision_that_is_right_ends_the_listing(bench: Bench) -> None:
    as_before(bench)
    bench.take(contradicting())
    as_now(bench)
    bench.pull()
    bench.source.change("odd", duration_seconds=3_600)
    bench.pull()
    bench.sync()
    assert bench.minutes() == {"acme": 60}
    assert bench.reconcile().clean


def test_what_is_set_aside_of_a_closed_month_stands_in_an_open_one(
    bench: Bench,
) -> None:
    bench.take(call("own"))
    bench.sync()
    close_period(bench.ledger, MARCH)
    bench.source.calls.append(contradicting())
    bench.pull(MARCH)
    assert bench.rows(ASIDE) == [("odd", "times_contradict", "2026-04", 1)]
