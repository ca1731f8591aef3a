"""Reads from Stripe: minutes by the hour, customers, and how the meter is set up."""

from datetime import timedelta
from typing import Any

import pytest

from billing.domain.period import Window, hour_of
from billing.errors import (
    MeterFault,
    MeterRefused,
    MeterUnavailable,
    NoSuchCustomer,
)
from billing.sandbox.faults import FaultKind
from billing.sandbox.world import METER
from tests.gateways.desk import DAY, HOUR, MeterDesk
from tests.sandbox.pamela.pamela_world import NOW
from tests.sandbox.stripe.stripe_world import create_meter_event


def test_a_total_is_what_was_counted(desk: MeterDesk) -> None:
    for sequence, minutes in enumerate((5, 700, -3)):
        desk.send(desk.event(minutes, sequence), key=f"k{sequence}")
    desk.world.advance(minutes=2)
    assert desk.meter.read_total("cus_acme", DAY) == 702
    assert desk.meter.read_hours("cus_acme", DAY) == {hour_of(NOW) - HOUR: 702}


def test_nothing_counted_is_zero(desk: MeterDesk) -> None:
    assert desk.meter.read_total("cus_acme", DAY) == 0
    assert desk.meter.read_hours("cus_acme", DAY) == {}


def test_a_summary_may_lag_behind(desk: MeterDesk) -> None:
    desk.send()
    assert desk.meter.read_total("cus_acme", DAY) == 0
    desk.world.advance(minutes=2)
    assert desk.meter.read_total("cus_acme", DAY) == 5


def test_a_month_of_hours_is_read_over_all_its_pages(desk: MeterDesk) -> None:
    first = hour_of(NOW) - 30 * 24 * HOUR
    for number in range(30 * 24):
        hour = first + number * HOUR
        answer = desk.send(desk.event(1 + number, hour=hour), key=f"k{number}")
        assert answer.counted
    desk.world.advance(minutes=2)
    hours = desk.meter.read_hours("cus_acme", Window(first, hour_of(NOW)))
    assert hours == {first + n * HOUR: 1 + n for n in range(720)}
    assert len(desk.requests(desk_endpoint(desk))) == 8


def desk_endpoint(desk: MeterDesk) -> str:
    """Return the name under which the sandbox logs reads of summaries."""
    seen = desk.world.sandbox.stripe_log.records()
    return next(r.endpoint for r in seen if "summar" in r.endpoint)


def test_one_minute_of_a_customer_is_one_event(desk: MeterDesk) -> None:
    for sequence, minutes in enumerate((5, 6, 7)):
        desk.send(desk.event(minutes, sequence), key=f"k{sequence}")
    desk.world.advance(minutes=2)
    start = desk.event(sequence=1).timestamp
    window = Window(start, start + timedelta(minutes=1))
    assert desk.meter.read_total("cus_acme", window) == 6


def test_large_totals_are_exact(desk: MeterDesk) -> None:
    most = 10**9 - 1
    for sequence in range(10):
        desk.send(desk.event(most, sequence), key=f"k{sequence}")
    desk.world.advance(minutes=2)
    assert desk.meter.read_total("cus_acme", DAY) == 10 * most


def test_more_minutes_than_can_be_are_not_read(desk: MeterDesk) -> None:
    desk.send(desk.event(10**10 + 1))
    desk.world.advance(minutes=2)
    with pytest.raises(MeterFault, match=r"1\.000e\+10 minutes, which cannot be"):
        desk.meter.read_total("cus_acme", DAY)


def test_minutes_that_are_not_whole_are_not_from_this_ledger(desk: MeterDesk) -> None:
    event = {
        "event_name": METER,
        "identifier": "stranger",
        "payload": {"stripe_customer_id": "cus_acme", "value": "1.5"},
    }
    create_meter_event(desk.world.sandbox.stripe.test, event, NOW)
    desk.world.advance(minutes=2)
    with pytest.raises(MeterFault, match=r"1\.5 minutes, which is not whole"):
        desk.meter.read_total("cus_acme", DAY)


