"""Retries: the only policies there are, both by the retry schedule."""

from collections.abc import Callable
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    retry_if_result,
    stop_after_attempt,
)

from billing.domain.meter_event import SendAnswer
from billing.domain.retry_schedule import MOST_TRIES, delay_before_retry, tries_left
from billing.errors import MeterUnavailable, SourceUnavailable

T = TypeVar("T")
Sleep = Callable[[float], None]

# Reading twice harms nobody, and a person or the next hour waits: fewer tries.
MOST_READS = 4
# A server may ask for more time than the schedule gives, but not for a silent hour.
LONGEST_RETRY_AFTER_SECONDS = 60


def send_with_retries(
    send: Callable[[], SendAnswer], *, tries: int, sleep: Sleep
) -> SendAnswer:
    """Send until the answer is final or the tries are used up; returns the last answer.

    `tries` were made before: the count survives a restart.
    """

    def wait(state: RetryCallState) -> float:
        # tenacity asks this after the last try too, before it stops.
        retry = min(tries + state.attempt_number, MOST_TRIES - 1)
        return delay_before_retry(retry).total_seconds()

    retrying = Retrying(
        retry=retry_if_result(lambda answer: answer.transient),
        wait=wait,
        stop=stop_after_attempt(max(tries_left(tries), 1)),
        sleep=sleep,
        retry_error_callback=_last_answer,
    )
    return retrying(send)


def read_with_retries(read: Callable[[], T], *, sleep: Sleep) -> T:
    """Read until there is an answer or the tries are used up; raises the last fault."""

    def wait(state: RetryCallState) -> float:
        fault = state.outcome and state.outcome.exception()
        retry_after = getattr(fault, "retry_after", 0)
        scheduled = delay_before_retry(state.attempt_number).total_seconds()
        return max(scheduled, min(retry_after, LONGEST_RETRY_AFTER_SECONDS))

    retrying = Retrying(
        retry=retry_if_exception_type((SourceUnavailable, MeterUnavailable)),
        wait=wait,
        stop=stop_after_attempt(MOST_READS),
        sleep=sleep,
        reraise=True,
    )
    return retrying(read)


def _last_answer(state: RetryCallState) -> SendAnswer:
    if state.outcome is None:
        raise RuntimeError("tenacity gave up before the first try")
    answer: SendAnswer = state.outcome.result()
    return answer
