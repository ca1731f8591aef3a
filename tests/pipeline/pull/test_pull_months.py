"""What a pull reads is recorded in its month; what is missing is searched for."""

from datetime import timedelta

import pytest

from billing.domain.call import LOOK_BACK, READ_AGAIN
from billing.ledger.integrity.find_faults import find_faults
from tests.pipeline.bench import APRIL, MARCH, NOON, START, Bench, call
from tests.pipeline.fakes import Record

HOUR = timedelta(hours=1)
BILLED = "SELECT call_id, period, sum(billed_minutes) FROM b2b_usage GROUP BY 1, 2"
SCOPES = (
    "SELECT month, calls, billed_here, looked_back_to FROM pull_scope "
    "WHERE pull_id = (SELECT max(id) FROM pull) ORDER BY month"
)


def planned(days: int) -> Record:
    """Return a call that was created so many days before it began."""
    return call("planned", created_at=(NOON - timedelta(days=days)).isoformat())


def days_read(bench: Bench) -> float:
    """Return how far before the month the source was asked."""
    first = min(window.start for window, _ in bench.source.requests)
    return (MARCH.start - first) / timedelta(days=1)


def faults(bench: Bench) -> list[str]:
    """Check every invariant."""
    with bench.ledger.reading() as connection:
        return [word for words in find_faults(connection).values() for word in words]


def test_a_call_of_a_month_that_nobody_asked_for_is_recorded_there(
    bench: Bench,
) -> None:
    bench.clock.advance(days=40)
    begun = (APRIL.start + HOUR).isoformat()
    late = call("late", MARCH.end - HOUR, started_at=begun)
    bench.source.calls += [call("own"), late]
    certificate = bench.pull(MARCH)
    assert sorted(bench.rows(BILLED)) == [("late", "2026-04", 1), ("own", "2026-03", 1)]
    assert certificate.not_billable == {"other_month": 1}
    passed = certificate.passed_over["2026-04"]
    assert (passed.calls, passed.billed_here) == (1, True)
    assert [row[:3] for row in bench.rows(SCOPES)] == [("2026-04", 1, 1)]
    assert faults(bench) == []


def test_a_call_before_the_first_month_is_named_and_not_billed(bench: Bench) -> None:
    before = call("before", MARCH.start - HOUR, customer="nobody's", seconds=-5)
    bench.take(before, call("own"))
    assert bench.rows(BILLED) == [("own", "2026-03", 1)]
    assert [row[:3] for row in bench.rows(SCOPES)] == [("2026-02", 1, 0)]
    assert bench.rows("SELECT count(*) FROM quarantine") == [(0,)]


def test_a_call_that_was_met_and_is_not_in_the_ledger_is_a_fault(bench: Bench) -> None:
    bench.clock.advance(days=40)
    late = call("late", APRIL.start + HOUR)
    bench.source.calls += [late, call("later", APRIL.start + 2 * HOUR)]
    bench.pull(MARCH)
    assert faults(bench) == []
    bench.execute("DROP TRIGGER pull_scope_stays")
    bench.execute("UPDATE pull_scope SET calls = 3")
    assert any("of which the ledger has 2" in words for words in faults(bench))


@pytest.mark.parametrize(
    ("days", "margin"), [(13, 4), (20, 16), (60, 64), (90, 90), (98, 90)]
)
def test_a_total_that_is_more_is_searched_for_till_it_ties(
    bench: Bench, days: int, margin: int
) -> None:
    bench.take(call("own"), planned(days))
    assert sorted(bench.rows(BILLED)) == [
        ("own", "2026-03", 1),
        ("planned", "2026-03", 1),
    ]
    assert days_read(bench) == margin
    first = (MARCH.start - timedelta(days=margin)).isoformat()
    assert bench.rows(SCOPES)[-1][2:] == (1, first)
    assert faults(bench) == []


def test_nothing_is_searched_for_when_all_ties(bench: Bench) -> None:
    bench.take(call("own"))
    assert days_read(bench) == READ_AGAIN / timedelta(days=1)
    totals = bench.source.totals_read
    assert totals == 1
    assert bench.rows(SCOPES) == []


def test_a_total_that_nothing_explains_is_searched_for_once_a_day(
    bench: Bench,
) -> None:
    bench.source.calls.append(call("own"))
    bench.source.minutes = 1_000
    bench.cycle()
    furthest = LOOK_BACK / timedelta(days=1)
    assert days_read(bench) == furthest
    for hours, expected in ((1, False), (1, False), (24, True)):
        bench.source.requests.clear()
        bench.clock.advance(hours=hours)
        bench.source.calls.append(call(f"new {hours} {bench.clock.now()}"))
        bench.cycle()
        assert (days_read(bench) == furthest) is expected


