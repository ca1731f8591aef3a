"""Cancelling: which event is taken back, and when none may be."""

from datetime import timedelta

import pytest

from billing.domain.cancellation import (
    SyncedEvent,
    choose_to_cancel,
    keeps_above_zero,
    may_cancel,
)
from tests.domain.telling import NOON

HOUR, TICK = timedelta(hours=1), timedelta(microseconds=1)


def events(*minutes: int, age: timedelta = HOUR) -> list[SyncedEvent]:
    return [SyncedEvent(n, m, NOON - age) for n, m in enumerate(minutes, 1)]


@pytest.mark.parametrize(
    ("negative", "minutes", "counted", "chosen"),
    [
        (-3, (5,), 5, 1),
        (-5, (5,), 5, 1),
        (-6, (5,), 5, None),
        (-3, (9, 5), 14, 2),
        (-3, (5, 5), 10, 1),
        (-3, (2, 2), 4, None),
        (-3, (), 100, None),
        (-3, (5,), 4, None),
        (-3, (9, 5), 5, 2),
    ],
)
def test_the_smallest_event_that_covers_the_difference_is_taken_back(
    negative: int, minutes: tuple[int, ...], counted: int, chosen: int | None
) -> None:
    found = choose_to_cancel(negative, events(*minutes), counted, NOON)
    assert (found and found.id) == chosen


@pytest.mark.parametrize(
    ("age", "may"),
    [(HOUR, True), (23 * HOUR - TICK, True), (23 * HOUR, False), (48 * HOUR, False)],
)
def test_an_event_is_taken_back_for_less_than_23_hours(
    age: timedelta, may: bool
) -> None:
    assert may_cancel(NOON - age, NOON) is may
    assert bool(choose_to_cancel(-1, events(5, age=age), 5, NOON)) is may


@pytest.mark.parametrize(
    ("minutes", "counted", "keeps"),
    [
        (5, 0, True),
        (0, 0, True),
        (-5, 5, True),
        (-5, 4, False),
        (-1, 0, False),
        # What takes nothing away is never in the way.
        (0, -1, True),
        (1, -3, True),
    ],
)
def test_no_event_takes_a_month_below_zero(
    minutes: int, counted: int, keeps: bool
) -> None:
    assert keeps_above_zero(minutes, counted) is keeps
