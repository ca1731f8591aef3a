"""Another program that feeds the meter of a bench, and the cut-over from it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import count

from billing.domain.meter_event import MeterEvent
from billing.domain.period import hour_of
from billing.pipeline.adopt.cut_over import (
    CustomerCutOver,
    CutOverOptions,
    adopt_meter,
)
from tests.pipeline.bench import NOON, Bench
from tests.pipeline.fakes import Request

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
_NUMBERS = count()


def report(
    bench: Bench, minutes: int, at: datetime = NOON, customer: str = "acme"
) -> None:
    """Let the other program report minutes, under a name that is not ours."""
    event = MeterEvent(
        customer=customer,
        stripe_customer=f"cus_{customer}",
        meter="stripe_minutes",
        livemode=False,
        hour=hour_of(at),
        sequence=59 - next(_NUMBERS) % 40,
        minutes=minutes,
    )
    bench.meter.counted.append(Request(event, "other", bench.clock.now()))


def adopt(
    bench: Bench,
    from_hour: datetime,
    *,
    reason: str | None = "we take over",
    customers: Mapping[str, str] | None = None,
    stopped_at: datetime | None = None,
    sole: bool = False,
) -> list[CustomerCutOver]:
    """Take the meter over, by default acme's alone."""
    options = CutOverOptions(
        from_hour=from_hour,
        first_period=bench.first_period,
        livemode=False,
        clock=bench.clock,
        actor="tests",
        reason=reason,
        stopped_at=stopped_at,
        sole_reporter=sole,
    )
    names = customers or {"acme": "cus_acme"}
    return adopt_meter(bench.ledger, bench.meter, options, names)
