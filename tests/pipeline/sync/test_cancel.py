"""Less than was reported: an event is taken back in time, else a negative one goes."""

from datetime import timedelta

import pytest

from billing.domain.meter_event import SendAnswer, SendVerdict
from billing.pipeline.sync.context import Negative, Policy
from billing.pipeline.sync.operator_actions import void_events
from billing.pipeline.sync.send import Outcome
from tests.pipeline.bench import NOON, Bench, call, of
from tests.pipeline.fakes import Reply, Request, StrictMeter, take_back

HOUR = timedelta(hours=1)


def shrink(bench: Bench, seconds: int, *, after: timedelta = HOUR) -> None:
    """Report a call of ten minutes, and let the source say later that it was less."""
    bench.take(call("c", seconds=600), call("d", NOON + HOUR, seconds=600))
    bench.sync()
    bench.clock.advance(seconds=after // timedelta(seconds=1))
    bench.source.change("c", duration_seconds=seconds)
    bench.pull()


def sent(bench: Bench) -> list[int]:
    return [request.event.minutes for request in bench.meter.requests]


def states(bench: Bench) -> list[tuple[int, str, str]]:
    query = "SELECT minutes, state, reason FROM meter_event ORDER BY id"
    return [(m, state, reason or "") for m, state, reason in bench.rows(query)]


def lost_cancel(meter: StrictMeter, request: Request) -> SendAnswer:
    take_back(meter, request)
    return SendAnswer(SendVerdict.UNKNOWN, None, None, "connection reset")


def lost_before_cancel(meter: StrictMeter, request: Request) -> SendAnswer:
    return SendAnswer(SendVerdict.UNKNOWN, None, None, "connection reset")


def busy_cancel(meter: StrictMeter, request: Request) -> SendAnswer:
    return SendAnswer(SendVerdict.BUSY, 429, "req_1", "slow down")


def refuse_cancel(meter: StrictMeter, request: Request) -> SendAnswer:
    return SendAnswer(SendVerdict.REFUSED, 400, "req_1", "cannot be cancelled")


def forbid_cancel(meter: StrictMeter, request: Request) -> SendAnswer:
    return SendAnswer(SendVerdict.LOCKED_OUT, 403, "req_1", "not with this key")


def test_in_time_the_event_is_taken_back_and_the_rest_is_reported_anew(
    either_bench: Bench,
) -> None:
    bench = either_bench
    shrink(bench, 240)
    bench.sync()
    assert sent(bench) == [10, 10, 4]
    assert [one.event.minutes for one in bench.meter.cancels] == [10]
    assert states(bench) == [
        (10, "failed", "replaced"),
        (10, "synced", ""),
        (4, "synced", ""),
    ]
    assert bench.counted() == {"acme": 14}
    bound = "SELECT DISTINCT meter_event_id FROM b2b_usage WHERE call_id = 'c'"
    assert bench.rows(bound) == [(3,)]


@pytest.mark.parametrize("after", [timedelta(hours=23), timedelta(hours=30)])
def test_after_its_day_a_negative_event_goes(bench: Bench, after: timedelta) -> None:
    shrink(bench, 240, after=after)
    bench.sync()
    assert (sent(bench), bench.meter.cancels) == ([10, 10, -6], [])
    assert bench.counted() == {"acme": 14}


def test_a_cancellation_that_the_key_may_not_ends_the_customers_part(
    bench: Bench,
) -> None:
    shrink(bench, 240)
    bench.take(call("g", NOON + 2 * HOUR, seconds=60, **of("globex")))
    bench.meter.always_cancel = forbid_cancel
    report = bench.sync()
    [held] = report.held
    assert held.endswith("the API key is refused: not with this key")
    assert report.stopped_because is None
    assert bench.counted() == {"acme": 20, "globex": 1}
    bench.meter.always_cancel = take_back
    assert bench.sync().clean
    assert bench.counted() == {"acme": 14, "globex": 1}


def test_a_refused_cancellation_gives_way_to_a_negative_event(bench: Bench) -> None:
    shrink(bench, 240)
    bench.meter.always_cancel = refuse_cancel
    bench.sync()
    assert sent(bench) == [10, 10, -6]
    assert states(bench)[0] == (10, "synced", "")
    assert bench.counted() == {"acme": 14}


@pytest.mark.parametrize("first", [lost_cancel, lost_before_cancel, busy_cancel])
def test_a_cancellation_without_an_answer_is_asked_again_before_anything_is_sent(
    bench: Bench, first: Reply
) -> None:
    shrink(bench, 240)
    bench.meter.cancel_script = [first]
    bench.sync()
    assert sent(bench) == [10, 10]
    bench.clock.advance(hours=1)
    bench.sync()
    assert sent(bench) == [10, 10, 4]
    assert bench.counted() == {"acme": 14}


@pytest.mark.parametrize(
    ("first", "expected"),
    [(lost_cancel, [10, 10, 4]), (lost_before_cancel, [10, 10, -6])],
)
def test_too_late_to_ask_again_its_own_minute_decides(
    bench: Bench, first: Reply, expected: list[int]
) -> None:
    shrink(bench, 240)
    bench.meter.always_cancel = first
    bench.sync()
    bench.meter.always_cancel = refuse_cancel
    for hours in (24, 48):
        bench.clock.advance(hours=hours)
        bench.sync()
        assert sent(bench) == [10, 10]
    bench.clock.advance(hours=24)
    bench.sync()
    assert sent(bench) == expected
    assert bench.counted() == {"acme": 14}


def only_one(bench: Bench) -> None:
    bench.take(call("c", seconds=600))
    bench.sync()


def test_a_call_that_vanished_is_taken_back_whole(bench: Bench) -> None:
    only_one(bench)
    bench.source.change("c", status="completed", started_at=None)
    bench.pull()
    bench.sync()
    assert states(bench) == [(10, "failed", "replaced"), (0, "synced", "")]
    assert bench.counted() == {}


@pytest.mark.parametrize("policy", [Negative.HOLD, Negative.EVENT])
def test_what_would_take_the_month_below_zero_is_held_and_said(
    bench: Bench, policy: Negative
) -> None:
    bench.policy = Policy(negative=policy)
    only_one(bench)
    bench.clock.advance(hours=30)
    bench.source.change("c", metadata={"customer": "globex"})
    bench.pull()
    report = bench.sync()
    held = policy is Negative.HOLD
    assert report.outcomes[Outcome.HELD] == int(held)
    assert bench.counted() == (
        {"acme": 10, "globex": 10} if held else {"acme": 0, "globex": 10}
    )


def test_what_is_held_waits_until_a_person_gives_it_up(bench: Bench) -> None:
    bench.policy = Policy(negative=Negative.HOLD)
    only_one(bench)
    bench.clock.advance(hours=30)
    bench.source.change("c", duration_seconds=240)
    bench.pull()
    assert bench.sync().outcomes == {Outcome.HELD: 1}
    bench.clock.advance(hours=40 * 24)
    assert bench.sync().outcomes == {Outcome.HELD: 1}
    waiting = "SELECT identifier FROM meter_event WHERE state = 'pending'"
    [(held,)] = bench.rows(waiting)
    void_events(bench.ledger, "me", bench.clock.now(), [held], "credited by hand")
    assert bench.sync().outcomes == {}
    assert states(bench) == [(10, "synced", ""), (-6, "failed", "voided")]


def test_minutes_that_were_never_counted_are_not_taken_away(bench: Bench) -> None:
    only_one(bench)
    bench.clock.advance(hours=30)
    bench.source.change("c", duration_seconds=60)
    bench.pull()
    bench.meter.counted.clear()
    forget(bench)
    report = bench.sync()
    assert report.outcomes[Outcome.HELD] == 1
    assert sent(bench) == [10]


def forget(bench: Bench) -> None:
    """Let the ledger know that its event was refused after all."""
    statement = "UPDATE meter_event SET state = 'failed', reason = 'rejected'"
    bench.execute(statement)
