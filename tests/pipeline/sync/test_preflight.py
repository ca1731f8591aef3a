"""Preflight: a meter that would count wrongly is sent nothing."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from billing.errors import MeterUnfit
from billing.pipeline.sync.preflight import find_flaws, require_usable_meter
from tests.pipeline.bench import NOON, Bench, call
from tests.pipeline.fakes import StrictMeter, VirtualClock, fit_meter


def test_a_fit_meter_has_no_flaw() -> None:
    assert find_flaws(fit_meter(), "stripe_minutes", livemode=False) == []


def test_every_flaw_is_named_with_its_remedy() -> None:
    state = replace(fit_meter(), status="inactive", formula="count", livemode=True)
    flaws = find_flaws(state, "stripe_minutes", livemode=False)
    assert len(flaws) == 3
    assert all(flaw.what and flaw.remedy for flaw in flaws)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status", "inactive"),
        ("formula", "count"),
        ("formula", "last"),
        ("event_time_window", "hour"),
        ("event_time_window", "day"),
        ("customer_key", "customer"),
        ("value_key", "minutes"),
        ("livemode", True),
        (None, None),
    ],
)
def test_nothing_is_sent_to_an_unfit_meter(
    bench: Bench, field: str | None, value: object
) -> None:
    flaw: dict[str, Any] = {field: value} if field else {}
    bench.meter.state = replace(fit_meter(), **flaw) if flaw else None
    bench.take(call("c"))
    with pytest.raises(MeterUnfit, match="nothing is sent, because"):
        bench.sync()
    assert bench.meter.requests == []
    assert bench.events() == []


def test_a_sync_without_work_asks_the_meter_nothing(bench: Bench) -> None:
    bench.meter.state = None
    assert bench.sync().clean


@pytest.mark.parametrize("ahead", [1, -1])
@pytest.mark.parametrize(("seconds", "is_off"), [(0, False), (300, False), (301, True)])
def test_nothing_is_sent_by_a_clock_that_is_minutes_off_stripes(
    ahead: int, seconds: int, is_off: bool
) -> None:
    meter = StrictMeter(clock=VirtualClock(NOON))
    ours = NOON + ahead * timedelta(seconds=seconds)
    if is_off:
        with pytest.raises(MeterUnfit, match=f"clock is {seconds} s off Stripe's"):
            require_usable_meter(meter, livemode=False, now=ours)
    else:
        state = require_usable_meter(meter, livemode=False, now=ours)
        assert state.server_time == NOON


@pytest.mark.parametrize("livemode", [True, False])
def test_a_meter_is_of_the_mode_that_is_meant(livemode: bool) -> None:
    state = replace(fit_meter(), livemode=livemode)
    assert find_flaws(state, "stripe_minutes", livemode) == []
    (flaw,) = find_flaws(state, "stripe_minutes", not livemode)
    assert flaw.what == f"the meter's livemode is {livemode}, not {not livemode}"
