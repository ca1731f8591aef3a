"""Errors: every refusal maps to its class, whatever the body."""

import pickle
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pamela import (
    AuthenticationError,
    CallError,
    InvalidResponse,
    PamelaClient,
    PamelaConnectionError,
    PamelaError,
    PamelaTimeoutError,
    RateLimitError,
    RedirectRefused,
    SubscriptionError,
    ValidationError,
)

CANONICAL = {"error_code": 7003, "message": "no such call", "details": {"id": "c1"}}
NESTED = {"code": 7003, "message": "no such call", "details": {"id": "c1"}}


def client_of(*args: Any, **kwargs: Any) -> PamelaClient:
    transport = httpx2.MockTransport(lambda request: httpx2.Response(*args, **kwargs))
    return PamelaClient("pk_live_1", transport=transport, retries=None)


def error_of(*args: Any, path: str = "calls", **kwargs: Any) -> PamelaError:
    with client_of(*args, **kwargs) as client, pytest.raises(PamelaError) as caught:
        client.get_call("c1") if path == "calls" else client.usage.get()
    return caught.value


@pytest.mark.parametrize(
    ("status", "under_calls", "under_usage"),
    [
        (400, ValidationError, ValidationError),
        (401, AuthenticationError, AuthenticationError),
        (403, SubscriptionError, SubscriptionError),
        (422, ValidationError, ValidationError),
        (429, RateLimitError, RateLimitError),
        (402, CallError, PamelaError),
        (404, CallError, PamelaError),
        (409, CallError, PamelaError),
        (500, CallError, PamelaError),
        (503, CallError, PamelaError),
        (599, CallError, PamelaError),
    ],
)
def test_a_status_decides_the_class(
    status: int, under_calls: type[PamelaError], under_usage: type[PamelaError]
) -> None:
    for path, expected in (("calls", under_calls), ("usage", under_usage)):
        error = error_of(status, path=path, json={"detail": CANONICAL})
        assert type(error) is expected
        assert error.status_code == status
        assert error.error_code == 7003


@pytest.mark.parametrize(
    ("body", "message", "code", "details"),
    [
        ({"detail": CANONICAL}, "no such call", 7003, {"id": "c1"}),
        ({"detail": "no such call"}, "no such call", None, {}),
        ({"detail": {"error": NESTED}}, "no such call", 7003, {"id": "c1"}),
        (CANONICAL, "no such call", 7003, {"id": "c1"}),
        ({"error": NESTED}, "no such call", 7003, {"id": "c1"}),
        (
            {"error": {"code": 6001, "details": {"a": 1}}, "message": "slower"},
            "slower",
            6001,
            {"a": 1},
        ),
        ({"error": {"code": "E7"}, "detail": "gone"}, "gone", "E7", {}),
        ({"detail": {"error": "expired"}}, "expired", None, {}),
        ({"detail": {"error": None}}, None, None, {}),
        ({"error": "expired"}, "expired", None, {}),
        (
            {"detail": [{"loc": ["query", "limit"], "msg": "too big"}, {"msg": "no"}]},
            "query.limit: too big; no",
            None,
            {"errors": [{"loc": ["query", "limit"], "msg": "too big"}, {"msg": "no"}]},
        ),
        ({"detail": [1, None, ["x"], {"msg": 3}]}, None, None, None),
        (
            {"detail": {"error_code": True, "message": ["x"], "details": 3}},
            "x",
            None,
            {},
        ),
        ({"detail": {"error_code": 1.5, "message": {"a": 1}}}, None, None, {}),
        ({"detail": {"message": "  "}}, None, None, {}),
        ({}, None, None, {}),
        ([], None, None, {}),
        ("refused", None, None, {}),
        (None, None, None, {}),
    ],
)
def test_every_known_shape_of_an_error_is_read(
    body: Any, message: str | None, code: int | str | None, details: Any
) -> None:
    error = error_of(404, json=body)
    assert error.message == (message or "Request failed with status 404")
    assert str(error) == error.message
    assert error.error_code == code
    assert details is None or error.details == details


@pytest.mark.parametrize(
    "body", [b"", b"<html>Bad Gateway</html>", b'{"detail": "cut', b"\xff", b"[NaN]"]
)
def test_an_unreadable_error_still_says_its_status(body: Any) -> None:
    error = error_of(502, content=body, headers={"Content-Encoding": "identity"})
    assert (type(error), error.status_code) == (CallError, 502)
    assert str(error) == "Request failed with status 502"


def test_a_damaged_or_endless_error_still_says_its_status() -> None:
    damaged = {"Content-Encoding": "gzip"}
    stream = httpx2.ByteStream(b"not gzip")
    assert error_of(401, stream=stream, headers=damaged).status_code == 401
    announced = {"Content-Length": "99999999999"}
    empty = httpx2.ByteStream(b"")
    assert type(error_of(403, stream=empty, headers=announced)) is SubscriptionError


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["detail", "error", "message", "code", "error_code", "details", "loc"]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@given(JSON, st.sampled_from([400, 401, 404, 422, 429, 500]))
def test_no_body_whatsoever_raises_anything_foreign(body: Any, status: int) -> None:
    error = error_of(status, json=body)
    assert isinstance(error.message, str)
    assert error.message
    assert isinstance(error.details, dict)
    assert isinstance(error.retry_after, float | None)


