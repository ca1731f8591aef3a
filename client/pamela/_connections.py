"""Pooled connections whose every step also ends at the request's deadline."""

import math
import ssl
import time
from collections.abc import Iterable, Iterator
from typing import Any, Self

import httpcore2
import httpx2

# Shorter than the five seconds common servers allow, so that they do not
# hang up just as the next request leaves.
KEEPALIVE_SECONDS = 4.0
# Interim answers may come before the one that counts, and each takes its time.
MOST_HEAD_BYTES = 262_144


class StepTimeout(float):
    """Seconds one step may take; knows when the whole request must be over.

    Until the answer's head is read it also knows how many bytes may still come.
    """

    __slots__ = ("deadline", "head_bytes_left")

    deadline: float
    head_bytes_left: float

    def __new__(cls, seconds: float, deadline: float) -> Self:
        """Bind a step's seconds to a deadline on the monotonic clock."""
        step = super().__new__(cls, seconds)
        step.deadline = deadline
        step.head_bytes_left = MOST_HEAD_BYTES
        return step

    def remaining(self) -> float:
        """Return the seconds the next step has; time out when there are none."""
        remaining = self.deadline - time.monotonic()
        if remaining <= 0:
            raise httpcore2.ReadTimeout("the request's total time is over")
        return min(float(self), remaining)

    def received(self, size: int) -> None:
        """Count what came; ends a head that is too long."""
        self.head_bytes_left -= size
        if self.head_bytes_left < 0:
            raise httpcore2.RemoteProtocolError(
                f"the answer does not begin within {MOST_HEAD_BYTES:,} bytes"
            )


def _remaining(timeout: float | None) -> float | None:
    return timeout.remaining() if isinstance(timeout, StepTimeout) else timeout


class DeadlineStream(httpcore2.NetworkStream):
    """A socket that waits no longer than the request has left."""

    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what has arrived, waiting at most for what is left."""
        arrived = self._stream.read(max_bytes, _remaining(timeout))
        if isinstance(timeout, StepTimeout):
            timeout.received(len(arrived))
        return arrived

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all bytes."""
        self._stream.write(buffer, _remaining(timeout))

    def close(self) -> None:
        """Close the socket."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        """Shake hands and return the encrypted stream."""
        secured = self._stream.start_tls(
            ssl_context, server_hostname, _remaining(timeout)
        )
        return DeadlineStream(secured)

    def get_extra_info(self, info: str) -> Any:
        """Ask the socket about itself, such as whether it is readable."""
        return self._stream.get_extra_info(info)


class DeadlineBackend(httpcore2.SyncBackend):
    """Opens sockets that know the deadline."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect within what is left."""
        seconds = _remaining(timeout)
        stream = super().connect_tcp(host, port, seconds, local_address, socket_options)
        return DeadlineStream(stream)


class DeadlineTransport(httpx2.BaseTransport):
    """HTTP/1.1 over pooled sockets: no environment, TLS verified."""

    def __init__(
        self,
        max_connections: int,
        ssl_context: ssl.SSLContext | None,
        proxy: str | None = None,
    ) -> None:
        self._pool = httpcore2.ConnectionPool(
            ssl_context=ssl_context,
            proxy=_proxy(proxy) if proxy else None,
            max_connections=max_connections,
            max_keepalive_connections=max_connections,
            keepalive_expiry=KEEPALIVE_SECONDS,
            network_backend=DeadlineBackend(),
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request and return its answer, the body still to be read."""
        url = request.url
        response = self._pool.handle_request(
            httpcore2.Request(
                method=request.method,
                url=httpcore2.URL(
                    scheme=url.raw_scheme,
                    host=url.raw_host,
                    port=url.port,
                    target=url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.content or None,
                extensions=request.extensions,
            )
        )
        step = request.extensions.get("timeout", {}).get("read")
        if isinstance(step, StepTimeout):
            step.head_bytes_left = math.inf  # what comes now is the body
        return httpx2.Response(
            response.status, headers=response.headers, stream=_Stream(response)
        )

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()


def _proxy(address: str) -> httpcore2.Proxy:
    url = httpx2.URL(address)
    login = (url.username, url.password) if url.username else None
    plain = str(url.copy_with(username=None, password=None))
    return httpcore2.Proxy(plain, auth=login)


class _Stream(httpx2.SyncByteStream):
    def __init__(self, response: httpcore2.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        return self._response.iter_stream()

    def close(self) -> None:
        if goes_on(self._response.stream):
            # A connection that is shut is given to no other request.
            self._response.extensions["network_stream"].close()
        self._response.close()


def goes_on(stream: object) -> bool:
    """Say whether more came than the answer of a stream; unless it is known, it did.

    The library would read the rest as the answer to the connection's next request, and
    has no public name for it.
    """
    connection = getattr(getattr(stream, "_stream", None), "_connection", None)
    parser = getattr(connection, "_h11_state", None)
    return parser is None or bool(parser.trailing_data[0])
