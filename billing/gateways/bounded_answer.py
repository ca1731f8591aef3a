"""Bounded answers: an exchange ends in time, and within so many bytes."""

import io
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPMessage, HTTPResponse
from typing import Any

# With less than this a socket would not wait at all.
_SHORTEST_WAIT_SECONDS = 0.001
_LENGTH = re.compile(r"[0-9]{1,18}")


@dataclass(slots=True)
class Exchange:
    """What one request may still cost: until when, and how many bytes of answer."""

    ends_at: float  # by the monotonic clock
    bytes_left: int
    too_large: bool = False

    def next_wait(self, step_seconds: float | None) -> float:
        """Return how long the next bytes may take; raises TimeoutError when over."""
        left = self.ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the whole answer takes too long")
        return max(min(left, step_seconds or left), _SHORTEST_WAIT_SECONDS)

    def take(self, count: int) -> None:
        """Count bytes that came; raises OSError for the first one too many."""
        self.bytes_left -= count
        if self.bytes_left < 0:
            self.too_large = True
            raise OSError("the answer is too large")


# One exchange a thread: whoever asks reads the answer, over whichever connection.
_CURRENT: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


@contextmanager
def bounded_exchange(seconds: float, most_bytes: int) -> Iterator[Exchange]:
    """Bound what this thread receives in the block."""
    exchange = Exchange(time.monotonic() + seconds, most_bytes)
    token = _CURRENT.set(exchange)
    try:
        yield exchange
    finally:
        _CURRENT.reset(token)


class BoundedResponse(HTTPResponse):
    """An answer of which every byte, of its head too, counts against the exchange."""

    fp: Any

    def __init__(self, sock: socket.socket, *args: Any, **more: Any) -> None:
        super().__init__(sock, *args, **more)
        self.fp = _AnswerBuffer(_BoundedReader(self.fp.detach(), sock))

    def begin(self) -> None:
        """Read the head of the answer, past those that only say that it will come.

        The library takes most of them for the answer: the true one would then be read
        as that of the connection's next request.
        """
        super().begin()
        while HTTPStatus.CONTINUE <= self.status < HTTPStatus.OK:
            if self.status == HTTPStatus.SWITCHING_PROTOCOLS:
                raise OSError("the server switches to another protocol")
            # By this the library sees whether it has begun.
            self.headers = self.msg = None  # type: ignore[assignment]
            super().begin()
        _require_one_end(self.headers)


def _require_one_end(headers: HTTPMessage) -> None:
    """Refuse an answer that leaves open where it ends, and another one begins."""
    lengths = headers.get_all("content-length", [])
    codings = headers.get_all("transfer-encoding", [])
    if len(lengths) + len(codings) > 1:
        raise OSError("the answer says more than once where it ends")
    if not all(_LENGTH.fullmatch(length.strip()) for length in lengths):
        raise OSError("the answer has a length that is no number")
    if not all(coding.strip().lower() == "chunked" for coding in codings):
        raise OSError("nobody asked for the transfer encoding of the answer")


class _AnswerBuffer(io.BufferedReader):
    """The bytes that came with an answer."""

    def __init__(self, bounded: "_BoundedReader") -> None:
        super().__init__(bounded)
        self._bounded = bounded

    def close(self) -> None:
        """Let go of the socket, and hang up when more came than the answer.

        The rest of what follows would be read as the answer to the next request.
        """
        if not self.closed and not self._bounded.closed:
            self._bounded.is_over = True
            if self.peek(1):
                self._bounded.hang_up()
        super().close()


class _BoundedReader(io.RawIOBase):
    """The bytes of a socket, as long as the exchange allows for them."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        super().__init__()
        self._raw = raw
        self._socket = sock
        self._step_seconds = sock.gettimeout()
        self.is_over = False  # nothing is read any more

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Wait for bytes, at most for what is left."""
        if self.is_over:
            return 0
        exchange = _CURRENT.get()
        if exchange is None:
            return self._raw.readinto(buffer)
        self._socket.settimeout(exchange.next_wait(self._step_seconds))
        count = self._raw.readinto(buffer)
        exchange.take(count or 0)
        return count

    def hang_up(self) -> None:
        """End the connection, so that its pool gives it to nobody."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the socket."""
        self._raw.close()
        super().close()
