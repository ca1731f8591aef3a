"""A forecast is the month so far, stretched to its end, and exact."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.forecast import can_forecast, forecast
from billing.domain.period import BillingPeriod

APRIL = BillingPeriod(2026, 4)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("so_far", "days", "expected"),
    [(10, 15, 20), (10, 10, 30), (1, 20, 2), (1, 7, 4), (-10, 15, -20), (0, 3, 0)],
)
def test_half_a_month_is_half_of_the_forecast(
    so_far: int, days: int, expected: int
) -> None:
    assert forecast(so_far, APRIL, APRIL.start + days * DAY) == expected


@given(st.integers(-(10**15), 10**15))
def test_a_forecast_at_the_end_is_what_there_is(so_far: int) -> None:
    assert forecast(so_far, APRIL, APRIL.end) == so_far


@pytest.mark.parametrize(
    ("known_until", "can"),
    [
        (None, False),
        (APRIL.start + DAY - timedelta(seconds=1), False),
        (APRIL.start + DAY, True),
        (APRIL.end - timedelta(seconds=1), True),
        (APRIL.end, False),
    ],
)
def test_there_is_a_forecast_while_a_month_is_under_way(
    known_until: datetime | None, can: bool
) -> None:
    assert can_forecast(APRIL, known_until) is can
