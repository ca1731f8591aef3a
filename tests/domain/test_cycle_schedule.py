"""Cycle schedule: a table of what two clocks say, and what is due."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.cycle_schedule import (
    HOUR,
    NO_JUMP,
    TICK,
    Moment,
    Plan,
    plan_cycle,
    until_next_look,
)

NOON = datetime(2026, 3, 3, 12, 0, 5, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
START = Moment(NOON, timedelta(days=9))


def after(wall: timedelta, counter: timedelta) -> Moment:
    """Return what the clocks say when so much passed by each."""
    return Moment(START.wall + wall, START.counter + counter)


@pytest.mark.parametrize(
    ("look", "now", "plan"),
    [
        # (last look, now): each after so much (by the wall, by the counter).
        ((0, 0), (20, 20), Plan(is_due=False)),
        ((3_580, 3_580), (3_594, 3_594), Plan(is_due=False)),  # 12:59:59
        ((3_580, 3_580), (3_595, 3_595), Plan(is_due=True)),  # 13:00:00
        # Slewed, or read not quite at once.
        ((20, 20), (44, 40), Plan(is_due=False)),
        ((20, 20), (36, 40), Plan(is_due=False)),
        ((20, 20), (45, 40), Plan(is_due=False)),
        ((20, 20), (46, 40), Plan(is_due=True, jump=6 * SECOND)),
        # The wall clock is frozen: after an hour of the counter a cycle is due.
        ((0, 3_597), (2, 3_599), Plan(is_due=False)),
        ((0, 3_598), (2, 3_600), Plan(is_due=True)),
        # Set forward and back, within the hour and over it.
        ((20, 20), (640, 40), Plan(is_due=True, jump=600 * SECOND)),
        ((640, 640), (60, 660), Plan(is_due=True, jump=-600 * SECOND)),
        ((20, 20), (20 + 3 * 86_400 + 20, 40), Plan(is_due=True, jump=3 * DAY)),
        ((20, 20), (20 - 3 * 86_400 + 20, 40), Plan(is_due=True, jump=-3 * DAY)),
        # Asleep for five hours: both clocks went on.
        ((20, 20), (18_020, 18_020), Plan(is_due=True)),
    ],
)
def test_what_is_due(look: tuple[int, int], now: tuple[int, int], plan: Plan) -> None:
    def moment(passed: tuple[int, int]) -> Moment:
        wall, counter = passed
        return after(wall * SECOND, counter * SECOND)

    assert plan_cycle(moment(look), START, moment(now)) == plan


def test_a_cycle_is_due_at_the_start() -> None:
    assert plan_cycle(None, None, START) == Plan(is_due=True)
    assert plan_cycle(START, None, START) == Plan(is_due=True)


def test_a_clock_that_was_days_ahead_at_the_start_and_is_corrected() -> None:
    look = cycle = START
    cycles = []
    for ticks in range(1, 3 * 3_600 // 20):
        passed = ticks * TICK
        # Corrected by three days after ten minutes.
        wall = passed if passed < timedelta(minutes=10) else passed - 3 * DAY
        now = after(wall, passed)
        if plan_cycle(look, cycle, now).is_due:
            cycle = now
            cycles.append(passed)
        look = now
    gaps = [later - earlier for earlier, later in itertools.pairwise(cycles)]
    assert cycles[0] == timedelta(minutes=10)
    assert max(gaps) <= HOUR


@pytest.mark.parametrize(
    ("minute", "second", "wait"), [(0, 0, 20), (59, 39, 20), (59, 55, 5)]
)
def test_the_next_look_is_at_the_next_hour_or_a_tick_away(
    minute: int, second: int, wait: int
) -> None:
    wall = NOON.replace(minute=minute, second=second)
    assert until_next_look(wall) == wait * SECOND
    assert timedelta(seconds=30) >= TICK
    assert plan_cycle(START, START, START).jump == NO_JUMP
