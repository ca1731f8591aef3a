"""Holding: what may not be sent is kept, said, and sent once it may be."""

from dataclasses import replace
from datetime import timedelta

import pytest

from billing.domain.meter_event import SendAnswer
from billing.errors import BadInput, SourceUnavailable, UnknownName
from billing.gateways.retries import LONGEST_RETRY_AFTER_SECONDS, read_with_retries
from billing.pipeline.reconcile.acknowledge import acknowledge_breaks
from billing.pipeline.sync.operator_actions import (
    hold_sending,
    release_sending,
)
from billing.pipeline.sync.send import Outcome
from billing.pipeline.sync.sync import sync_meter
from tests.pipeline.bench import NOON, Bench, call, of
from tests.pipeline.fakes import Request, StrictMeter, count, lose_request

HOUR = timedelta(hours=1)


def test_usage_of_a_customer_that_left_the_settings_is_said(bench: Bench) -> None:
    bench.take(call("g", **of("globex")))
    kept = bench.stripe_customers.pop("globex")
    report = bench.sync()
    assert report.held == ["globex: it has usage to report, and is not in the settings"]
    assert not report.clean
    bench.stripe_customers["globex"] = kept
    assert bench.sync().clean
    assert bench.counted() == {"globex": 1}


def test_a_customer_that_was_renamed_goes_on_under_its_stripe_customer(
    bench: Bench,
) -> None:
    bench.take(call("g", **of("globex")))
    bench.stripe_customers["globe"] = bench.stripe_customers.pop("globex")
    assert bench.sync().clean
    assert bench.counted() == {"globex": 1}


def test_what_waits_goes_to_where_a_renamed_customer_is_now(bench: Bench) -> None:
    bench.take(call("g", **of("globex")))
    bench.name_customers(acme="cus_acme", globe="cus_globex")
    bench.name_customers(acme="cus_acme", globe="cus_globe")
    assert bench.sync().clean
    [request] = bench.meter.counted
    assert (request.event.customer, request.event.stripe_customer) == (
        "globex",
        "cus_globe",
    )


def test_a_hold_of_the_new_name_holds_what_waits_under_the_old_one(
    bench: Bench,
) -> None:
    bench.take(call("g", **of("globex")))
    bench.stripe_customers["globe"] = bench.stripe_customers.pop("globex")
    hold_sending(bench.ledger, "me", bench.clock.now(), None, "a wrong price")
    assert bench.sync().outcomes == {}
    assert bench.counted() == {}


def test_a_hold_stops_a_sync_that_is_at_work(either_bench: Bench) -> None:
    bench = either_bench
    bench.take(*(call(f"call_{n}", NOON - n * HOUR) for n in range(3)))

    def hold(meter: StrictMeter, request: Request) -> SendAnswer:
        """Hold all while the first event is under way; a second later it is seen."""
        hold_sending(bench.ledger, "me", bench.clock.now(), None, "a wrong price")
        bench.clock.sleep(1)
        return count(meter, request)

    bench.meter.script.append(hold)
    report = bench.sync()
    assert report.outcomes == {Outcome.SYNCED: 1, Outcome.WAITING: 2}
    assert len(bench.meter.requests) == 1
    assert "nothing is sent for any customer" in report.held[0]
    assert bench.sync().outcomes == {}
    release_sending(bench.ledger, "me", bench.clock.now(), None, "")
    assert bench.sync().clean
    assert bench.counted() == {"acme": 3}


def test_events_of_test_mode_never_reach_the_live_meter(bench: Bench) -> None:
    bench.meter.always = lose_request
    bench.take(call("a"))
    bench.sync()
    sent = len(bench.meter.requests)
    assert bench.meter.state is not None
    bench.meter.state = replace(bench.meter.state, livemode=True)
    live = replace(bench.sync_options(), livemode=True)
    report = sync_meter(bench.ledger, bench.meter, live)
    assert len(bench.meter.requests) == sent
    assert "events of the other mode" in report.held[0]
    assert not report.clean


def test_stripe_failing_before_the_first_send_ends_the_sync_in_order(
    bench: Bench,
) -> None:
    bench.take(call("a"), call("g", **of("globex")))
    bench.meter.down = True
    report = bench.sync()
    assert report.stopped_because == "Stripe: no answer"
    assert report.outcomes == {Outcome.WAITING: 2}
    assert bench.events() == [("pending", "", 0), ("pending", "", 0)]
    assert bench.meter.requests == []


@pytest.mark.parametrize(
    ("asked", "waits"),
    [(0, [1, 2, 4]), (3, [3, 3, 4]), (3_600, [LONGEST_RETRY_AFTER_SECONDS] * 3)],
)
def test_a_source_that_asks_for_time_gets_it_within_bounds(
    asked: float, waits: list[float]
) -> None:
    slept: list[float] = []

    def read() -> None:
        raise SourceUnavailable("main", "slow down", retry_after=asked)

    with pytest.raises(SourceUnavailable):
        read_with_retries(read, sleep=slept.append)
    assert slept == waits


def test_what_a_person_decides_takes_a_reason_and_a_known_name(bench: Bench) -> None:
    now = bench.clock.now()
    with pytest.raises(BadInput, match="say why nothing is to be sent"):
        hold_sending(bench.ledger, "me", now, None, " ")
    with pytest.raises(UnknownName, match="acne"):
        hold_sending(bench.ledger, "me", now, "acne", "a wrong price")
    with pytest.raises(BadInput, match="say why it is left as it is"):
        acknowledge_breaks(bench.ledger, "me", now, [], " ")
    bench.take(call("c"))
    assert bench.sync().clean
