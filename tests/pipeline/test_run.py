"""A round: nothing is done on a ledger that was rewound; each is signed, and judged."""

import pytest

from billing.domain.cycle_schedule import CycleOutcome
from billing.domain.period import cycle_months
from billing.errors import InvariantViolated, MeterUnavailable
from billing.ledger.audit.events import chain_tip
from billing.pipeline.concurrency import no_progress
from billing.pipeline.cycle_record import outcome_of
from billing.pipeline.cycle_report import CycleReport, Step
from billing.pipeline.run import run_round
from billing.pipeline.signing import TrailOptions
from billing.pipeline.sync.sync import SyncReport
from tests.pipeline.bench import Bench, call
from tests.pipeline.witnesses import Board, Recollection
from tests.verifier.signing import TestKey

KEY, OTHER = TestKey(1), TestKey(2)
GOOD, BAD = SyncReport(), SyncReport(held=["acme: its month is odd"])
NO_ANSWER = MeterUnavailable("no answer")
VIOLATED = InvariantViolated({"rows": ["row 1 differs"]})


def run(
    bench: Bench,
    memory: Recollection,
    *anchors: Board,
    key: TestKey = KEY,
    steps: list[Step] | None = None,
) -> CycleReport:
    """Run a round of a bench."""
    return run_round(
        bench.ledger,
        bench.meter,
        bench.cycle_options(),
        TrailOptions(key, anchors, memory),
        cycle_months(bench.clock.now(), bench.first_period),
        watch=lambda _: no_progress,
        on_step=([] if steps is None else steps).append,
    )


def end_of(bench: Bench) -> tuple[int, str]:
    with bench.ledger.reading() as connection:
        last = chain_tip(connection)
    return last.sequence, last.hash


def test_a_round_is_signed_published_and_remembered(either_bench: Bench) -> None:
    bench, board, memory = either_bench, Board(), Recollection()
    bench.source.calls.append(call("call_1"))
    report = run(bench, memory, board)
    assert (report.errors, bench.counted()) == ([], {"acme": 1})
    assert memory.seen == end_of(bench)
    [(head, _)] = board.heads
    assert (head.event, head.hash) == memory.seen


@pytest.mark.parametrize(
    ("further", "words"),
    [(100, "and now it ends with event"), (0, "and now that is another event")],
)
def test_on_a_ledger_that_was_rewound_nothing_is_pulled_or_sent(
    bench: Bench, further: int, words: str
) -> None:
    """Faults 24, 28: what was sent in between could be sent twice."""
    bench.take(call("call_1"))
    bench.source.calls.append(call("call_2"))
    end = end_of(bench)
    memory, board = Recollection((end[0] + further, "ab" * 32)), Board()
    steps: list[Step] = []
    report = run(bench, memory, board, steps=steps)
    [error] = report.errors
    assert words in error
    assert "accept-restore" in error
    assert report.failed
    assert [str(step) for step in steps] == [error]
    assert (report.pulls, report.sync, report.reconciliations) == ([], None, [])
    assert (bench.meter.requests, board.heads, end_of(bench)) == ([], [], end)


def test_an_anchor_out_of_reach_is_an_error_of_the_round_that_was_done(
    bench: Bench,
) -> None:
    bench.source.calls.append(call("call_1"))
    memory, board = Recollection(), Board(down=True)
    report = run(bench, memory, board)
    assert report.errors == ["the anchor board: nobody answers"]
    assert bench.counted() == {"acme": 1}
    assert memory.seen == end_of(bench)


def test_a_round_that_cannot_be_signed_is_done_and_remembered(bench: Bench) -> None:
    memory = Recollection()
    run(bench, memory)
    bench.source.calls.append(call("call_1"))
    report = run(bench, memory, key=OTHER)
    [error] = report.errors
    assert "the key in force" in error
    assert bench.counted() == {"acme": 1}
    assert memory.seen == end_of(bench)


def test_a_clock_that_an_earlier_cycle_was_ahead_of_is_told_and_the_cycle_goes_on(
    bench: Bench,
) -> None:
    memory = Recollection()
    assert run(bench, memory).errors == []
    bench.clock.advance(hours=-23)
    assert run(bench, memory).errors == []
    bench.clock.advance(days=-1, hours=-1)
    for _ in range(2):
        report = run(bench, memory)
        [error] = report.errors
        assert "one of the two is wrong" in error
        assert "time server" in error
        assert report.sync is not None
        assert report.sync.clean


@pytest.mark.parametrize(
    ("steps", "stopped", "outcome"),
    [
        ([], False, CycleOutcome.CLEAN),
        ([GOOD], False, CycleOutcome.CLEAN),
        ([BAD], False, CycleOutcome.FAILED),
        ([NO_ANSWER], False, CycleOutcome.FAILED),
        ([GOOD, NO_ANSWER], False, CycleOutcome.FAILED),
        ([BAD, NO_ANSWER], False, CycleOutcome.FAILED),
        ([GOOD], True, CycleOutcome.STOPPED),
        ([BAD], True, CycleOutcome.STOPPED),
        ([VIOLATED], False, CycleOutcome.REFUSED),
        ([VIOLATED], True, CycleOutcome.REFUSED),
    ],
)
def test_a_cycle_ends_as_its_worst_step(
    steps: list[Step], stopped: bool, outcome: CycleOutcome
) -> None:
    report = CycleReport()
    for step in steps:
        report.add(step)
    assert outcome_of(report, stopped=stopped) is outcome
