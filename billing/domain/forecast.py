"""Forecasting: what a month comes to if it goes on as it has so far."""

from datetime import datetime, timedelta

from billing.domain.period import DAY, BillingPeriod

_UNIT = timedelta(microseconds=1)


def can_forecast(period: BillingPeriod, known_until: datetime | None) -> bool:
    """Say whether a month is under way, and known for a day at least."""
    return known_until is not None and period.start + DAY <= known_until < period.end


def forecast(so_far: int, period: BillingPeriod, known_until: datetime) -> int:
    """Return `so_far` times the month's length by what is over of it, halves up."""
    elapsed = (known_until - period.start) // _UNIT
    length = (period.end - period.start) // _UNIT
    return (2 * so_far * length + elapsed) // (2 * elapsed)
