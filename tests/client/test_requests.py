"""Requests: each endpoint builds the request that the API expects."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import httpx2
import pytest

from pamela import PamelaClient, PamelaError, ValidationError, __version__

KEY = "pk_live_1"
NOT_TEXT = [None, 7, b"call_1", ["call_1"]]


@pytest.fixture
def sent() -> list[httpx2.Request]:
    return []


@pytest.fixture
def client(sent: list[httpx2.Request]) -> Iterator[PamelaClient]:
    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        return httpx2.Response(200, json={"items": []})

    with PamelaClient(KEY, transport=httpx2.MockTransport(answer)) as client:
        yield client


@pytest.mark.parametrize(
    ("arguments", "named", "query"),
    [
        ((), {}, {"limit": "50", "offset": "0"}),
        (("failed",), {}, {"status_filter": "failed", "limit": "50", "offset": "0"}),
        (
            ("failed", "queued", 10, 20, "2026-03-01", "2026-04-01T00:00:00+00:00"),
            {},
            {
                "status_filter": "queued",
                "limit": "10",
                "offset": "20",
                "start_date": "2026-03-01",
                "end_date": "2026-04-01T00:00:00+00:00",
            },
        ),
        ((), {"limit": None, "offset": None}, {}),
        (
            (),
            {"status_filter": "a&limit=7#", "limit": 100},
            {"status_filter": "a&limit=7#", "limit": "100", "offset": "0"},
        ),
    ],
)
def test_list_calls_sends_the_official_positions_and_names(
    client: PamelaClient,
    sent: list[httpx2.Request],
    arguments: Any,
    named: dict[str, Any],
    query: dict[str, str],
) -> None:
    client.list_calls(*arguments, **named)
    assert sent[0].url.path == "/api/b2b/v1/calls"
    assert parse_qs(sent[0].url.query.decode()) == {k: [v] for k, v in query.items()}


@pytest.mark.parametrize(
    "named",
    [
        {"limit": 0},
        {"limit": 101},
        {"limit": -1},
        {"limit": True},
        {"limit": "50"},
        {"limit": 1.0},
        {"offset": -1},
        {"offset": False},
        {"status": ""},
        {"status_filter": 3},
        {"start_date": ""},
        {"end_date": b"2026-03-01"},
        {"start_date": "\ud800"},
    ],
)
def test_an_argument_that_cannot_be_right_is_never_sent(
    client: PamelaClient, sent: list[httpx2.Request], named: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError):
        client.list_calls(**named)
    assert sent == []


@pytest.mark.parametrize(
    ("call_id", "path"),
    [
        ("call_1", b"/calls/call_1"),
        ("../usage", b"/calls/..%2Fusage"),
        ("a/b?c#d", b"/calls/a%2Fb%3Fc%23d"),
        ("%2e%2e", b"/calls/%252e%252e"),
        ("...", b"/calls/..."),
        ("é b", b"/calls/%C3%A9%20b"),
        ("a\r\nHost: x", b"/calls/a%0D%0AHost%3A%20x"),
    ],
)
def test_an_id_stays_one_segment_of_the_path(
    client: PamelaClient, sent: list[httpx2.Request], call_id: Any, path: bytes
) -> None:
    client.get_call(call_id)
    assert sent[0].url.raw_path == b"/api/b2b/v1" + path


@pytest.mark.parametrize("call_id", ["", ".", "..", "\udc00", *NOT_TEXT])
def test_an_id_that_names_no_call_is_refused(
    client: PamelaClient, sent: list[httpx2.Request], call_id: Any
) -> None:
    with pytest.raises(ValidationError):
        client.get_call(call_id)
    assert sent == []


def test_usage_is_asked_for_one_month_or_the_present_one(
    client: PamelaClient, sent: list[httpx2.Request]
) -> None:
    client.usage.get("2026-03")
    client.get_usage(period="2026-03")
    client.usage.get()
    targets = [request.url.raw_path for request in sent]
    usage = b"/api/b2b/v1/usage"
    assert targets == [usage + b"?period=2026-03"] * 2 + [usage]


@pytest.mark.parametrize(
    "period", ["", "2026-3", "2026-13", "2026-03-01", "٢٠٢٦-03", "2026-03\n", 202603]
)
def test_a_period_is_a_year_and_a_month(
    client: PamelaClient, sent: list[httpx2.Request], period: Any
) -> None:
    with pytest.raises(ValidationError):
        client.usage.get(period)
    assert sent == []


def test_every_request_carries_the_key_and_says_who_asks(
    client: PamelaClient, sent: list[httpx2.Request]
) -> None:
    client.get_call("call_1")
    headers = sent[0].headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["user-agent"] == f"pamela-python/{__version__}"
    assert headers["accept"] == "application/json"
    assert headers["accept-encoding"] == "gzip"
    assert headers["host"] == "api.thisispamela.com"
    assert "cookie" not in headers


def test_a_cookie_of_the_server_is_not_kept() -> None:
    seen = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers.get("cookie"))
        return httpx2.Response(200, json={}, headers={"Set-Cookie": "a=1; Path=/"})

    with PamelaClient(KEY, transport=httpx2.MockTransport(answer)) as client:
        client.get_call("call_1")
        client.get_call("call_1")
    assert seen == [None, None]


def test_a_closed_client_sends_nothing(
    client: PamelaClient, sent: list[httpx2.Request]
) -> None:
    client.close()
    client.close()
    with pytest.raises(PamelaError, match="closed"):
        client.get_call("call_1")
    assert sent == []