def test_more_that_is_missing_is_searched_for_at_once(bench: Bench) -> None:
    bench.source.calls.append(call("own"))
    bench.source.minutes = 1_000
    bench.cycle()
    bench.source.requests.clear()
    bench.clock.advance(hours=1)
    bench.source.minutes = 1_001
    bench.source.calls.append(planned(60))
    bench.cycle()
    assert bench.minutes() == {"acme": 2}


def test_a_call_in_quarantine_does_not_stand_in_for_one_that_was_not_found(
    bench: Bench,
) -> None:
    bench.source.calls += [call("strange", seconds=-5, billed_minutes=1), planned(60)]
    bench.source.minutes = 1  # the source counts only the one that was not found
    bench.cycle()
    assert bench.minutes() == {"acme": 1}


def test_a_call_whose_id_was_used_again_does_not_stand_in_for_another(
    bench: Bench,
) -> None:
    bench.source.calls = [call("reused")]
    bench.cycle()
    again = call("reused", created_at=(NOON + HOUR).isoformat())
    bench.source.calls = [again, planned(60)]
    bench.source.minutes = 2
    bench.clock.advance(hours=24)
    bench.cycle()
    assert bench.minutes() == {"acme": 2}


def test_a_call_that_began_while_the_list_was_read_is_not_searched_for(
    bench: Bench,
) -> None:
    def one_more() -> None:
        bench.source.between_pages = lambda: None
        bench.clock.advance(seconds=90)
        bench.source.calls.append(call("new", START, seconds=30))

    bench.source.between_pages = one_more
    bench.take(call("own"))
    assert bench.minutes() == {"acme": 2}
    assert days_read(bench) == READ_AGAIN / timedelta(days=1)


@pytest.mark.parametrize("filtered_by", ["created_at", "started_at"])
@pytest.mark.parametrize("days", [0, 1, 3, 60])
def test_a_pull_is_whole_whatever_the_source_filters_by(
    bench: Bench, filtered_by: str, days: int
) -> None:
    bench.source.filtered_by = filtered_by
    bench.take(call("own"), planned(days))
    assert bench.minutes() == {"acme": 2}


def test_a_call_that_left_the_month_is_asked_for_by_its_name(bench: Bench) -> None:
    bench.bill_from(MARCH.previous)
    bench.source.filtered_by = "started_at"
    bench.take(call("own"), call("moved"))
    moved_to = MARCH.start - timedelta(days=10)
    bench.source.change("moved", started_at=moved_to.isoformat())
    bench.pull()
    query = "SELECT period, sum(billed_minutes) FROM b2b_usage GROUP BY 1 ORDER BY 1"
    assert bench.rows(query) == [("2026-02", 1), ("2026-03", 1)]


@pytest.mark.parametrize("seconds", [30, 60, 600])
def test_a_deleted_call_hides_none_that_is_missing(bench: Bench, seconds: int) -> None:
    bench.take(call("own"), call("gone", seconds=seconds))
    bench.source.remove("gone")
    bench.source.calls.append(planned(60))
    bench.pull()
    assert ("planned", "2026-03", 1) in bench.rows(BILLED)


def test_a_deleted_call_of_other_minutes_hides_none_that_is_missing(
    bench: Bench,
) -> None:
    bench.take(call("own"), call("gone", seconds=30, billed_minutes=3))
    bench.source.remove("gone")
    bench.source.calls.append(planned(60))
    bench.pull()
    assert ("planned", "2026-03", 1) in bench.rows(BILLED)


@pytest.mark.parametrize("seconds", [30, 60, 600])
def test_an_id_that_is_used_again_hides_none_that_is_missing(
    bench: Bench, seconds: int
) -> None:
    bench.take(call("own"), call("again", seconds=seconds))
    bench.source.remove("again")
    created = (NOON - timedelta(minutes=9)).isoformat()
    bench.source.calls += [call("again", created_at=created), planned(60)]
    bench.pull()
    assert ("planned", "2026-03", 1) in bench.rows(BILLED)


def test_a_planned_call_that_changes_is_followed(bench: Bench) -> None:
    bench.take(call("own"), planned(60))
    bench.source.requests.clear()
    bench.source.change("planned", duration_seconds=300)
    bench.pull()
    assert bench.minutes() == {"acme": 6}
    assert days_read(bench) == READ_AGAIN / timedelta(days=1)


def test_a_quarantined_call_stands_in_its_own_month(bench: Bench) -> None:
    bench.clock.advance(days=40)
    bench.source.calls.append(call("odd", APRIL.start + HOUR, seconds=-1))
    bench.pull(MARCH)
    query = "SELECT call_id, period FROM quarantine"
    assert bench.rows(query) == [("odd", "2026-04")]
