"""One exchange with the server, inside the client's limits."""

import ipaddress
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpcore2
import httpx2

from pamela._answers import Answer
from pamela._bodies import Body
from pamela._connections import DeadlineTransport, StepTimeout
from pamela._endpoints import API_PREFIX, Request
from pamela._version import __version__
from pamela.exceptions import (
    IncompleteResponse,
    PamelaConnectionError,
    PamelaError,
    PamelaTimeoutError,
    ValidationError,
)

MAX_PORT = 65_535
TIMEOUTS = (httpx2.TimeoutException, httpcore2.TimeoutException)
CUT_OFF = (httpx2.RemoteProtocolError, httpcore2.RemoteProtocolError)
FAILURES = (
    httpx2.TransportError,
    httpx2.StreamError,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    OSError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request may cost: seconds, bytes, and connections in all."""

    timeout: float = 30.0
    total_timeout: float = 60.0
    max_response_bytes: int = 10_000_000
    max_connections: int = 16

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            kinds = {int, float} if name.endswith("timeout") else {int}
            if type(value) not in kinds or not 0 < value < math.inf:
                raise ValidationError(f"{name} must be a number above 0, and finite")


class Transport:
    """Sends requests to one server with one key; safe to share between threads."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        limits: Limits,
        transport: httpx2.BaseTransport | None,
    ) -> None:
        self._api_url = base_url + API_PREFIX
        self._headers = httpx2.Headers(
            {
                "Host": httpx2.URL(base_url).netloc.decode(),
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "Authorization": f"Bearer {api_key}",
                "Content-Type": "application/json",
                "User-Agent": f"pamela-python/{__version__}",
            }
        )
        self._limits = limits
        self._closed = False
        self._transport = transport or DeadlineTransport(
            limits.max_connections,
            # Certificates take long to load, and plain loopback has no use for them.
            httpx2.create_ssl_context(trust_env=False)
            if base_url.startswith("https:")
            else None,
        )

    def exchange(self, request: Request[object]) -> Answer:
        """Send a request and read the whole answer, or raise a PamelaError."""
        if self._closed:
            raise PamelaError("the client is closed")
        deadline = time.monotonic() + self._limits.total_timeout
        step = StepTimeout(self._limits.timeout, deadline)
        waits = {"connect": step, "read": step, "write": step}
        outgoing = httpx2.Request(
            request.method,
            self._api_url + request.target,
            headers=self._headers,
            content=request.body,
            extensions={"timeout": {**waits, "pool": self._limits.total_timeout}},
        )
        with _translated(PamelaConnectionError):
            response = self._transport.handle_request(outgoing)
        headers = _plain(response.headers)
        try:
            body = self._read_body(response, headers, deadline)
        except PamelaError as error:
            error.status_code, error.headers = response.status_code, headers
            if response.status_code < 300:
                raise
            body = b""  # the status says more than a body that cannot be read
        finally:
            response.close()
        return Answer(response.status_code, headers, body)

    def close(self) -> None:
        """Close all connections; later requests are refused."""
        self._closed = True
        self._transport.close()

    def _read_body(
        self, response: httpx2.Response, headers: Mapping[str, str], deadline: float
    ) -> bytes:
        body = Body(
            headers.get("content-encoding", "").strip().lower(),
            headers.get("content-length", ""),
            self._limits.max_response_bytes,
        )
        with _translated(IncompleteResponse):
            for chunk in response.stream:  # type: ignore[union-attr] # sync transports give sync streams
                body.add(chunk)
                if time.monotonic() > deadline:
                    raise PamelaTimeoutError("the answer arrives too slowly")
        return body.finish()


def check_base_url(base_url: str) -> str:
    """Return a base URL without trailing slashes; only loopback may do without TLS."""
    if not isinstance(base_url, str) or not is_token(base_url):
        raise ValidationError("base_url must be printable ASCII without spaces")
    try:
        url = httpx2.URL(base_url.rstrip("/"))
    except httpx2.InvalidURL as error:
        raise ValidationError(f"base_url is no URL: {error}") from error
    if set("?#@") & set(base_url) or not url.host or (url.port or 0) > MAX_PORT:
        raise ValidationError("base_url is a host and at most a path, nothing else")
    if url.scheme != "https" and not (url.scheme == "http" and _loopback(url.host)):
        raise ValidationError("base_url must be https, save on this very machine")
    return str(url).rstrip("/")


def is_token(text: str) -> bool:
    """Say whether text is printable ASCII without spaces, or empty."""
    return all("!" <= character <= "~" for character in text)


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _plain(headers: httpx2.Headers) -> dict[str, str]:
    return {
        name.decode("latin-1").lower(): value.decode("latin-1")
        for name, value in headers.raw
    }


@contextmanager
def _translated(cut_off: type[PamelaConnectionError]) -> Iterator[None]:
    try:
        yield
    except TIMEOUTS as error:
        raise PamelaTimeoutError(f"timed out: {error}") from error
    except CUT_OFF as error:
        raise cut_off(f"the connection ended early: {error}") from error
    except FAILURES as error:
        raise PamelaConnectionError(f"no connection: {error}") from error
