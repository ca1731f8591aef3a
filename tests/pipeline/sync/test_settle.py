"""Settle: an outcome that nobody told is read from the event's own minute."""

from dataclasses import replace

import pytest

from billing.domain.break_causes import Cause
from billing.domain.meter_event import MeterEvent
from billing.pipeline.sync.context import Policy
from tests.ledger.bookkeeping import close_period
from tests.pipeline.bench import MARCH, Bench, call
from tests.pipeline.fakes import (
    Killed,
    Reply,
    Request,
    kill_after,
    lose_answer,
    lose_request,
    refuse,
)


def lose(bench: Bench, first: Reply, seconds: int = 300) -> None:
    """Send an event of five minutes, whose outcome stays unknown for a day."""
    bench.meter.script = [first] + [lose_request] * 5
    bench.take(call("c", seconds=seconds))
    try:
        bench.sync()
    except Killed:
        bench.meter.script.clear()
    bench.clock.advance(hours=24)


def readings(bench: Bench) -> list[int]:
    query = "SELECT minutes FROM meter_reading ORDER BY id"
    return [minutes for (minutes,) in bench.rows(query)]


def sent_since(bench: Bench, number: int) -> list[str]:
    return [one.event.identifier for one in bench.meter.requests[number:]]


@pytest.mark.parametrize("first", [lose_answer, kill_after])
def test_what_is_seen_in_its_minute_is_synced_with_the_read_as_evidence(
    either_bench: Bench, first: Reply
) -> None:
    lose(either_bench, first)
    sent = len(either_bench.meter.requests)
    report = either_bench.sync()
    assert (report.settled, report.requeued) == (1, 0)
    assert sent_since(either_bench, sent) == []
    assert either_bench.events()[0][:2] == ("synced", "")
    query = "SELECT evidence FROM meter_event"
    assert either_bench.rows(query)[0][0].startswith("reading: its minute holds 5 at ")


def test_what_is_absent_a_day_apart_is_requeued_as_it_is_and_sent(bench: Bench) -> None:
    lose(bench, lose_request)
    sent = len(bench.meter.requests)
    for hours in (24, 24, 23):
        bench.sync()
        assert bench.events()[0][:2] == ("failed", "uncertain")
        bench.clock.advance(hours=hours)
    bench.sync()
    assert bench.events()[0][:2] == ("failed", "uncertain")
    bench.clock.advance(hours=1)
    report = bench.sync()
    assert (report.settled, report.requeued) == (1, 1)
    assert sent_since(bench, sent) == [bench.meter.requests[0].event.identifier]
    assert bench.events()[0][:2] == ("synced", "")
    assert bench.counted() == {"acme": 5}


def test_a_summary_that_is_a_day_late_is_waited_for(bench: Bench) -> None:
    """Seen: 14 minutes were counted for 7, and called a foreign event."""
    lose(bench, lose_answer)
    bench.meter.hidden = {bench.meter.requests[0].event.identifier}
    sent = len(bench.meter.requests)
    for minutes in (30, 60, 2_000):
        bench.sync()
        bench.clock.advance(minutes=minutes)
    assert bench.events()[0][:2] == ("failed", "uncertain")
    bench.meter.hidden.clear()
    bench.sync()
    assert sent_since(bench, sent) == []
    assert bench.events()[0][:2] == ("synced", "")
    assert bench.counted() == {"acme": 5}


def test_while_stripe_knows_the_identifier_two_reads_in_half_an_hour_are_enough(
    bench: Bench,
) -> None:
    bench.meter.script = [lose_request, refuse]
    bench.take(call("c", seconds=300))
    bench.sync()
    assert bench.events()[0][:2] == ("failed", "uncertain")
    bench.clock.advance(hours=2, minutes=1)
    assert bench.sync().settled == 0
    bench.clock.advance(minutes=30)
    assert bench.sync().settled == 1
    assert bench.counted() == {"acme": 5}


def test_in_a_closed_month_the_identifier_guards_nothing_that_goes_out_anew(
    bench: Bench,
) -> None:
    bench.meter.script = [lose_request, refuse]
    bench.take(call("c", seconds=300))
    bench.sync()
    close_period(bench.ledger, MARCH)
    bench.clock.advance(hours=2, minutes=1)
    bench.sync()
    bench.clock.advance(minutes=30)
    # In an open month this silence would be enough.
    assert bench.sync().settled == 0
    assert bench.events()[0][:2] == ("failed", "uncertain")
    bench.clock.advance(hours=72)
    assert bench.sync().settled == 0
    bench.clock.advance(hours=24)
    assert bench.sync().settled == 1
    assert bench.events()[0][:2] == ("failed", "rejected")
    assert bench.counted() == {}


