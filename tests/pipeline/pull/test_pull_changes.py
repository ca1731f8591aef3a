"""What a pull makes of calls that change, come late, or are understood at last."""

from datetime import timedelta

import pytest

from billing.domain.call import QuarantineReason
from tests.pipeline.bench import APRIL, MARCH, NOON, Bench, call, of
from tests.pipeline.fakes import Record

POSTINGS = "SELECT type, billed_minutes, period, hour FROM b2b_usage ORDER BY id"


@pytest.mark.parametrize(
    ("change", "minutes", "added"),
    [
        pytest.param({"duration_seconds": 601}, 11, 6, id="longer"),
        pytest.param({"duration_seconds": 61}, 2, -3, id="shorter"),
        pytest.param({"started_at": None}, 0, -5, id="never connected after all"),
        pytest.param({"status": "in_progress"}, 0, -5, id="underway again"),
    ],
)
def test_a_changed_call_posts_the_difference(
    bench: Bench, change: Record, minutes: int, added: int
) -> None:
    bench.take(call("c", seconds=300))
    bench.source.change("c", **change)
    bench.pull()
    assert bench.minutes() == {"acme": minutes}
    kinds = [(kind, gained) for kind, gained, *_ in bench.rows(POSTINGS)]
    assert kinds == [("api_usage", 5), ("adjustment", added)]
    assert bench.rows("SELECT max(revision) FROM call") == [(2,)]


@pytest.mark.parametrize(
    ("moved_to", "periods"),
    [
        pytest.param(NOON + timedelta(hours=3), ["2026-03"] * 3, id="another hour"),
        pytest.param(
            APRIL.start + timedelta(hours=3),
            ["2026-03", "2026-03", "2026-04"],
            id="another month",
        ),
    ],
)
def test_a_call_that_moves_is_taken_out_here_and_put_in_there(
    bench: Bench, moved_to: object, periods: list[str]
) -> None:
    bench.clock.advance(days=40)
    bench.take(call("c", seconds=300))
    bench.source.change("c", started_at=str(moved_to))
    bench.pull()
    rows = bench.rows(POSTINGS)
    assert [row[1] for row in rows] == [5, -5, 5]
    assert [row[2] for row in rows] == periods
    assert len({row[3] for row in rows}) == 2


def test_a_call_that_changes_its_customer_is_moved(bench: Bench) -> None:
    bench.take(call("c", seconds=300, **of("acme")))
    bench.source.change("c", **of("globex"))
    bench.pull()
    assert bench.minutes() == {"acme": 0, "globex": 5}


def test_a_change_that_bills_the_same_is_kept_as_a_revision_only(bench: Bench) -> None:
    bench.take(call("c", seconds=60))
    bench.source.change("c", duration_seconds=59)
    bench.pull()
    assert bench.rows("SELECT count(*) FROM call") == [(2,)]
    assert bench.rows("SELECT count(*) FROM b2b_usage") == [(1,)]


def test_a_change_of_what_is_not_billed_by_is_no_revision(bench: Bench) -> None:
    bench.take(call("c", summary="short"))
    bench.source.change("c", summary="long", transcript=[])
    bench.pull()
    assert bench.rows("SELECT count(*) FROM call") == [(1,)]


def test_there_and_back_again_ends_where_it_began(bench: Bench) -> None:
    bench.take(call("c", seconds=300))
    for seconds in (30, 300, 90, 300):
        bench.source.change("c", duration_seconds=seconds)
        bench.pull()
    assert bench.minutes() == {"acme": 5}
    assert bench.rows("SELECT max(revision) FROM call") == [(5,)]


def test_a_call_in_progress_is_billed_once_it_is_over(bench: Bench) -> None:
    underway = call("c", status="in_progress", duration_seconds=None)
    bench.take(underway)
    assert bench.minutes() == {}
    bench.source.change("c", status="completed", duration_seconds=90)
    bench.pull()
    assert bench.minutes() == {"acme": 2}


def test_a_call_in_progress_is_read_again_after_it_left_the_window(
    bench: Bench,
) -> None:
    bench.take(call("c", status="in_progress", duration_seconds=None))
    bench.clock.advance(days=10)
    bench.source.change("c", status="completed", duration_seconds=90)
    found = bench.pull(since=bench.clock.now() - timedelta(hours=48))
    assert (found.billed, found.fetched) == (1, 1)
    assert bench.minutes() == {"acme": 2}