@pytest.mark.parametrize(
    ("headers", "details", "seconds"),
    [
        ({"Retry-After": "7"}, {"retry_after": 30}, 7.0),
        ({"Retry-After": "0"}, {"retry_after": 30}, 0.0),
        ({}, {"retry_after": 30}, 30.0),
        ({}, {"retry_after": "1.5"}, 1.5),
        (
            {
                "Retry-After": "Sun, 01 Mar 2026 00:00:30 GMT",
                "Date": "Sun, 01 Mar 2026 00:00:00 GMT",
            },
            {},
            30.0,
        ),
        (
            {
                "Retry-After": "Sat, 28 Feb 2026 00:00:00 GMT",
                "Date": "Sun, 01 Mar 2026 00:00:00 GMT",
            },
            {},
            0.0,
        ),
        ({"Retry-After": "soon"}, {"retry_after": True}, None),
        ({"Retry-After": "-5"}, {"retry_after": -5}, None),
        ({"Retry-After": "9" * 400}, {"retry_after": [1]}, None),
        ({}, {}, None),
    ],
)
def test_the_time_to_wait_comes_from_the_header_then_from_the_body(
    headers: dict[str, str], details: Any, seconds: float | None
) -> None:
    body = {"detail": {"error_code": 6001, "message": "slow", "details": details}}
    assert error_of(429, json=body, headers=headers).retry_after == seconds


def test_an_error_keeps_the_headers_and_the_request_s_id() -> None:
    error = error_of(500, headers={"X-Request-ID": "req_1"}, json={})
    assert error.request_id == "req_1"
    assert error.headers["x-request-id"] == "req_1"


def test_an_error_survives_pickling() -> None:
    error = error_of(404, json={"detail": CANONICAL}, headers={"X-Request-ID": "r1"})
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.__dict__, str(copy)) == (
        CallError,
        error.__dict__,
        "no such call",
    )


def test_an_error_can_be_built_as_the_official_one() -> None:
    error = RateLimitError("slow", 6001, {"retry_after": 5}, 429)
    assert (error.message, error.error_code, error.status_code) == ("slow", 6001, 429)
    assert error.details == {"retry_after": 5}
    assert error.retry_after == 5.0
    assert PamelaError("x").details == {}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (301, RedirectRefused),
        (302, RedirectRefused),
        (304, RedirectRefused),
        (307, RedirectRefused),
        (101, InvalidResponse),
        (204, InvalidResponse),
    ],
)
def test_neither_a_redirect_nor_an_empty_answer_is_a_result(
    status: int, expected: type[PamelaError]
) -> None:
    error = error_of(status, headers={"Location": "https://elsewhere.example/"})
    assert type(error) is expected
    assert error.status_code == status


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("get_call", []),
        ("get_call", None),
        ("get_call", "call"),
        ("get_usage", [1]),
        ("list_calls", []),
        ("list_calls", {}),
        ("list_calls", {"items": None}),
        ("list_calls", {"items": {}}),
    ],
)
def test_an_answer_of_another_shape_is_refused(method: str, body: Any) -> None:
    arguments = ["2026-03"] if method == "get_usage" else ["c1"]
    with client_of(200, json=body) as client, pytest.raises(InvalidResponse):
        getattr(client, method)(*arguments)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (httpx2.ConnectError, PamelaConnectionError),
        (httpx2.RemoteProtocolError, PamelaConnectionError),
        (httpx2.LocalProtocolError, PamelaConnectionError),
        (httpx2.WriteError, PamelaConnectionError),
        (httpx2.ReadTimeout, PamelaTimeoutError),
        (httpx2.PoolTimeout, PamelaTimeoutError),
        (httpx2.ConnectTimeout, PamelaTimeoutError),
        (OSError, PamelaConnectionError),
    ],
)
def test_no_error_of_the_transport_leaks(
    fault: type[Exception], expected: type[PamelaError]
) -> None:
    def fail(request: httpx2.Request) -> httpx2.Response:
        raise fault("broken")

    transport = httpx2.MockTransport(fail)
    client = PamelaClient("pk_live_1", transport=transport, retries=None)
    with client, pytest.raises(PamelaError) as caught:
        client.get_call("c1")
    assert type(caught.value) is expected


class Drip(httpx2.SyncByteStream):
    """A body whose bytes arrive one by one."""

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(100):
            time.sleep(0.005)
            yield b" "


def test_a_handed_in_transport_cannot_outstay_the_total_time() -> None:
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, stream=Drip()))
    client = PamelaClient(
        "pk_live_1", transport=transport, total_timeout=0.02, retries=None
    )
    with client, pytest.raises(PamelaTimeoutError):
        client.get_call("c1")