def test_what_counts_twice_after_all_is_synced_and_named_so(bench: Bench) -> None:
    lose(bench, lose_answer)
    bench.meter.counted.append(bench.meter.counted[0])
    assert bench.sync().settled == 1
    query = "SELECT evidence FROM meter_event"
    assert bench.rows(query)[0][0].startswith("reading: its minute holds 10 at ")
    # The first look names it, though summaries may still catch up.
    for hours in (0, 3, 3):
        bench.clock.advance(hours=hours)
        breaks = [item for _, _, item in bench.reconcile().breaks]
        found = [(item.cause, item.minutes) for item in breaks]
        assert found == [(Cause.COUNTED_TWICE, 5)]


def test_a_summary_that_lags_is_not_taken_for_absence(bench: Bench) -> None:
    lose(bench, lose_answer)
    bench.meter.hidden = {bench.meter.requests[0].event.identifier}
    bench.sync()
    bench.meter.hidden.clear()
    bench.clock.advance(minutes=45)
    bench.sync()
    assert bench.events()[0][:2] == ("synced", "")
    assert readings(bench) == [0, 5]
    query = "SELECT evidence FROM meter_event"
    assert bench.rows(query)[0][0].startswith("reading: its minute holds 5 at ")
    assert bench.counted() == {"acme": 5}


def test_something_else_in_its_minute_is_for_a_person(bench: Bench) -> None:
    lose(bench, lose_request)
    ours = bench.meter.requests[0].event
    foreign: MeterEvent = replace(ours, minutes=2)
    bench.meter.counted.append(Request(foreign, "theirs", bench.clock.true()))
    for _ in range(3):
        assert bench.sync().settled == 0
        bench.clock.advance(hours=1)
    assert bench.events()[0][:2] == ("failed", "uncertain")


def test_an_operator_may_forbid_arming_again(bench: Bench) -> None:
    bench.policy = Policy(rearm=False)
    lose(bench, lose_request)
    # Where it is not forbidden, this silence is proof.
    for hours in (72, 24, 24):
        bench.clock.advance(hours=hours)
        assert bench.sync().settled == 0
    assert bench.events()[0][:2] == ("failed", "uncertain")
    assert bench.counted() == {}


@pytest.mark.parametrize("rearm", [True, False])
def test_what_is_absent_and_too_old_to_send_is_expired(
    bench: Bench, rearm: bool
) -> None:
    bench.policy = Policy(rearm=rearm)
    lose(bench, lose_request)
    bench.clock.advance(days=33)
    bench.sync()
    bench.clock.advance(hours=1)
    bench.sync()
    assert bench.events()[0][:2] == ("failed", "uncertain")
    bench.clock.advance(hours=23)
    bench.sync()
    assert bench.events()[0][:2] == ("failed", "expired")


def test_the_proof_of_absence_serves_for_an_hour(bench: Bench) -> None:
    lose(bench, lose_request)
    bench.clock.advance(hours=72)
    bench.sync()
    bench.clock.advance(hours=24)
    bench.stopping = lambda: len(readings(bench)) == 2
    bench.sync()
    bench.stopping = lambda: False
    assert bench.events()[0][:2] == ("pending", "")
    bench.clock.advance(minutes=61)
    sent = len(bench.meter.requests)
    bench.sync()
    assert sent_since(bench, sent) == []
    assert bench.events()[0][:2] == ("failed", "uncertain")
    bench.sync()
    assert bench.counted() == {"acme": 5}


def test_settling_alone_sends_nothing(bench: Bench) -> None:
    lose(bench, lose_answer)
    bench.take(call("d", seconds=60))
    sent = len(bench.meter.requests)
    bench.settle_only = True
    assert bench.sync().settled == 1
    assert sent_since(bench, sent) == []


def test_a_refusal_after_a_lost_answer_settles_nothing(bench: Bench) -> None:
    bench.meter.script = [lose_answer, refuse]
    bench.take(call("c", seconds=300))
    bench.sync()
    assert bench.events()[0][:2] == ("failed", "uncertain")
    bench.sync()
    assert bench.events()[0][:2] == ("synced", "")
    assert bench.counted() == {"acme": 5}


def test_an_outcome_that_is_known_is_not_settled(bench: Bench) -> None:
    bench.take(call("c"))
    assert bench.sync().settled == 0
    assert readings(bench) == []


def test_what_cannot_be_read_stays_uncertain(bench: Bench) -> None:
    lose(bench, lose_answer)
    bench.meter.missing = {"cus_acme"}
    assert bench.sync().settled == 0
    assert readings(bench) == []
    assert bench.events()[0][:2] == ("failed", "uncertain")
    bench.meter.missing.clear()
    assert bench.sync().settled == 1
