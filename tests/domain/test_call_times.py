"""Call times: tables of durations and times that can be right, and that cannot."""

from dataclasses import replace
from datetime import timedelta

import pytest

from billing.domain.call import Call
from billing.domain.call_times import USUAL_TOLERANCE, find_contradiction
from tests.domain.telling import NOON, tell

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("seconds", "between", "right"),
    [
        # the duration, the time from start to end, whether both can be right
        (61, 61 * SECOND, True),
        (0, timedelta(), True),
        (0, 59.999 * SECOND, True),
        (0, 60 * SECOND, False),  # no call, and a minute between
        (1, 61 * SECOND, True),
        (1, 61.001 * SECOND, False),
        (300, 0 * SECOND, False),
        (300, 240 * SECOND, True),  # 60 s are let pass, on either side
        (300, 239 * SECOND, False),
        (300, 360 * SECOND, True),
        (300, 361 * SECOND, False),
        (600, 660 * SECOND, True),
        (601, 661.1 * SECOND, True),  # and so is a tenth of a long call
        (601, 661.101 * SECOND, False),
        (3_000, 3_300 * SECOND, True),
        (3_000, 3_301 * SECOND, False),
        (3_600, 3_600 * SECOND, True),
        (3_660, 3_660 * SECOND, True),
        (3_661, 3_661 * SECOND, False),  # longer than any call
    ],
)
def test_a_duration_and_times_that_cannot_both_be_right_are_told(
    seconds: int, between: timedelta, right: bool
) -> None:
    call = tell(seconds=seconds)._replace(ended_at=NOON + between)
    assert (find_contradiction(call, USUAL_TOLERANCE) is None) is right


def test_what_contradicts_is_said_in_a_sentence() -> None:
    call = tell(seconds=60)._replace(ended_at=NOON + timedelta(hours=2))
    assert find_contradiction(call, USUAL_TOLERANCE) == (
        "duration_seconds is 60, and ended_at is 2:00:00 after started_at"
    )
    assert find_contradiction(tell(seconds=7_200), USUAL_TOLERANCE) == (
        "duration_seconds is 7200, and no call is longer than 3600 s"
    )


@pytest.mark.parametrize(
    "call",
    [
        tell(seconds=60)._replace(ended_at=None),
        tell(seconds=60)._replace(started_at=None),
        tell(seconds=None)._replace(ended_at=NOON + timedelta(days=1)),
        tell(status="in_progress", seconds=9)._replace(ended_at=NOON + 300 * SECOND),
    ],
)
def test_what_is_not_said_contradicts_nothing(call: Call) -> None:
    assert find_contradiction(call, USUAL_TOLERANCE) is None


@pytest.mark.parametrize(
    ("changes", "seconds", "between", "right"),
    [
        ({"tolerance_seconds": 10}, 100, 111, False),
        ({"tolerance_seconds": 300}, 100, 400, True),
        ({"tolerance_seconds": 300}, 0, 299, True),
        ({"tolerance_percent": 100}, 100, 200, True),
        ({"tolerance_percent": 0}, 600, 661, False),
        ({"longest_seconds": 7_200}, 7_200, 7_200, True),
    ],
)
def test_how_far_they_may_be_apart_is_for_the_settings(
    changes: dict[str, int], seconds: int, between: int, right: bool
) -> None:
    call = tell(seconds=seconds)._replace(ended_at=NOON + between * SECOND)
    tolerance = replace(USUAL_TOLERANCE, **changes)
    assert (find_contradiction(call, tolerance) is None) is right
