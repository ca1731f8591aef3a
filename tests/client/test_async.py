"""The client on an event loop: the same answers, limits and errors."""

import asyncio
import gzip
import json
import socket
import time
from collections.abc import Coroutine
from typing import Any

import httpx2
import pytest

from pamela import (
    AsyncPamelaClient,
    CallError,
    IncompleteResponse,
    InvalidResponse,
    NewApiKey,
    PamelaConnectionError,
    PamelaError,
    PamelaTimeoutError,
    RedirectRefused,
    ResponseTooLarge,
    RetryPolicy,
    SubscriptionError,
    ValidationError,
)
from tests.client.scripted import Script, ScriptedServer, http
from tests.waiting import LONGEST_WAIT_SECONDS

CALL = {"id": "call_1", "status": "completed"}
BODY = json.dumps(CALL).encode()


def say(answer: bytes, *, then_close: bool = False) -> Script:
    def script(peer: socket.socket) -> None:
        peer.sendall(answer)
        if then_close:
            peer.shutdown(socket.SHUT_RDWR)

    return script


def drip(first: bytes) -> Script:
    def script(peer: socket.socket) -> None:
        peer.sendall(first)
        while True:
            peer.sendall(b" ")
            time.sleep(0.02)

    return script


def read(script: Script, **limits: Any) -> Any:
    """Ask a scripted server for one call."""

    async def ask(url: str) -> Any:
        made = AsyncPamelaClient("pk_live_1", url, retries=None, **limits)
        async with made as client:
            return await client.get_call("call_1")

    with ScriptedServer(script) as server:
        return asyncio.run(ask(server.url))


def fail(script: Script, **limits: Any) -> PamelaError:
    with pytest.raises(PamelaError) as caught:
        read(script, **limits)
    return caught.value


def test_a_call_is_read_plain_and_compressed() -> None:
    packed = http(gzip.compress(BODY), "Content-Encoding: gzip")
    for answer in (http(BODY), packed):
        assert read(say(answer)) == CALL


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("script", "limits", "expected"),
    [
        (say(b""), {"timeout": 0.2}, PamelaTimeoutError),
        (drip(HEAD + b"X-Slow: "), {"total_timeout": 0.3}, PamelaTimeoutError),
        (
            drip(HEAD + b"Content-Length: 100000\r\n\r\n"),
            {"total_timeout": 0.3},
            PamelaTimeoutError,
        ),
        (say(http(b"", length=200_000_000)), {}, ResponseTooLarge),
        (
            say(http(gzip.compress(bytes(5_000_000)), "Content-Encoding: gzip")),
            {"max_response_bytes": 100_000},
            ResponseTooLarge,
        ),
        (say(http(BODY, length=99), then_close=True), {}, IncompleteResponse),
        (say(b"SMTP ready\r\n\r\n", then_close=True), {}, PamelaConnectionError),
        (say(b"", then_close=True), {}, PamelaConnectionError),
        (say(http(b"<html>")), {}, InvalidResponse),
        (say(http(b'{"a": NaN}')), {}, InvalidResponse),
        (say(http(b"", "Location: /", status="302 Found")), {}, RedirectRefused),
        (say(http(b"<html>", status="502 Bad Gateway")), {}, CallError),
        (
            drip(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 100000\r\n\r\n"),
            {"total_timeout": 0.3},
            SubscriptionError,
        ),
    ],
)
def test_hostile_servers_get_the_errors_of_the_blocking_client(
    script: Script, limits: dict[str, Any], expected: type[PamelaError]
) -> None:
    started = time.monotonic()
    assert type(fail(script, **limits)) is expected
    assert time.monotonic() - started < LONGEST_WAIT_SECONDS


