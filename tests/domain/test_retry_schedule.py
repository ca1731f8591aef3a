"""The retry schedule: when, and how often."""

from datetime import timedelta

import pytest

from billing.domain.retry_schedule import MOST_TRIES, delay_before_retry, tries_left


def test_five_retries_wait_twice_as_long_each() -> None:
    waits = [delay_before_retry(retry) for retry in range(1, 6)]
    assert waits == [timedelta(seconds=n) for n in (1, 2, 4, 8, 16)]


@pytest.mark.parametrize("retry", [0, 6])
def test_there_is_no_other_retry(retry: int) -> None:
    with pytest.raises((IndexError, ValueError)):
        delay_before_retry(retry)


@pytest.mark.parametrize(
    ("tries", "left"), [(0, 6), (1, 5), (5, 1), (6, 0), (7, 0), (100, 0)]
)
def test_one_try_and_five_retries_are_all(tries: int, left: int) -> None:
    assert tries_left(tries) == left
    assert MOST_TRIES == 6
