"""When a request is sent again: one visible policy, and no wait over a minute."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from pamela._requests import Request
from pamela.exceptions import PamelaConnectionError, PamelaError, ValidationError

if TYPE_CHECKING:
    from tenacity import RetryCallState

LONGEST_WAIT = 60.0
SERVER_ERROR = 500
RATE_LIMITED = 429
QUOTA_EXCEEDED = 6002


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how long to try; all times are seconds, none hidden.

    What reads is repeated after faults of the connection, 429 and 5xx. What changes
    something is repeated only if the server certainly never saw it, or with `resend`.
    """

    attempts: int = 4
    first_delay: float = 0.5
    max_delay: float = 8.0
    jitter: float = 0.5
    """Up to which part of a delay chance may take away, 0 to 1."""
    max_retry_after: float = LONGEST_WAIT
    """When the server asks for more than this, its refusal is raised at once."""
    deadline: float = 90.0
    """From the first attempt's start to the last one's end."""

    def __post_init__(self) -> None:
        if type(self.attempts) is not int or self.attempts < 1:
            raise ValidationError("attempts must be a whole number, 1 or more")
        highest = {
            "first_delay": LONGEST_WAIT,
            "max_delay": LONGEST_WAIT,
            "jitter": 1,
            "max_retry_after": LONGEST_WAIT,
            "deadline": math.inf,
        }
        for name, high in highest.items():
            value = getattr(self, name)
            if type(value) not in {int, float} or not 0 <= value <= high:
                raise ValidationError(f"{name} must be a number, 0 to {high}")

    def repeats(self, request: Request[object], error: BaseException) -> bool:
        """Say whether this failure of this request is worth another attempt."""
        if not isinstance(error, PamelaError) or not _passes(error):
            return False
        if (error.retry_after or 0) > self.max_retry_after:
            return False
        unsent = isinstance(error, PamelaConnectionError) and error.unsent
        return unsent or request.resend or request.method == "GET"

    def delay(self, attempt: int, error: BaseException | None, chance: float) -> float:
        """Return the seconds to wait after an attempt (1, 2, ...); chance is 0 to 1."""
        # The exponent is capped: it only has to get past any longest delay.
        grown = min(self.first_delay * 2 ** min(attempt - 1, 60), self.max_delay)
        retry_after = error.retry_after if isinstance(error, PamelaError) else None
        return max(float(grown * (1 - self.jitter * chance)), retry_after or 0.0)


DEFAULT_RETRIES = RetryPolicy()


class RetryOptions(TypedDict):
    """What both of tenacity's loops take, the blocking and the async one."""

    retry: Callable[["RetryCallState"], bool]
    wait: Callable[["RetryCallState"], float]
    stop: Callable[["RetryCallState"], bool]
    reraise: bool


def retry_options(policy: RetryPolicy, request: Request[object]) -> RetryOptions:
    """Write a policy for one request in tenacity's words."""

    def failure(state: "RetryCallState") -> BaseException | None:
        return state.outcome.exception() if state.outcome else None

    def retry(state: "RetryCallState") -> bool:
        error = failure(state)
        return error is not None and policy.repeats(request, error)

    def wait(state: "RetryCallState") -> float:
        return policy.delay(state.attempt_number, failure(state), random.random())

    def stop(state: "RetryCallState") -> bool:
        over = (state.seconds_since_start or 0.0) + state.upcoming_sleep
        return state.attempt_number >= policy.attempts or over >= policy.deadline

    return RetryOptions(retry=retry, wait=wait, stop=stop, reraise=True)


def _passes(error: PamelaError) -> bool:
    if isinstance(error, PamelaConnectionError):
        return True
    if error.status_code == RATE_LIMITED:
        return error.error_code != QUOTA_EXCEEDED
    return (error.status_code or 0) >= SERVER_ERROR
