"""A pull: what it reads, what it certifies, and what a failed one leaves behind."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from billing.domain.call import READ_AGAIN
from billing.domain.period import Window
from billing.errors import SourceUnavailable
from billing.gateways.call_pages import CallPage
from billing.pipeline.cycle import SWEEP_EVERY
from tests.pipeline.bench import APRIL, MARCH, NOON, START, Bench, call, of
from tests.pipeline.fakes import ListedSource, Record, VirtualClock

AWKWARD: list[Record] = [
    call("zero", seconds=0),
    call("edge", MARCH.end - timedelta(microseconds=1), 125),
    call("globex", seconds=61, **of("globex")),
    call("failed", status="failed"),
    call("cancelled", status="cancelled", started_at=None, duration_seconds=None),
    call("in progress", status="in_progress", duration_seconds=None),
    call("queued", status="queued", started_at=None, duration_seconds=None),
    call("before", MARCH.start - timedelta(minutes=1)),
    call("after", MARCH.end + timedelta(minutes=1)),
    call(
        "next month", MARCH.end - timedelta(seconds=1), started_at=MARCH.end.isoformat()
    ),
    call("negative", seconds=-1),
    call("absurd", seconds=10**10),
    call("boolean", seconds=True),
    call("fraction", seconds=60.5),
    call("naive", started_at="2026-03-10T12:00:00"),
    call("nobody", **of("initech")),
    {"created_at": NOON.isoformat(), "status": "completed"},
]


def test_every_awkward_call_is_billed_or_has_a_reason(bench: Bench) -> None:
    bench.clock.advance(days=40)
    bench.source.calls += AWKWARD
    found = bench.pull()
    assert found.fetched == len(AWKWARD)
    assert found.billed == 4  # zero, edge, globex and failed
    assert found.not_billable == {
        "never_connected": 1,
        "underway": 2,
        "other_month": 3,
    }
    assert found.quarantined == {
        "negative_duration": 1,
        "absurd_duration": 1,
        "wrong_type": 2,
        "naive_time": 1,
        "unknown_customer": 1,
        "no_id": 1,
    }
    query = "SELECT period, customer, sum(billed_minutes) FROM b2b_usage GROUP BY 1, 2"
    assert sorted(bench.rows(query)) == [
        ("2026-03", "acme", 1 + 3 + 1),
        ("2026-03", "globex", 2),
        ("2026-04", "acme", 1 + 1),
    ]


def test_the_certificate_is_kept_with_the_pull(bench: Bench) -> None:
    bench.take(call("a"), call("b", seconds=-1), call("c", started_at=None))
    query = (
        "SELECT state, scope, fetched, billed, not_billable, quarantined, "
        "source_minutes, ledger_minutes FROM pull"
    )
    assert bench.rows(query) == [("complete", "month", 3, 1, 1, 1, 2, 1)]


def test_a_second_pull_of_the_same_adds_nothing(bench: Bench) -> None:
    bench.clock.advance(days=40)
    bench.source.calls += AWKWARD
    counts = "SELECT (SELECT count(*) FROM call), (SELECT count(*) FROM b2b_usage), "
    counts += "(SELECT count(*) FROM quarantine)"
    first = bench.pull()
    before = bench.rows(counts)
    assert bench.pull() == first
    assert bench.rows(counts) == before


def test_calls_of_the_fringe_are_not_billed_for_the_wrong_month(bench: Bench) -> None:
    bench.clock.advance(days=40)
    bench.source.calls += [
        call("april", MARCH.end - timedelta(hours=1), started_at=MARCH.end.isoformat()),
        call("march", MARCH.start - timedelta(hours=1), started_at=NOON.isoformat()),
    ]
    bench.pull(MARCH)
    rows = "SELECT call_id, period FROM b2b_usage ORDER BY call_id"
    both = [("april", "2026-04"), ("march", "2026-03")]
    assert bench.rows(rows) == both
    bench.pull(APRIL)
    assert bench.rows(rows) == both


def test_a_known_call_of_another_month_is_still_followed(bench: Bench) -> None:
    bench.clock.advance(days=40)
    bench.source.calls.append(call("c", MARCH.end - timedelta(hours=1)))
    bench.pull(MARCH)
    bench.source.change("c", duration_seconds=300)
    bench.pull(APRIL)
    assert bench.minutes() == {"acme": 5}


class FailingSource(ListedSource):
    """A source that answers no more once the list reaches a day."""

    def __init__(self, day: int) -> None:
        super().__init__()
        self.day: int | None = day

    def read_page(self, window: Window, offset: int) -> CallPage:
        if self.day is not None and window.start.day == self.day:
            raise SourceUnavailable("main", "HTTP 503")
        return super().read_page(window, offset)


def test_a_failed_pull_marks_the_month_and_keeps_what_was_read(bench: Bench) -> None:
    bench.source = failing = FailingSource(NOON.day)
    failing.calls = [call("early", NOON - timedelta(days=5)), call("late")]
    with pytest.raises(SourceUnavailable):
        bench.pull()
    state = bench.pull_state()
    assert state.state == "failed"
    assert "503" in (state.error or "")
    assert bench.minutes() == {"acme": 1}
    failing.day = None
    assert bench.pull().billed == 2
    assert bench.pull_state().state == "complete"
    assert bench.minutes() == {"acme": 2}


def test_an_outage_is_never_zero_usage(bench: Bench) -> None:
    bench.source = FailingSource(NOON.day)
    report = bench.cycle()
    assert report.failed
    assert [result.certificate for result in report.pulls] == [None]
    assert report.reconciliations[0].settled is False


def test_a_pull_that_was_killed_is_not_taken_for_a_whole_one(bench: Bench) -> None:
    class Dying(ListedSource):
        def read_page(self, window: Window, offset: int) -> CallPage:
            raise KeyboardInterrupt

    bench.source = Dying()
    with pytest.raises(KeyboardInterrupt):
        bench.pull()
    assert bench.pull_state().state == "running"
    bench.source = ListedSource()
    assert bench.reconcile().settled is False


def test_the_totals_of_the_source_may_be_missing(bench: Bench) -> None:
    bench.source.silent_totals = True
    found = bench.pull()
    assert (found.source_call_count, found.source_minutes) == (None, None)


def spans(source: ListedSource) -> tuple[object, object]:
    """Return the span that the requests of a source cover."""
    windows = [window for window, _ in source.requests]
    return min(one.start for one in windows), max(one.end for one in windows)


def test_a_later_cycle_reads_what_is_recent_and_sweeps_once_a_day(bench: Bench) -> None:
    whole = MARCH.start - READ_AGAIN
    bench.cycle()
    assert spans(bench.source) == (whole, START)
    hour = timedelta(hours=1)
    for passed in range(1, 4):
        bench.source.requests.clear()
        bench.clock.advance(hours=1)
        bench.cycle()
        earlier = START + (passed - 1) * hour
        assert spans(bench.source) == (earlier - READ_AGAIN, START + passed * hour)
    bench.source.requests.clear()
    bench.clock.advance(seconds=SWEEP_EVERY.total_seconds())
    bench.cycle()
    assert spans(bench.source)[0] == whole


def test_a_failed_recent_reading_is_made_up_for(bench: Bench) -> None:
    bench.cycle()
    bench.clock.advance(hours=1)
    bench.source, steady = FailingSource(START.day), bench.source
    assert bench.cycle().failed
    bench.source = steady
    steady.requests.clear()
    bench.clock.advance(hours=10)
    bench.cycle()
    assert spans(steady)[0] == START - READ_AGAIN


def test_totals_that_differ_make_a_cycle_sweep_the_month(bench: Bench) -> None:
    bench.source.calls.append(call("old", MARCH.start + timedelta(hours=1)))
    bench.cycle()
    bench.clock.advance(hours=1)
    bench.source.change("old", duration_seconds=600)
    report = bench.cycle()
    assert bench.minutes() == {"acme": 10}
    assert [r.certificate and r.certificate.billed for r in report.pulls] == [1]


def test_totals_that_stay_apart_do_not_sweep_every_hour(bench: Bench) -> None:
    bench.source.minutes = 1_000
    bench.cycle()
    bench.clock.advance(hours=1)
    bench.source.requests.clear()
    bench.pull(since=START - READ_AGAIN)
    recent = len(bench.source.requests)
    bench.source.requests.clear()
    report = bench.cycle()
    swept = [w for w, _ in bench.source.requests if w.start < START - READ_AGAIN]
    assert len(report.pulls) == 1
    assert recent < 5
    assert len(swept) <= 13 + 1  # the comparison's own reading, not another pull


def test_nothing_personal_reaches_the_database(bench: Bench) -> None:
    canaries = ["canary-transcript", "canary-task", "canary-summary", "canary-name"]
    personal = {
        "transcript": [{"text": canaries[0]}],
        "task": canaries[1],
        "summary": canaries[2],
        "to": "+15550100",
        "from": "+15550101",
        "metadata": {"customer": "acme", "name": canaries[3], "phone": "+15550102"},
        "message": canaries[0],
    }
    bench.take(
        call("good") | personal,
        call("bad", seconds=-1) | personal,
        call("unread", status="completed", started_at=None) | personal,
        call("underway", status="in_progress") | personal,
    )
    dump = str([bench.rows(f"SELECT * FROM {name}") for (name,) in tables(bench)])
    file = bench.ledger.file
    assert file is not None
    raw = b"".join(part.read_bytes() for part in file.parent.glob(f"{file.name}*"))
    for secret in (*canaries, "5550100", "5550101", "5550102"):
        assert secret not in dump
        assert secret.encode() not in raw


def tables(bench: Bench) -> list[tuple[str]]:
    """Name the tables of a SQLite ledger."""
    with bench.ledger.reading() as connection:
        query = text("SELECT name FROM sqlite_master WHERE type = 'table'")
        return [(str(row.name),) for row in connection.execute(query)]


def test_a_record_that_is_no_object_is_set_aside_unseen(bench: Bench) -> None:
    class Chatty(ListedSource):
        def read_page(self, window: Window, offset: int) -> CallPage:
            return CallPage(["canary +15550100", ["canary"]], 2, has_more=False)

    bench.source = Chatty()
    assert bench.pull().quarantined == {"not_an_object": 2}
    details = bench.rows("SELECT detail FROM quarantine ORDER BY detail")
    assert details == [("it is a list",), ("it is a str",)]


def test_a_clock_between_days_is_asked_anew(bench: Bench) -> None:
    ticking = VirtualClock(START)
    bench.clock = ticking
    bench.source.between_pages = lambda: ticking.advance(seconds=10)
    bench.take(call("c"))
    query = "SELECT started_at, finished_at FROM pull"
    started, finished = bench.rows(query)[0]
    assert started < finished
