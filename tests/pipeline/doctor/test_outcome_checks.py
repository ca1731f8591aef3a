"""The doctor says how late summaries were, and what no proof comes for in time."""

from datetime import timedelta

from billing.pipeline.doctor.checks import Check
from billing.pipeline.doctor.outcome_checks import check_outcomes
from tests.pipeline.bench import NOON, Bench, call
from tests.pipeline.fakes import lose_answer, lose_request

GRACE = timedelta(hours=72)


def lost(bench: Bench) -> None:
    """Lose the answer to an event, till it may not be sent again."""
    bench.meter.script = [lose_answer, *[lose_request] * 5]
    bench.take(call("c", NOON, 300))
    bench.sync()
    bench.meter.hidden = {bench.meter.requests[0].event.identifier}


def checked(bench: Bench) -> list[Check]:
    return [*check_outcomes(bench.ledger, bench.clock.now(), GRACE)]


def test_what_can_be_proved_in_time_waits(bench: Bench) -> None:
    lost(bench)
    bench.clock.advance(hours=30)
    bench.sync()
    [lags] = checked(bench)
    assert (lags.name, lags.passed) == ("summaries", True)
    assert "for 72 h 00 min after a send" in lags.found


def test_what_is_too_old_for_proof_waits_for_a_person(bench: Bench) -> None:
    bench.clock.advance(days=31)  # Stripe takes its hour for three days more
    lost(bench)
    bench.clock.advance(hours=30)
    bench.sync()
    _, found = checked(bench)
    assert (found.name, found.passed) == ("outcomes", False)
    assert found.found.startswith("1 of unknown outcome are too old to wait for proof")
    assert "the first to be decided by 2026-04-" in found.found
