"""What was refused, and counts after all, is never sent anew under another name."""

from dataclasses import replace

import pytest

from billing.errors import MeterUnavailable
from billing.pipeline.sync.operator_actions import RetryOrder, retry_rejected
from billing.pipeline.sync.sync import sync_meter
from tests.pipeline.bench import NOON, Bench, call
from tests.pipeline.fakes import refuse
from tests.pipeline.mishaps import HOUR, refuse_and_count

STATES = "SELECT minutes, state, reason FROM meter_event ORDER BY id"
READ = "SELECT event_id, minutes FROM meter_reading ORDER BY id"


@pytest.fixture
def refused(bench: Bench) -> Bench:
    """Have two events refused, of which the first counts all the same."""
    bench.meter.script = [refuse_and_count, refuse]
    bench.take(call("a", NOON, 300), call("b", NOON + HOUR, 60))
    bench.sync()
    bench.clock.advance(hours=3)
    assert bench.counted() == {"acme": 5}
    return bench


def retried(bench: Bench, *events: str) -> tuple[int, tuple[str, ...]]:
    now, order = bench.clock.now(), RetryOrder("fixed", events=events)
    done = retry_rejected(bench.ledger, bench.meter, "a person", now, order)
    return done.freed, done.shown


def test_a_person_frees_only_what_the_meter_does_not_show(refused: Bench) -> None:
    first = refused.meter.requests[0].event.identifier
    assert retried(refused) == (1, (first,))
    assert refused.rows(READ) == [(1, 5)]
    refused.sync()
    assert refused.counted() == {"acme": 6}
    assert refused.rows(STATES)[0] == (5, "failed", "rejected")
    assert retried(refused, first) == (0, (first,))
    assert refused.sync().clean
    assert refused.counted() == {"acme": 6}


def test_a_new_address_frees_only_what_the_meter_does_not_show(refused: Bench) -> None:
    refused.name_customers(acme="cus_new")
    refused.sync()
    assert refused.rows(STATES) == [
        (5, "failed", "rejected"),
        (1, "failed", "replaced"),
        (1, "synced", None),
    ]
    assert refused.rows(READ) == [(1, 5), (2, 0)]


@pytest.mark.parametrize(("others", "freed"), [(4, 2), (5, 1), (6, 1)])
def test_a_minute_that_holds_less_than_the_event_does_not_hold_it(
    refused: Bench, others: int, freed: int
) -> None:
    [ours] = refused.meter.counted
    strange = replace(ours.event, minutes=others)
    refused.meter.counted = [replace(ours, event=strange)]
    assert retried(refused)[0] == freed


def test_events_of_the_other_mode_are_left_and_not_read(refused: Bench) -> None:
    refused.name_customers(acme="cus_new")
    meter = refused.meter
    assert meter.state is not None
    meter.state = replace(meter.state, livemode=True)
    live = replace(refused.sync_options(), livemode=True)
    sync_meter(refused.ledger, meter, live)
    assert refused.rows(READ) == []
    assert [state for _, *state in refused.rows(STATES)] == [["failed", "rejected"]] * 2


def test_of_a_customer_that_is_gone_nothing_counts(refused: Bench) -> None:
    refused.meter.missing = {"cus_acme"}
    assert retried(refused) == (2, ())


def test_nothing_is_freed_unread(refused: Bench) -> None:
    refused.meter.down = True
    with pytest.raises(MeterUnavailable):
        retried(refused)
    assert [state for _, *state in refused.rows(STATES)] == [["failed", "rejected"]] * 2
