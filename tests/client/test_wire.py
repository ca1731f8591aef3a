"""The wire: hostile servers, time-outs and connections, over real sockets."""

import gzip
import json
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pamela import (
    CallStatusResponse,
    IncompleteResponse,
    InvalidResponse,
    PamelaClient,
    PamelaConnectionError,
    PamelaError,
    PamelaTimeoutError,
    RedirectRefused,
    ResponseTooLarge,
    SubscriptionError,
)
from tests.client.scripted import Script, ScriptedServer, http
from tests.waiting import LONGEST_WAIT_SECONDS

CALL = {"id": "call_1", "status": "completed"}
BODY = json.dumps(CALL).encode()


def drip(first: bytes, every: float = 0.02) -> Script:
    """Send the head at once and then one space at a time, for ever."""

    def script(peer: socket.socket) -> None:
        peer.sendall(first)
        while True:
            peer.sendall(b" ")
            time.sleep(every)

    return script


def say(answer: bytes, *, then_close: bool = False) -> Script:
    def script(peer: socket.socket) -> None:
        peer.sendall(answer)
        if then_close:
            peer.shutdown(socket.SHUT_RDWR)

    return script


@contextmanager
def served(
    script: Script, **limits: Any
) -> Iterator[tuple[ScriptedServer, PamelaClient]]:
    """Give a scripted server and a client of it."""
    with (
        ScriptedServer(script) as server,
        PamelaClient("pk_live_1", server.url, retries=None, **limits) as client,
    ):
        yield server, client


def read(script: Script, **limits: Any) -> CallStatusResponse:
    """Ask a scripted server for one call."""
    with served(script, **limits) as (_, client):
        return client.get_call("call_1")


def fail(script: Script, **limits: Any) -> PamelaError:
    with pytest.raises(PamelaError) as caught:
        read(script, **limits)
    return caught.value


def test_a_call_is_read_plain_and_compressed() -> None:
    packed = http(gzip.compress(BODY), "Content-Encoding: gzip")
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + f"{len(BODY):x}\r\n".encode()
        + BODY
        + b"\r\n0\r\n\r\n"
    )
    for answer in (http(BODY), packed, chunked):
        assert read(say(answer)) == CALL


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Slow: ",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
)
def test_an_answer_that_drips_ends_at_the_total_time(head: bytes) -> None:
    started = time.monotonic()
    error = fail(drip(head), timeout=5.0, total_timeout=0.3)
    assert type(error) is PamelaTimeoutError
    assert time.monotonic() - started < LONGEST_WAIT_SECONDS


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"])
def test_silence_ends_at_the_time_of_one_step(head: bytes) -> None:
    assert type(fail(say(head), timeout=0.2)) is PamelaTimeoutError


def test_a_wait_for_a_free_connection_ends_at_the_total_time() -> None:
    limits = {"timeout": 5.0, "total_timeout": 0.3, "max_connections": 1}
    started = time.monotonic()
    with served(say(b""), **limits) as (_, client):

        def ask(_: int) -> None:
            with pytest.raises(PamelaTimeoutError):
                client.get_call("call_1")

        with ThreadPoolExecutor(3) as threads:
            list(threads.map(ask, range(3)))
    assert time.monotonic() - started < LONGEST_WAIT_SECONDS


def test_a_gzip_bomb_is_put_down() -> None:
    bomb = http(gzip.compress(bytes(20_000_000)), "Content-Encoding: gzip")
    error = fail(say(bomb), max_response_bytes=100_000)
    assert type(error) is ResponseTooLarge
    assert error.status_code == 200


def test_a_length_over_the_limit_is_refused_before_it_is_read() -> None:
    started = time.monotonic()
    error = fail(say(http(b"", length=200_000_000)), timeout=5.0)
    assert type(error) is ResponseTooLarge
    assert time.monotonic() - started < LONGEST_WAIT_SECONDS


def test_an_answer_without_a_length_stops_at_the_limit() -> None:
    def flood(peer: socket.socket) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            peer.sendall(b" " * 65536)

    assert type(fail(flood, max_response_bytes=1_000_000)) is ResponseTooLarge


def test_an_answer_that_never_begins_ends_at_the_most_that_a_head_may_take() -> None:
    def flood(peer: socket.socket) -> None:
        while True:
            peer.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000)

    error = fail(flood, timeout=60.0)
    assert type(error) is PamelaConnectionError
    assert "the answer does not begin within 262,144 bytes" in str(error)


