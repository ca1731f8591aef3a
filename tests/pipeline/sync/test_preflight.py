"""Preflight: a meter that would count wrongly is sent nothing."""

from dataclasses import replace
from typing import Any

import pytest

from billing.errors import MeterUnfit
from billing.pipeline.sync.preflight import find_flaws
from tests.pipeline.bench import Bench, call
from tests.pipeline.fakes import fit_meter


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
