"""Monotonic time: no age is ever too short, whatever is done to the clock."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.pipeline.monotonic_time import MonotonicClock
from tests.pipeline.virtual_clock import VirtualClock

START = datetime(2026, 3, 11, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("passed", "jumped", "shown", "was_set"),
    [
        (0, 0, 0, False),
        (90, 0, 90, False),
        # Set back: what has passed is believed, and not the clock.
        (90, -60, 90, False),
        (90, -300, 90, False),
        (90, -301, 90, True),
        (90, -86_400, 90, True),
        # Set forward: the clock is, for no age is too short then.
        (90, 60, 150, False),
        (90, 300, 390, False),
        (90, 301, 391, True),
        (0, 86_400, 86_400, True),
    ],
)
def test_time_goes_on_when_the_clock_is_set_back(
    passed: int, jumped: int, shown: int, was_set: bool
) -> None:
    clock = VirtualClock(START)
    clock.advance(hours=5)  # it was running before anybody looked
    begun = clock.now()
    time = MonotonicClock(clock)
    time.sleep(passed)
    clock.jump(seconds=jumped)
    assert time.now() == begun + shown * SECOND
    assert time.clock_was_set() is was_set