def test_customers_exist_or_not(desk: MeterDesk) -> None:
    assert desk.meter.has_customer("cus_acme") is True
    assert desk.meter.has_customer("cus_nobody") is False
    desk.world.sandbox.stripe.test.delete_customer("cus_acme", NOW)
    assert desk.meter.has_customer("cus_acme") is False


def test_minutes_of_an_unknown_customer_cannot_be_read(desk: MeterDesk) -> None:
    with pytest.raises(NoSuchCustomer):
        desk.meter.read_total("cus_nobody", DAY)


def test_the_meter_is_found_by_its_name(desk: MeterDesk) -> None:
    state = desk.meter.describe()
    assert state is not None
    assert (state.event_name, state.status, state.formula) == (METER, "active", "sum")
    assert (state.customer_key, state.value_key) == ("stripe_customer_id", "value")
    assert (state.event_time_window, state.livemode) == (None, False)


def test_a_meter_of_another_name_is_none(desk: MeterDesk) -> None:
    other = desk.connect(name="other_minutes")
    assert other.describe() is None
    with pytest.raises(MeterFault, match="no meter named other_minutes"):
        other.read_total("cus_acme", DAY)


def test_an_active_meter_goes_before_one_that_was_deactivated(desk: MeterDesk) -> None:
    mode = desk.world.sandbox.stripe.test
    first = desk.meter.describe()
    assert first is not None
    mode.deactivate_meter(first.meter_id, {}, NOW)
    inactive = desk.meter.describe()
    assert inactive is not None
    assert inactive.status == "inactive"
    params: dict[str, Any] = {
        "display_name": "Anew",
        "event_name": METER,
        "default_aggregation": {"formula": "sum"},
    }
    made = mode.create_meter(params, NOW)
    state = desk.meter.describe()
    assert state is not None
    assert (state.meter_id, state.status) == (made["id"], "active")


READ_FAULTS = [
    (FaultKind.ERROR_500, MeterUnavailable),
    (FaultKind.ERROR_503, MeterUnavailable),
    (FaultKind.DROP_BEFORE, MeterUnavailable),
    (FaultKind.DROP_AFTER, MeterUnavailable),
    (FaultKind.HTML, MeterUnavailable),
    (FaultKind.MALFORMED, MeterUnavailable),
    (FaultKind.RATE_LIMIT, MeterUnavailable),
    (FaultKind.UNAUTHORIZED, MeterRefused),
    (FaultKind.FORBIDDEN, MeterRefused),
]


@pytest.mark.parametrize(("kind", "fault"), READ_FAULTS)
def test_a_read_that_fails_for_good_says_why(
    desk: MeterDesk, kind: FaultKind, fault: type[MeterFault]
) -> None:
    desk.strike(kind, "stripe.*", count=99)
    for read in (
        desk.meter.describe,
        lambda: desk.meter.has_customer("cus_acme"),
        lambda: desk.meter.read_total("cus_acme", DAY),
    ):
        desk.slept.clear()
        with pytest.raises(fault):
            read()
        assert desk.slept == ([1, 2, 4] if fault is MeterUnavailable else [])


@pytest.mark.parametrize(
    "kind", [kind for kind, fault in READ_FAULTS if fault is MeterUnavailable]
)
def test_a_read_is_tried_again(desk: MeterDesk, kind: FaultKind) -> None:
    desk.send()
    desk.world.advance(minutes=2)
    desk.strike(kind, "stripe.*", count=3)
    assert desk.meter.read_total("cus_acme", DAY) == 5
    assert desk.slept == [1, 2, 4]


def test_a_fault_between_two_pages_never_gives_a_part_for_the_whole(
    desk: MeterDesk,
) -> None:
    first = hour_of(NOW) - 150 * HOUR
    for number in range(150):
        desk.send(desk.event(1, hour=first + number * HOUR), key=f"k{number}")
    desk.world.advance(minutes=2)
    window = Window(first, hour_of(NOW))
    desk.meter.read_total("cus_acme", window)
    for kind in (FaultKind.MALFORMED, FaultKind.DROP_AFTER, FaultKind.ERROR_500):
        desk.strike(kind, "stripe.*", count=1)
        assert sum(desk.meter.read_hours("cus_acme", window).values()) == 150