def run(answer: Any, ask: Any, **options: Any) -> tuple[Any, list[httpx2.Request]]:
    """Run one question against an answer; return what came back and what was sent."""
    sent: list[httpx2.Request] = []

    def respond(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        if isinstance(answer, list) and len(sent) < len(answer):
            return httpx2.Response(answer[len(sent) - 1], json={})
        body = answer[-1] if isinstance(answer, list) else answer
        return httpx2.Response(200, json=body)

    async def main() -> Any:
        transport = httpx2.MockTransport(respond)
        made = AsyncPamelaClient("pk_live_1", transport=transport, **options)
        async with made as client:
            return await ask(client)

    return asyncio.run(main()), sent


@pytest.mark.parametrize(
    ("ask", "line"),
    [
        (lambda c: c.create_call("+15550100", "x"), "POST /calls"),
        (lambda c: c.get_call("a/b"), "GET /calls/a%2Fb"),
        (lambda c: c.list_calls(limit=None, offset=None), "GET /calls"),
        (lambda c: c.cancel_call("a"), "POST /calls/a/cancel"),
        (lambda c: c.hangup_call("a"), "POST /calls/a/hangup"),
        (lambda c: c.register_tool("t", "d", {}), "POST /tools"),
        (lambda c: c.list_tools(), "GET /tools"),
        (lambda c: c.delete_tool("t"), "DELETE /tools/t"),
        (lambda c: c.get_usage("2026-03"), "GET /usage?period=2026-03"),
        (lambda c: c.usage.get(), "GET /usage"),
        (lambda c: c.server_time(), "GET /usage"),
        (lambda c: c.partner.api_keys.create(), "POST /partner/api-keys"),
        (lambda c: c.partner.api_keys.list(), "GET /partner/api-keys"),
        (lambda c: c.partner.api_keys.revoke("k"), "POST /partner/api-keys/k/revoke"),
        (lambda c: c.partner.subscription.get(), "GET /partner/subscription"),
        (lambda c: c.partner.subscription.access(), "GET /partner/subscription"),
        (
            lambda c: c.partner.subscription.checkout(),
            "POST /partner/subscription/checkout",
        ),
        (
            lambda c: c.partner.subscription.portal(),
            "POST /partner/subscription/portal",
        ),
    ],
)
def test_every_method_asks_what_the_blocking_one_asks(ask: Any, line: str) -> None:
    answer = {"items": [], "key": "pk_live_new"}
    _, sent = run(answer, ask, user_token="user_1")
    path = sent[0].url.raw_path.decode().removeprefix("/api/b2b/v1")
    assert f"{sent[0].method} {path}" == line
    token = "user_1" if "/partner" in line else "pk_live_1"
    assert sent[0].headers["authorization"] == f"Bearer {token}"


def test_a_new_key_is_kept_out_of_sight() -> None:
    def ask(client: AsyncPamelaClient) -> Coroutine[Any, Any, NewApiKey]:
        return client.partner.api_keys.create(user_token="user_1")

    made, _ = run({"key": "pk_live_new", "id": "key_1"}, ask)
    assert made.key == "pk_live_new"
    assert "pk_live_new" not in repr(made)


def test_reading_is_repeated_and_changing_is_not() -> None:
    policy = RetryPolicy(first_delay=0.001)
    call, sent = run([503, 429, CALL], lambda c: c.get_call("a"), retries=policy)
    assert (call, len(sent)) == (CALL, 3)
    with pytest.raises(CallError):
        run([503, CALL], lambda c: c.create_call("+15550100", "x"), retries=policy)
    with pytest.raises(CallError):
        run([503, CALL], lambda c: c.get_call("a"), retries=None)


def test_what_cannot_be_right_is_refused_without_a_request() -> None:
    with pytest.raises(ValidationError):
        run({}, lambda c: c.create_call("12", "x"))
    with pytest.raises(ValidationError, match="user_token"):
        run({}, lambda c: c.partner.subscription.get())


def test_many_requests_share_a_few_connections() -> None:
    async def ask(url: str) -> Any:
        made = AsyncPamelaClient("pk_live_1", url, max_connections=4)
        async with made as client:
            requests = [client.get_call(f"call_{number}") for number in range(40)]
            return await asyncio.gather(*requests)

    with ScriptedServer(say(http(BODY))) as server:
        assert asyncio.run(ask(server.url)) == [CALL] * 40
        assert server.connections <= 4


def test_a_closed_client_sends_nothing() -> None:
    async def main() -> None:
        client = AsyncPamelaClient("pk_live_1", "http://127.0.0.1:9")
        await client.close()
        await client.close()
        await client.get_call("call_1")

    with pytest.raises(PamelaError, match="closed"):
        asyncio.run(main())


def test_giving_up_on_a_request_leaves_the_client_in_order() -> None:
    waits = iter([2.0, 0.0, 0.0])

    def script(peer: socket.socket) -> None:
        time.sleep(next(waits))
        peer.sendall(http(BODY))

    async def ask(url: str) -> Any:
        async with AsyncPamelaClient("pk_live_1", url, max_connections=1) as client:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.get_call("a"), 0.1)
            return await client.get_call("b")

    with ScriptedServer(script) as server:
        assert asyncio.run(ask(server.url)) == CALL
