"""Retries: what is sent again, when, and what never is."""

import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from pamela import (
    CallError,
    PamelaClient,
    PamelaConnectionError,
    PamelaError,
    RateLimitError,
    RetryPolicy,
    ValidationError,
)
from tests.waiting import LONGEST_WAIT_SECONDS

QUICK = RetryPolicy(attempts=3, first_delay=0.001, jitter=0)
TO = "+15550100"
Act = Callable[[PamelaClient], object]


class Faulty:
    """Fails as often as it is told to, then answers; counts what arrives."""

    def __init__(self, fault: Any, times: int = 2) -> None:
        self.arrived = 0
        self._fault = fault
        self._times = times

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.arrived += 1
        if self.arrived > self._times:
            return httpx2.Response(200, json={"id": "call_1"})
        if isinstance(self._fault, type):
            raise self._fault("broken")
        status, details = self._fault
        return httpx2.Response(status, json={"detail": details})


def client_of(server: Faulty, retries: RetryPolicy | None = QUICK) -> PamelaClient:
    transport = httpx2.MockTransport(server)
    return PamelaClient(
        "pk_live_1", user_token="user_1", transport=transport, retries=retries
    )


PASSING = [
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.ReadError,
    httpx2.ReadTimeout,
    httpx2.RemoteProtocolError,
    *((status, {}) for status in (429, 500, 502, 503, 504, 599)),
]
READS: list[Act] = [
    lambda client: client.get_call("call_1"),
    lambda client: client.usage.get(),
    lambda client: client.partner.subscription.get(),
    lambda client: client.server_time(),
]
CHANGES: list[Act] = [
    lambda client: client.create_call(TO, "x"),
    lambda client: client.cancel_call("call_1"),
    lambda client: client.hangup_call("call_1"),
    lambda client: client.register_tool("t", "d", {}),
    lambda client: client.delete_tool("t"),
    lambda client: client.partner.api_keys.revoke("k"),
    lambda client: client.partner.subscription.portal(),
]
RESENT: list[Act] = [
    lambda client: client.create_call(TO, "x", resend=True),
    lambda client: client.delete_tool("t", resend=True),
    lambda client: client.partner.api_keys.revoke("k", resend=True),
]


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("read", READS)
def test_reading_is_repeated_until_it_works(read: Act, fault: Any) -> None:
    server = Faulty(fault)
    with client_of(server) as client:
        read(client)
    assert server.arrived == 3


@pytest.mark.parametrize("fault", [(503, {}), httpx2.ReadError])
def test_the_last_failure_is_raised_as_it_is(fault: Any) -> None:
    server = Faulty(fault, times=99)
    with client_of(server) as client, pytest.raises(PamelaError) as caught:
        client.get_call("call_1")
    assert type(caught.value) in {CallError, PamelaConnectionError}
    assert server.arrived == 3


@pytest.mark.parametrize(
    "fault",
    [*((status, {}) for status in (400, 401, 404, 422)), (429, {"error_code": 6002})],
)
def test_a_refusal_that_stays_one_is_not_repeated(fault: Any) -> None:
    server = Faulty(fault)
    with client_of(server) as client, pytest.raises(PamelaError):
        client.get_call("call_1")
    assert server.arrived == 1


@pytest.mark.parametrize(
    "fault", [(429, {}), (503, {}), httpx2.ReadTimeout, httpx2.WriteError]
)
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_that_may_have_arrived_is_never_sent_again(
    change: Act, fault: Any
) -> None:
    server = Faulty(fault)
    with client_of(server) as client, pytest.raises(PamelaError):
        change(client)
    assert server.arrived == 1


@pytest.mark.parametrize(
    "fault", [httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout]
)
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_that_certainly_never_left_is_sent_again(
    change: Act, fault: Any
) -> None:
    server = Faulty(fault)
    with client_of(server) as client:
        change(client)
    assert server.arrived == 3


@pytest.mark.parametrize("fault", [(503, {}), httpx2.ReadTimeout])
@pytest.mark.parametrize("change", RESENT)
def test_a_change_is_sent_again_when_the_caller_says_so(
    change: Act, fault: Any
) -> None:
    server = Faulty(fault)
    with client_of(server) as client:
        change(client)
    assert server.arrived == 3


@pytest.mark.parametrize("fault", PASSING)
def test_one_argument_turns_all_of_it_off(fault: Any) -> None:
    server = Faulty(fault)
    with client_of(server, retries=None) as client, pytest.raises(PamelaError):
        client.get_call("call_1")
    assert server.arrived == 1


@pytest.mark.parametrize(
    ("retry_after", "attempts"), [(0.01, 3), (61, 1), (86_400, 1), ("soon", 3)]
)
def test_the_server_s_own_wait_is_kept_up_to_the_limit(
    retry_after: Any, attempts: int
) -> None:
    server = Faulty((429, {"details": {"retry_after": retry_after}}), times=99)
    started = time.monotonic()
    with client_of(server) as client, pytest.raises(RateLimitError):
        client.get_call("call_1")
    assert server.arrived == attempts
    assert time.monotonic() - started < LONGEST_WAIT_SECONDS


def test_no_attempt_begins_after_the_deadline() -> None:
    policy = RetryPolicy(attempts=99, first_delay=0.03, jitter=0, deadline=0.2)
    server = Faulty((503, {}), times=99)
    with client_of(server, policy) as client, pytest.raises(CallError):
        client.get_call("call_1")
    # A fourth would begin 0.03 + 0.06 + 0.12 seconds after the first.
    assert 1 <= server.arrived <= 3


@pytest.mark.parametrize(
    ("first_delay", "retry_after"), [(LONGEST_WAIT_SECONDS, None), (0.001, 59)]
)
def test_no_wait_begins_that_would_end_after_the_deadline(
    first_delay: float, retry_after: int | None
) -> None:
    policy = RetryPolicy(
        attempts=99, first_delay=first_delay, max_delay=60, jitter=0, deadline=30
    )
    server = Faulty((429, {"details": {"retry_after": retry_after}}), times=99)
    with client_of(server, policy) as client, pytest.raises(RateLimitError):
        client.get_call("call_1")
    assert server.arrived == 1


@pytest.mark.parametrize(
    ("attempt", "chance", "seconds"),
    [
        (1, 0.0, 0.5),
        (2, 0.0, 1.0),
        (4, 0.0, 4.0),
        (5, 0.0, 8.0),
        (9, 0.0, 8.0),
        (10_000, 0.0, 8.0),
        (1, 1.0, 0.25),
        (5, 1.0, 4.0),
        (5, 0.5, 6.0),
    ],
)
def test_delays_double_up_to_the_longest_and_chance_shortens_them(
    attempt: int, chance: float, seconds: float
) -> None:
    assert RetryPolicy().delay(attempt, None, chance) == seconds


def test_chance_never_shortens_what_the_server_asked_for() -> None:
    error = RateLimitError("slow", details={"retry_after": 20})
    assert RetryPolicy().delay(1, error, 1.0) == 20


@pytest.mark.parametrize(
    "wrong",
    [
        *({"attempts": bad} for bad in (0, -1, 1.5, True, None)),
        *({"first_delay": bad} for bad in (-1, 61, "1", float("nan"))),
        *({"max_delay": bad} for bad in (60.1, float("inf"))),
        *({"max_retry_after": bad} for bad in (61, 21_600)),
        *({"jitter": bad} for bad in (-0.1, 1.1)),
        *({"deadline": bad} for bad in (-1, None)),
    ],
)
def test_no_policy_can_wait_longer_than_a_minute(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RetryPolicy(**wrong)
