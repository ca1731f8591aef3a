"""While the ledger breaks a law nothing is sent; reading and comparing go on."""

from datetime import timedelta

import pytest

from billing.errors import InvariantViolated
from billing.ledger.database import Ledger
from billing.pipeline.integrity import check_invariants, require_invariants
from tests.ledger.integrity.sound_ledger import damage, disarm
from tests.pipeline.bench import NOON, Bench, call

HOUR = timedelta(hours=1)
EDIT = "UPDATE b2b_usage SET billed_minutes = 7 WHERE call_id = '{}'"
MEND = "UPDATE b2b_usage SET billed_minutes = 1 WHERE call_id = '{}'"
CHECKS = "SELECT whole, faults FROM law_check ORDER BY id"


def test_a_sound_ledger_is_sent(either_bench: Bench) -> None:
    either_bench.source.calls += [call("call_1")]
    report = either_bench.cycle()
    assert not report.failed
    assert either_bench.counted() == {"acme": 1}
    assert either_bench.rows(CHECKS) == [(1, "{}")]


def test_an_edit_by_hand_is_found_by_the_next_hourly_run_and_stops_it(
    either_bench: Bench,
) -> None:
    bench = either_bench
    for hour in range(3):
        bench.source.calls += [call(f"call_{hour}", NOON + hour * HOUR)]
        assert not bench.cycle().failed
        bench.clock.advance(hours=1)
    disarm(bench.ledger)
    damage(bench.ledger, EDIT.format("call_2"))
    bench.source.calls += [call("call_3", NOON + 3 * HOUR)]
    report = bench.cycle()
    assert report.sync is None
    assert bench.counted() == {"acme": 3}
    [error] = report.errors
    assert (
        "the ledger violates an invariant, so nothing is sent (conservation: call"
        in error
    )
    assert "call_2 of main, revision 1, is 1 minutes" in error
    # What is read and compared is worth knowing all the same.
    assert report.pulls[-1].certificate is not None
    assert len(report.reconciliations) == 1
    assert bench.rows(CHECKS)[-1][0] == 0


def test_sending_goes_on_when_the_ledger_is_mended(bench: Bench) -> None:
    bench.source.calls += [call("call_1")]
    bench.pull()
    disarm(bench.ledger)
    damage(bench.ledger, EDIT.format("call_1"))
    assert bench.cycle().sync is None
    damage(bench.ledger, MEND.format("call_1"))
    assert not bench.cycle().failed
    assert bench.counted() == {"acme": 1}


def old_call_edited(bench: Bench) -> None:
    """Let three hours of checks go over a call, and edit it then."""
    bench.source.calls += [call("call_1")]
    for _ in range(3):
        bench.cycle()
        bench.clock.advance(hours=1)
    disarm(bench.ledger)
    damage(bench.ledger, EDIT.format("call_1"))


def test_an_hour_looks_only_at_what_is_new_and_at_the_balance(bench: Bench) -> None:
    old_call_edited(bench)
    report = check_invariants(bench.ledger, bench.clock.now())
    assert (report.whole, set(report.broken)) == (False, {"audit trail"})


def test_a_day_looks_at_everything(bench: Bench) -> None:
    old_call_edited(bench)
    bench.clock.advance(hours=22)
    report = check_invariants(bench.ledger, bench.clock.now())
    assert report.whole
    assert set(report.broken) == {"conservation", "events", "audit trail"}


def test_a_breach_stands_until_everything_was_looked_at_again(bench: Bench) -> None:
    old_call_edited(bench)
    now = bench.clock.now()
    assert check_invariants(bench.ledger, now, whole=True).broken
    for minute in (1, 30, 90):
        later = now + timedelta(minutes=minute)
        report = check_invariants(bench.ledger, later)
        assert report.whole
        assert report.broken
    with pytest.raises(InvariantViolated, match=r"conservation.*events"):
        require_invariants(bench.ledger, now)


def test_rows_that_were_numbered_before_the_last_look_and_came_after_are_seen(
    postgres_ledger: Ledger,
) -> None:
    """A number is given out at the insert, and a row is seen at its commit."""
    bench = Bench(ledger=postgres_ledger)
    for hour in range(2):
        bench.source.calls += [call(f"call_{hour}", NOON + hour * HOUR)]
        bench.cycle()
        bench.clock.advance(hours=1)
    disarm(bench.ledger)
    last = "(SELECT max(last_usage) FROM law_check)"
    damage(bench.ledger, f"{EDIT.format('call_1')} AND id = {last}")
    assert check_invariants(bench.ledger, bench.clock.now()).broken