def test_a_call_in_progress_that_vanished_is_not_billed(bench: Bench) -> None:
    bench.take(call("c", status="in_progress", duration_seconds=None))
    bench.source.remove("c")
    assert bench.pull().fetched == 0
    assert bench.minutes() == {}


def test_a_late_call_is_billed_in_its_own_month_and_hour(bench: Bench) -> None:
    bench.pull()
    bench.clock.advance(hours=30)
    bench.take(call("late", NOON, 61))
    rows = bench.rows("SELECT period, billed_minutes FROM b2b_usage")
    assert rows == [("2026-03", 2)]


def test_a_call_that_vanished_at_the_source_stays_in_the_ledger(bench: Bench) -> None:
    bench.take(call("c", seconds=300))
    bench.source.remove("c")
    bench.pull()
    assert bench.minutes() == {"acme": 5}


BROKEN: dict[QuarantineReason, Record] = {
    QuarantineReason.WRONG_TYPE: {"duration_seconds": "60"},
    QuarantineReason.UNKNOWN_STATUS: {"status": "done"},
    QuarantineReason.BAD_TIME: {"started_at": "yesterday"},
    QuarantineReason.NAIVE_TIME: {"started_at": "2026-03-10T12:00:00"},
    QuarantineReason.STARTS_IN_FUTURE: {"started_at": "2027-01-01T00:00:00Z"},
    QuarantineReason.ENDED_BEFORE_START: {"ended_at": "2026-03-10T11:59:59Z"},
    QuarantineReason.NO_DURATION: {"duration_seconds": None},
    QuarantineReason.NEGATIVE_DURATION: {"duration_seconds": -1},
    QuarantineReason.ABSURD_DURATION: {"duration_seconds": 86_401},
    QuarantineReason.UNKNOWN_CUSTOMER: {"metadata": {"customer": "initech"}},
}
OPEN = "SELECT call_id, reason, period FROM quarantine WHERE released_at IS NULL"


@pytest.mark.parametrize("reason", BROKEN)
def test_what_is_not_understood_is_set_aside_until_it_is(
    bench: Bench, reason: QuarantineReason
) -> None:
    sound = call("c", seconds=90, metadata=None)
    bench.source.calls.append(sound | BROKEN[reason])
    assert bench.pull().quarantined == {reason: 1}
    assert bench.rows(OPEN) == [("c", reason.value, "2026-03")]
    assert bench.minutes() == {}
    assert bench.reconcile().clean is False
    bench.source.change("c", **{name: sound[name] for name in BROKEN[reason]})
    assert bench.pull().quarantined == {}
    assert bench.rows(OPEN) == []
    assert bench.minutes() == {"acme": 2}


def test_a_call_that_is_no_longer_understood_keeps_what_was_billed(
    bench: Bench,
) -> None:
    bench.take(call("c", seconds=300))
    bench.source.change("c", duration_seconds=-1)
    assert bench.pull().quarantined == {"negative_duration": 1}
    assert bench.minutes() == {"acme": 5}


def test_two_records_of_one_id_are_set_aside_until_one_is_left(bench: Bench) -> None:
    bench.take(call("c", seconds=60), call("c", seconds=600))
    assert bench.rows(OPEN) == [("c", "duplicate_id", "2026-03")]
    assert bench.minutes() == {}
    bench.source.calls.pop()
    bench.pull()
    assert bench.rows(OPEN) == []
    assert bench.minutes() == {"acme": 1}


def test_records_that_are_no_calls_are_set_aside_one_by_one(bench: Bench) -> None:
    nameless: list[Record] = [
        {"created_at": NOON.isoformat(), "number": 1},
        {"created_at": NOON.isoformat(), "number": 2},
        {"created_at": NOON.isoformat(), "number": 2},
    ]
    bench.take(call("good"), *nameless)
    names = [name for name, *_ in bench.rows(OPEN)]
    assert len(set(names)) == 2
    assert all(name.startswith("?") for name in names)
    assert bench.minutes() == {"acme": 1}


def test_a_period_with_quarantine_in_it_is_shown_there_only(bench: Bench) -> None:
    bench.take(call("c", seconds=-1))
    assert bench.reconcile(MARCH).quarantined == 1
    assert bench.reconcile(APRIL).quarantined == 0