def test_some_interim_answers_are_passed_over_and_a_body_has_its_own_limit() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000
    long = BODY + b" " * 1_000_000
    assert read(say(interim + http(long))) == CALL


@pytest.mark.parametrize(
    "answer",
    [
        http(BODY, length=len(BODY) + 1),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
    ],
)
def test_an_answer_cut_off_is_no_answer(answer: bytes) -> None:
    error = fail(say(answer, then_close=True))
    assert type(error) is IncompleteResponse
    assert isinstance(error, InvalidResponse)
    assert isinstance(error, PamelaConnectionError)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 2",
        b"SMTP ready\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
    ],
)
def test_a_server_that_does_not_speak_http_is_no_connection(answer: bytes) -> None:
    error = fail(say(answer, then_close=True))
    assert type(error) is PamelaConnectionError


def test_a_reset_is_no_connection() -> None:
    def reset(peer: socket.socket) -> None:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()

    assert type(fail(reset)) is PamelaConnectionError


def test_a_refused_connection_is_no_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = PamelaClient("pk_live_1", f"http://127.0.0.1:{port}")
    with client, pytest.raises(PamelaConnectionError):
        client.get_call("call_1")


@pytest.mark.parametrize("host", ["api..example", f"{'a' * 64}.example"])
@pytest.mark.parametrize("proxied", [False, True])
def test_a_name_that_nobody_can_have_is_no_connection(host: str, proxied: bool) -> None:
    url = "https://api.example" if proxied else f"https://{host}"
    proxy = f"http://{host}" if proxied else None
    client = PamelaClient("pk_live_1", url, proxy=proxy, retries=None)
    with client, pytest.raises(PamelaConnectionError):
        client.get_call("call_1")


def test_tls_is_demanded_where_it_is_named() -> None:
    with ScriptedServer(say(http(BODY))) as server:
        url = server.url.replace("http:", "https:")
        client = PamelaClient("pk_live_1", url, timeout=0.2)
        with client, pytest.raises(PamelaConnectionError):
            client.get_call("call_1")
    assert server.requests == []


def test_the_key_does_not_follow_a_redirect() -> None:
    with ScriptedServer(say(http(BODY))) as other_server:
        redirect = http(b"", f"Location: {other_server.url}/", status="302 Found")
        assert type(fail(say(redirect))) is RedirectRefused
        assert other_server.requests == []


def test_a_refusal_counts_even_when_its_body_never_ends() -> None:
    head = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 100000\r\n\r\n"
    assert type(fail(drip(head), total_timeout=0.3)) is SubscriptionError


def test_the_environment_s_proxies_and_netrc_are_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("HOME", os.fspath(tmp_path))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with served(say(http(BODY))) as (server, client):
        assert client.get_call("call_1") == CALL
        assert b"Authorization: Bearer pk_live_1\r\n" in server.requests[0]


def test_one_connection_serves_one_request_after_another() -> None:
    with served(say(http(BODY))) as (server, client):
        for _ in range(5):
            client.get_call("call_1")
        assert (len(server.requests), server.connections) == (5, 1)


def test_a_failed_answer_spoils_no_later_one() -> None:
    answers = iter([http(b"{", length=50), http(BODY), http(b"<html>"), http(BODY)])
    with served(lambda peer: peer.sendall(next(answers)), timeout=0.2) as (_, client):
        for _ in range(2):
            with pytest.raises(PamelaError):
                client.get_call("call_1")
            assert client.get_call("call_1") == CALL


def test_eight_threads_read_pages_at_once_over_one_client() -> None:
    together = threading.Barrier(8)

    def answer(peer: socket.socket) -> None:
        together.wait(5)
        peer.sendall(http(b'{"items": [{"id": "call_1"}]}'))

    with served(answer) as (server, client), ThreadPoolExecutor(8) as threads:
        offsets = range(0, 8000, 100)
        pages = list(threads.map(lambda at: client.list_calls(offset=at), offsets))
        asked_for = {r.split(b"offset=")[1].split()[0] for r in server.requests}
    assert pages == [{"items": [{"id": "call_1"}]}] * 80
    assert len(asked_for) == 80
    assert server.connections == 8
