"""Construction: a client that could not work is refused at birth."""

from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from pamela import AsyncPamelaClient, Pamela, PamelaClient, ValidationError

KEY = "pk_live_very_secret"
PREFIX = "/api/b2b/v1"


@pytest.mark.parametrize(
    ("base_url", "kept"),
    [
        (None, "https://api.thisispamela.com"),
        ("https://pamela.example", "https://pamela.example"),
        ("https://pamela.example//", "https://pamela.example"),
        ("https://pamela.example:8443/proxy/", "https://pamela.example:8443/proxy"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("http://127.8.9.1", "http://127.8.9.1"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_a_base_url_is_kept_without_its_trailing_slash(
    base_url: Any, kept: str
) -> None:
    with PamelaClient(KEY, base_url) as client:
        assert client.base_url == kept
        assert client.base_api_url == kept + PREFIX


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "pamela.example",
        "http://pamela.example",
        "http://127.0.0.1.example",
        "http://localhost.example",
        "http://10.0.0.1",
        "http://0.0.0.0:8000",
        "ftp://pamela.example",
        "https://user:password@pamela.example",
        "https://pamela.example?a=1",
        "https://pamela.example?",
        "https://pamela.example#a",
        "https://pamela.example:65536",
        "http://localhost\\@pamela.example",
        "https://pamelа.example",  # noqa: RUF001 - a letter from another alphabet
        "https://pamela.example:99999999",
        "https://",
        "https://a b.example",
        "https://pamela.example\r\nHost: x",
        7,
    ],
)
def test_a_key_goes_nowhere_without_tls_or_to_a_dubious_address(base_url: Any) -> None:
    with pytest.raises(ValidationError):
        PamelaClient(KEY, base_url)


@pytest.mark.parametrize("api_key", ["", " ", "a b", "a\r\nX: y", "ключ", None, b"k"])
def test_a_key_that_no_header_can_carry_is_a_value_error(api_key: Any) -> None:
    with pytest.raises(ValueError, match="api_key") as caught:
        PamelaClient(api_key)
    assert isinstance(caught.value, ValidationError)


@pytest.mark.parametrize(
    "name", ["timeout", "total_timeout", "max_response_bytes", "max_connections"]
)
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), True, None, "30"])
def test_a_limit_that_limits_nothing_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ValidationError, match=name):
        PamelaClient(KEY, **{name: value})


@pytest.mark.parametrize("name", ["max_response_bytes", "max_connections"])
def test_what_is_counted_is_counted_in_whole_numbers(name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        PamelaClient(KEY, **{name: 1.5})  # type: ignore[arg-type] # the fault is the case


def test_a_client_for_a_test_host_can_be_made_but_sends_no_key_in_clear() -> None:
    sent: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        return httpx2.Response(200, json={})

    transport = httpx2.MockTransport(answer)
    client = PamelaClient(KEY, "http://test", transport=transport)
    with client, pytest.raises(ValidationError, match="https"):
        client.get_call("call_1")
    assert sent == []


@pytest.mark.parametrize("user_token", ["", "a b", 7, "a\r\nX: y"])
def test_a_user_token_that_no_header_can_carry_is_refused(user_token: Any) -> None:
    with pytest.raises(ValidationError, match="user_token"):
        PamelaClient(KEY, user_token=user_token)


@pytest.mark.parametrize("retries", [True, 3, "none", {"attempts": 2}])
def test_retries_are_a_policy_or_none(retries: Any) -> None:
    with pytest.raises(ValidationError, match="retries"):
        PamelaClient(KEY, retries=retries)


def test_the_key_can_be_read_but_never_shows() -> None:
    with Pamela(KEY) as client:
        assert client.api_key == KEY
        assert KEY not in repr(client) + str(client) + repr(client.usage)


@pytest.mark.parametrize(
    ("header", "moment"),
    [
        ("Sun, 01 Mar 2026 00:00:07 GMT", datetime(2026, 3, 1, 0, 0, 7, tzinfo=UTC)),
        ("Sun, 01 Mar 2026 02:00:00 +0200", datetime(2026, 3, 1, tzinfo=UTC)),
        ("Sun, 01 Mar 2026 00:00:00 -0000", datetime(2026, 3, 1, tzinfo=UTC)),
        ("yesterday", None),
        ("Sun, 99 Mar 2026 00:00:00 GMT", None),
        ("", None),
        (None, None),
    ],
)
def test_the_server_s_time_is_its_date_header(
    header: str | None, moment: datetime | None
) -> None:
    headers = {} if header is None else {"Date": header}

    def answer(request: httpx2.Request) -> httpx2.Response:
        assert request.url.path == f"{PREFIX}/usage"
        return httpx2.Response(200, json={}, headers=headers)

    with PamelaClient(KEY, transport=httpx2.MockTransport(answer)) as client:
        time_read = client.server_time()
    assert time_read == moment
    assert time_read is None or time_read.tzinfo is UTC


@pytest.mark.parametrize("client", [PamelaClient, AsyncPamelaClient])
@pytest.mark.parametrize(
    "address",
    [
        {"base_url": "https://me:pass/word@pamela.example"},
        {"base_url": "https://me:pass"},
        {"proxy": "http://me:pass/word@proxy.example:1"},
        {"proxy": "http://me:pass@proxy.example:word"},
        {"proxy": "socks5://me:pass@proxy.example:1"},
        {"proxy": "me:pass@proxy.example"},
        {"proxy": "pass"},
        {"proxy": 7},
    ],
)
def test_an_address_of_no_use_is_refused_without_its_password(
    client: Any, address: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError) as caught:
        client(KEY, **address)
    assert "pass" not in str(caught.value).lower().replace("[name:password@]", "")
    assert caught.value.__cause__ is None
