"""The retry schedule: after 1, 2, 4, 8 and 16 seconds, at most five retries."""

from datetime import timedelta

RETRY_DELAYS = tuple(timedelta(seconds=1 << power) for power in range(5))
MOST_TRIES = 1 + len(RETRY_DELAYS)


def delay_before_retry(retry: int) -> timedelta:
    """Return how long the nth retry (from 1) waits after the answer before it."""
    if retry < 1:
        raise ValueError(f"retries count from 1, not {retry}")
    return RETRY_DELAYS[retry - 1]


def tries_left(tries: int) -> int:
    """Return how many tries remain after so many were made."""
    return max(MOST_TRIES - tries, 0)
