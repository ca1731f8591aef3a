"""What the source's total has more than the calls: what the ledger itself knows."""

from datetime import timedelta

import pytest

from billing.domain.break_causes import Cause
from billing.domain.breaks import Break
from tests.pipeline.bench import MARCH, NOON, START, Bench, call, of
from tests.pipeline.fakes import Record

HOUR = timedelta(hours=1)


def breaks_of(bench: Bench) -> list[Break]:
    """Pull, sync and reconcile; return what was found of the account."""
    bench.pull()
    bench.sync()
    return list(bench.reconcile().accounts[0].breaks)


def test_a_call_of_an_unknown_customer_explains_the_total(bench: Bench) -> None:
    bench.source.calls += [call("own"), call("ghost", seconds=300, **of("initech"))]
    [found] = breaks_of(bench)
    assert (found.cause, found.minutes, found.calls) == (
        Cause.QUARANTINED,
        -5,
        ("ghost",),
    )
    assert found.known_amount_micro is None
    assert "unknown_customer: customer 'initech'" in (found.evidence or "")
    assert "yours, in the settings" in (found.evidence or "")
    kept = "SELECT cause, minutes FROM reconciliation_break"
    assert bench.rows(kept) == [("quarantined", -5)]


def test_what_quarantine_leaves_is_the_totals_own_difference(bench: Bench) -> None:
    bench.source.calls += [call("own"), call("ghost", seconds=300, **of("initech"))]
    bench.source.minutes = 1 + 5 + 7
    causes = {item.cause: item.minutes for item in breaks_of(bench)}
    assert causes == {Cause.QUARANTINED: -5, Cause.SOURCE_TOTAL_DIFFERS: -7}


def test_a_total_without_the_quarantined_call_is_not_explained_by_it(
    bench: Bench,
) -> None:
    bench.source.calls += [call("own"), call("ghost", seconds=300, **of("initech"))]
    bench.source.minutes = 1
    assert breaks_of(bench) == []


def test_a_broken_call_may_be_all_that_is_left(bench: Bench) -> None:
    broken: Record = call("odd", seconds="300", billed_minutes=5)
    bench.source.calls += [call("own"), broken]
    [found] = breaks_of(bench)
    assert (found.cause, found.minutes, found.calls) == (
        Cause.QUARANTINED,
        -5,
        ("odd",),
    )
    assert "Pamela's to mend" in (found.evidence or "")


@pytest.mark.parametrize(
    ("minutes", "cause"), [(3, Cause.CALL_UNDERWAY), (90, Cause.SOURCE_TOTAL_DIFFERS)]
)
def test_a_call_underway_explains_no_more_than_it_may_have_talked(
    bench: Bench, minutes: int, cause: Cause
) -> None:
    begun = (START - HOUR).isoformat()
    talking = call("talks", START - HOUR, status="in_progress", started_at=begun)
    bench.source.calls += [call("own"), talking | {"duration_seconds": None}]
    bench.source.minutes = 1 + minutes
    [found] = breaks_of(bench)
    assert (found.cause, found.minutes) == (cause, -minutes)


def test_the_break_says_how_far_the_pull_looked_back(bench: Bench) -> None:
    bench.source.calls.append(call("own"))
    bench.source.minutes = 9
    [found] = breaks_of(bench)
    assert found.cause is Cause.SOURCE_TOTAL_DIFFERS
    looked = MARCH.start - timedelta(days=90)
    assert found.evidence == f"the last whole pull looked back to {looked:%Y-%m-%d}"


def test_a_call_planned_long_before_is_not_missing_at_the_source(bench: Bench) -> None:
    created = (NOON - timedelta(days=60)).isoformat()
    bench.source.calls += [call("own"), call("planned", created_at=created)]
    bench.pull()
    bench.source.minutes = 3
    assert [item.cause for item in breaks_of(bench)] == [Cause.SOURCE_TOTAL_DIFFERS]
    report = bench.reconcile()
    assert [item.cause for one in report.customers for item in one.breaks] == []


def test_a_call_planned_before_the_first_month_that_never_began_is_taken_back(
    bench: Bench,
) -> None:
    created = (MARCH.start - timedelta(days=9)).isoformat()
    bench.take(call("planned", created_at=created, seconds=300))
    bench.source.change("planned", started_at=None, duration_seconds=None)
    bench.pull()
    report = bench.reconcile()
    assert bench.minutes() == {"acme": 0}
    causes = {item.cause for one in report.customers for item in one.breaks}
    assert Cause.BEFORE_FIRST_PERIOD not in causes


def test_a_call_dated_before_the_first_month_is_taken_back_and_named(
    bench: Bench,
) -> None:
    bench.take(call("own"), call("moved", MARCH.start + HOUR, seconds=300))
    bench.sync()
    began = MARCH.start - timedelta(minutes=1)
    bench.source.change("moved", started_at=began.isoformat())
    bench.pull()
    bench.clock.advance(hours=3)
    bench.sync()
    report = bench.reconcile()
    assert report.difference_minutes == 0
    [found] = [item for one in report.customers for item in one.breaks]
    assert (found.cause, found.minutes, found.calls) == (
        Cause.BEFORE_FIRST_PERIOD,
        0,
        ("moved",),
    )
    assert "5 minutes were taken back" in (found.evidence or "")
    assert bench.rows("SELECT DISTINCT period FROM b2b_usage") == [("2026-03",)]
    assert bench.counted() == {"acme": 1}
