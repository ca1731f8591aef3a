"""Retries, on a clock that is moved: when a resend leaves, and when none may."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from billing.domain.meter_event import SendAnswer
from billing.pipeline.sync.send import Outcome
from tests.pipeline.bench import NOON, Bench, call
from tests.pipeline.fakes import (
    Killed,
    Reply,
    Request,
    StrictMeter,
    be_busy,
    count,
    kill_after,
    kill_before,
    lock_out,
    lose_answer,
    lose_request,
)

HOUR = timedelta(hours=1)


def gaps(bench: Bench) -> list[int]:
    """Return the seconds between the requests that the meter saw."""
    times = [request.at for request in bench.meter.requests]
    return [
        round((later - earlier).total_seconds()) for earlier, later in pairwise(times)
    ]


@pytest.mark.parametrize("reply", [lose_request, be_busy])
def test_five_retries_after_1_2_4_8_16_seconds_and_no_more(
    bench: Bench, reply: Reply
) -> None:
    bench.meter.always = reply
    bench.take(call("c"))
    bench.sync()
    assert gaps(bench) == [1, 2, 4, 8, 16]
    assert bench.events() == [("failed", "unanswered", 6)]


@pytest.mark.parametrize("failures", range(6))
def test_the_first_good_answer_ends_the_retries(bench: Bench, failures: int) -> None:
    bench.meter.script = [lose_request] * failures
    bench.take(call("c"))
    bench.sync()
    assert gaps(bench) == [1, 2, 4, 8, 16][:failures]
    assert bench.events() == [("synced", "", failures + 1)]


def test_the_next_run_starts_a_new_round(bench: Bench) -> None:
    bench.meter.always = lose_request
    bench.take(call("c"))
    bench.sync()
    bench.clock.advance(hours=1)
    bench.meter.script, bench.meter.always = [lose_request], count
    bench.sync()
    assert gaps(bench)[5] >= 3600
    assert gaps(bench)[6:] == [1]
    assert bench.events() == [("synced", "", 2)]
    taken_up = "SELECT subject FROM audit_event WHERE action = 'events.taken_up'"
    assert bench.rows(taken_up) == [("acme",)]


@pytest.mark.parametrize("replies_before", range(5))
def test_tries_survive_a_kill_in_the_middle_of_the_schedule(
    bench: Bench, replies_before: int
) -> None:
    bench.meter.script = [*[lose_request] * replies_before, kill_before]
    bench.take(call("c"))
    with pytest.raises(Killed):
        bench.sync()
    assert bench.events() == [("pending", "", replies_before + 1)]
    bench.clock.advance()  # whoever goes on lives after the one that was killed
    bench.meter.always = lose_request
    bench.sync()
    assert gaps(bench) == [1, 2, 4, 8, 16]
    assert bench.events() == [("failed", "unanswered", 6)]


def test_whoever_takes_over_waits_from_the_last_answer_on(bench: Bench) -> None:
    def lock_out_late(meter: StrictMeter, request: Request) -> SendAnswer:
        bench.clock.advance(seconds=5)
        return lock_out(meter, request)

    bench.meter.script = [lose_request, lock_out_late]
    bench.take(call("c"))
    bench.sync()
    answered_at = bench.clock.true()
    bench.sync()
    assert bench.meter.requests[-1].at - answered_at >= timedelta(seconds=1)
    assert bench.events() == [("synced", "", 2)]


def test_an_answer_in_the_future_of_a_clock_set_back_is_waited_for_no_longer(
    bench: Bench,
) -> None:
    def lose_in_the_future(meter: StrictMeter, request: Request) -> SendAnswer:
        bench.clock.jump(days=3)
        return lose_request(meter, request)

    bench.meter.script = [lose_in_the_future]
    bench.take(call("c"))
    bench.sync()
    bench.clock.advance()
    bench.clock.jump(days=-3)
    began_at = bench.clock.true()
    bench.sync()
    assert bench.meter.requests[-1].at - began_at <= timedelta(seconds=2)
    assert bench.events() == [("synced", "", 2)]


def test_a_kill_in_the_last_try_leaves_it_to_the_next_round(bench: Bench) -> None:
    bench.meter.script = [*[lose_request] * 5, kill_after]
    bench.take(call("c"))
    with pytest.raises(Killed):
        bench.sync()
    assert bench.sync().outcomes[Outcome.UNANSWERED] == 1
    assert len(bench.meter.requests) == 6
    assert bench.sync().outcomes == {Outcome.SYNCED: 1}
    assert bench.counted() == {"acme": 1}


@pytest.mark.parametrize("kill", [kill_before, kill_after])
def test_a_kill_between_send_and_record_counts_once(bench: Bench, kill: Reply) -> None:
    bench.meter.script = [kill]
    bench.take(call("c", seconds=300))
    with pytest.raises(Killed):
        bench.sync()
    attempts = "SELECT number, verdict FROM meter_attempt ORDER BY id"
    assert bench.rows(attempts) == [(1, None)]
    bench.clock.advance(hours=1)
    assert bench.sync().outcomes == {Outcome.SYNCED: 1}
    verdict = "counted" if kill is kill_before else "duplicate"
    assert bench.rows(attempts) == [(1, None), (2, verdict)]
    assert bench.counted() == {"acme": 5}


def test_a_kill_amid_many_events_bills_none_twice_and_skips_none(bench: Bench) -> None:
    calls = [call(f"c{n}", NOON + n * HOUR, 60 * n) for n in range(1, 9)]
    bench.take(*calls)
    for _ in range(6):
        bench.meter.script = [count, kill_after]
        with pytest.raises(Killed):
            bench.sync()
        bench.clock.advance(minutes=1)
    bench.sync()
    assert bench.counted() == {"acme": sum(range(1, 9))}


@pytest.mark.parametrize("first", [lose_answer, lose_request, kill_after, kill_before])
@pytest.mark.parametrize(
    ("minutes", "resent"), [(22 * 60 + 58, True), (23 * 60, False), (48 * 60, False)]
)
def test_what_may_have_counted_is_resent_for_23_hours_and_never_later(
    bench: Bench, first: Reply, minutes: int, resent: bool
) -> None:
    bench.meter.script = [first] + [lose_request] * 5
    bench.take(call("c"))
    try:
        bench.sync()
    except Killed:
        bench.meter.script.clear()
    seen = len(bench.meter.requests)
    bench.clock.advance(minutes=minutes)
    bench.meter.script = []
    report = bench.sync()
    assert (len(bench.meter.requests) > seen) is resent
    if resent or first in {lose_answer, kill_after}:
        # Sent again, or seen in its own minute: either way it counts, and once.
        assert bench.counted() == {"acme": 1}
        bench.sync()
        assert bench.events()[0][:2] == ("synced", "")
    else:
        assert dict(+report.outcomes) in ({Outcome.UNCERTAIN: 1}, {})
        assert bench.events()[0][:2] == ("failed", "uncertain")
        assert dict(bench.sync().outcomes) == {}
        assert bench.counted() == {}


def test_the_age_counts_from_the_first_unknown_answer(bench: Bench) -> None:
    bench.meter.always = lose_request
    bench.take(call("c"))
    for _ in range(4):
        bench.sync()
        bench.clock.advance(hours=6)
    seen = len(bench.meter.requests)
    bench.sync()
    assert len(bench.meter.requests) == seen == 24
    assert bench.events()[0][:2] == ("failed", "uncertain")


def test_what_certainly_was_not_counted_never_grows_too_old(bench: Bench) -> None:
    bench.meter.always = be_busy
    bench.take(call("c"))
    bench.sync()
    bench.clock.advance(hours=30)
    bench.meter.always = count
    assert bench.sync().outcomes == {Outcome.SYNCED: 1}


def test_a_computer_that_slept_a_day_in_a_backoff_does_not_resend(bench: Bench) -> None:
    asleep: list[float] = []

    def suspend(seconds: float) -> None:
        if not asleep:
            asleep.append(seconds)
            bench.clock.sleep(24 * 3600)

    bench.clock.on_sleep = suspend
    bench.meter.script = [lose_answer]
    bench.take(call("c"), call("d", NOON + HOUR))
    assert bench.sync().outcomes == {Outcome.WAITING: 1, Outcome.SYNCED: 1}
    names = [request.event.timestamp for request in bench.meter.requests]
    assert names == [NOON, NOON + HOUR]
    bench.meter.hidden = {bench.meter.requests[0].event.identifier}
    bench.clock.advance(hours=1)
    bench.sync()
    assert bench.events()[0][:2] == ("failed", "uncertain")


def test_a_refused_key_ends_the_customers_part_and_costs_no_try(bench: Bench) -> None:
    bench.meter.always = lock_out
    bench.take(*(call(f"c{n}", NOON + n * HOUR) for n in range(4)))
    for _ in range(10):
        report = bench.sync()
        [held] = report.held
        assert held.startswith(
            "acme: its part of the sync ended early: Stripe: the API"
        )
        assert held.endswith("key is refused: key revoked")
        assert report.outcomes == {Outcome.WAITING: 4}
        assert not report.clean
        bench.clock.advance(hours=1)
    assert len(bench.meter.requests) == 10
    assert bench.events() == [("pending", "", 0)] * 4
    bench.meter.always = count
    assert bench.sync().outcomes == {Outcome.SYNCED: 4}


def test_a_refused_key_says_nothing_of_what_was_sent_before(bench: Bench) -> None:
    bench.meter.script = [lose_answer, lock_out]
    bench.take(call("c"))
    bench.sync()
    bench.meter.hidden = {bench.meter.requests[0].event.identifier}
    bench.clock.advance(hours=24)
    bench.sync()
    assert bench.events()[0][:2] == ("failed", "uncertain")
    assert bench.counted() == {"acme": 1}


def test_an_attempt_is_dated_when_it_leaves_and_when_it_is_answered(
    bench: Bench,
) -> None:
    bench.meter.script = [lose_request, lose_request]
    bench.take(call("c"))
    began = bench.clock.now()
    bench.sync()
    rows = bench.rows("SELECT started_at, answered_at FROM meter_attempt ORDER BY id")
    times = [[datetime.fromisoformat(moment) for moment in row] for row in rows]
    assert times == [[began + timedelta(seconds=s)] * 2 for s in (0, 1, 3)]
