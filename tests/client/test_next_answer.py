"""An answer is that of its own request, whatever came behind an earlier one."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from pamela import AsyncPamelaClient, PamelaClient, PamelaError
from tests.client.scripted import ScriptedServer, http

TRUE, FORGED = b'{"id": "call_1"}', b'{"id": "call_forged"}'
BEHIND = {
    "a whole answer": http(TRUE) + http(FORGED),
    "the beginning of one": http(TRUE) + b"HTTP/1.1 200 OK\r\nX: ",
    "a byte": http(TRUE) + b"\n",
    "after chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"10\r\n" + TRUE + b"\r\n0\r\n\r\n" + http(FORGED)
    ),
    "a body without a place": b"HTTP/1.1 204 None\r\n\r\n" + http(FORGED),
    "a body of what is unchanged": b"HTTP/1.1 304 Same\r\n\r\n" + http(FORGED),
    "two answers to a refusal": http(b"{}", status="400 Bad") + http(FORGED),
}
UNCLEAR = {
    "a length and chunks": b"Content-Length: 16\r\nTransfer-Encoding: chunked\r\n",
    "two lengths": b"Content-Length: 16\r\nContent-Length: 2\r\n",
    "a length that is no number": b"Content-Length: +16\r\n",
    "an unknown coding": b"Content-Length: 16\r\nTransfer-Encoding: gzip\r\n",
}


def saying(*answers: bytes) -> ScriptedServer:
    """Give one answer after another, and then true ones."""
    left: Iterator[bytes] = iter(answers)
    return ScriptedServer(lambda peer: peer.sendall(next(left, http(TRUE))))


@pytest.mark.parametrize("name", BEHIND)
def test_what_comes_behind_an_answer_is_never_the_next_one(name: str) -> None:
    with (
        saying(BEHIND[name]) as server,
        PamelaClient("pk_live_1", server.url, retries=None, timeout=2) as client,
    ):
        with suppress(PamelaError):
            assert client.get_call("call_1") == {"id": "call_1"}
        for _ in range(2):
            assert client.get_call("call_1") == {"id": "call_1"}
        assert server.connections == 2


@pytest.mark.parametrize("name", BEHIND)
def test_it_is_not_on_an_event_loop_either(name: str) -> None:
    async def ask(url: str) -> None:
        async with AsyncPamelaClient("pk_live_1", url, retries=None) as client:
            with suppress(PamelaError):
                assert await client.get_call("call_1") == {"id": "call_1"}
            for _ in range(2):
                assert await client.get_call("call_1") == {"id": "call_1"}

    with saying(BEHIND[name]) as server:
        asyncio.run(ask(server.url))
        assert server.connections == 2


@pytest.mark.parametrize("name", UNCLEAR)
def test_an_answer_whose_end_is_unclear_is_none(name: str) -> None:
    chunks = b"10\r\n" + TRUE + b"\r\n0\r\n\r\n"
    with (
        saying(b"HTTP/1.1 200 OK\r\n" + UNCLEAR[name] + b"\r\n" + chunks) as server,
        PamelaClient("pk_live_1", server.url, retries=None, timeout=2) as client,
    ):
        with pytest.raises(PamelaError):
            client.get_call("call_1")
        assert client.get_call("call_1") == {"id": "call_1"}


@pytest.mark.parametrize("status", [100, 102, 103, 199])
def test_a_hint_at_an_answer_is_never_taken_for_it(status: int) -> None:
    hint = f"HTTP/1.1 {status} Soon\r\nLink: </x>\r\n\r\n".encode()
    with (
        saying(hint + http(TRUE), hint + http(TRUE)) as server,
        PamelaClient("pk_live_1", server.url, retries=None) as client,
    ):
        for _ in range(3):
            assert client.get_call("call_1") == {"id": "call_1"}
        assert server.connections == 1


def test_a_server_that_leaves_the_protocol_gives_no_answer() -> None:
    def leave(peer: socket.socket) -> None:
        peer.sendall(b"HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
        peer.sendall(TRUE)

    with (
        ScriptedServer(leave) as server,
        PamelaClient("pk_live_1", server.url, retries=None, timeout=2) as client,
        pytest.raises(PamelaError),
    ):
        client.get_call("call_1")
