"""A call that nobody can read keeps its month open until a person decides on it."""

from datetime import timedelta

import pytest

from billing.domain.break_causes import Cause
from billing.domain.close_obstacles import ObstacleKind
from billing.domain.period import EARLIEST
from billing.pipeline.pull.decide_call import DecisionOrder, decide_call
from billing.reports.audit.live_ledger import verify_ledger
from tests.pipeline.bench import NOON, Bench, call
from tests.pipeline.close.test_close import close, kinds, look, send_march
from tests.pipeline.fakes import Record

LATER = NOON + timedelta(hours=1)
UNREADABLE = call("odd", LATER, seconds=-1)
FOR_EVER = call("odd", LATER, seconds=None, status="in_progress")


def decide(bench: Bench, seconds: int | None) -> None:
    customer = None if seconds is None else "acme"
    order = DecisionOrder(
        call_id="odd", seconds=seconds, reason="why", customer=customer
    )
    decide_call(bench.ledger, "kim", bench.clock.now(), order, first_period=EARLIEST)


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        pytest.param(UNREADABLE, ObstacleKind.QUARANTINED, id="unreadable"),
        pytest.param(FOR_EVER, ObstacleKind.UNDERWAY, id="underway for ever"),
    ],
)
@pytest.mark.parametrize("counted_by_source", [0, 5, 7])
@pytest.mark.parametrize(("seconds", "minutes"), [(300, 5), (None, 0)])
def test_a_decision_lets_the_month_be_closed(
    bench: Bench,
    record: Record,
    kind: ObstacleKind,
    counted_by_source: int,
    seconds: int | None,
    minutes: int,
) -> None:
    send_march(bench)
    bench.source.minutes = 3 + counted_by_source
    bench.source.calls.append(dict(record))
    report = close(bench)
    [obstacle] = [each for each in report.obstacles if each.kind is kind]
    assert (obstacle.names, obstacle.count) == (("odd",), 1)
    assert "quarantine" in obstacle.remedy
    decide(bench, seconds)
    bench.sync()
    bench.clock.advance(hours=3)
    assert close(bench).obstacles == ()
    assert sum(bench.minutes().values()) == 3 + minutes
    run = bench.reconcile()
    assert run.clean
    assert not run.needs_a_person
    off = {item.cause for _, _, item in run.breaks}
    assert off <= {Cause.DECIDED}
    assert bool(off) is (counted_by_source != minutes)
    assert verify_ledger(bench.ledger).calls == 3


def test_a_call_that_was_never_taken_may_wait_for_weeks(bench: Bench) -> None:
    send_march(bench)
    planned = call("odd", LATER, seconds=None, status="queued", started_at=None)
    bench.source.calls.append(planned)
    assert close(bench).obstacles == ()
    assert kinds(look(bench)) == set()
