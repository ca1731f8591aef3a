"""What both transports share: limits, addresses, headers, and how a body is taken."""

import ipaddress
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import httpcore2
import httpx2

from pamela._bodies import Body
from pamela._requests import API_PREFIX, Answer, Request
from pamela._version import __version__
from pamela.exceptions import (
    IncompleteResponse,
    InvalidResponse,
    PamelaConnectionError,
    PamelaError,
    PamelaTimeoutError,
    ValidationError,
)
from pamela.retries import RetryPolicy

MAX_PORT = 65_535
UNSENT = (
    httpx2.ProxyError,
    httpcore2.ProxyError,
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpcore2.ConnectError,
    httpcore2.ConnectTimeout,
    httpcore2.PoolTimeout,
)
TIMEOUTS = (httpx2.TimeoutException, httpcore2.TimeoutException, TimeoutError)
CUT_OFF = (httpx2.RemoteProtocolError, httpcore2.RemoteProtocolError)
FAILURES = (
    httpx2.TransportError,
    httpx2.StreamError,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.ProxyError,
    OSError,
    UnicodeError,  # a name that no name server can be asked for
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request may cost: seconds, bytes, and connections in all."""

    timeout: float
    total_timeout: float
    max_response_bytes: int
    max_connections: int

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            kinds = {int, float} if name.endswith("timeout") else {int}
            if type(value) not in kinds or not 0 < value < math.inf:
                raise ValidationError(f"{name} must be a number above 0, and finite")


class Wire:
    """One server, one key and its limits: all of a transport but the sending."""

    def __init__(
        self, base_url: str, api_key: str, limits: Limits, policy: RetryPolicy | None
    ) -> None:
        self._api_url = base_url + API_PREFIX
        self._is_private = is_private(httpx2.URL(base_url))
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
        self._policy = policy
        self._closed = False

    def _outgoing(self, request: Request[object], step: float) -> httpx2.Request:
        if self._closed:
            raise PamelaError("the client is closed")
        if not self._is_private:
            raise ValidationError(
                "base_url must be https: a key is never sent in clear"
            )
        headers = self._headers
        if request.user_token is not None:
            headers = headers.copy()
            headers["Authorization"] = f"Bearer {request.user_token}"
        waits = {"connect": step, "read": step, "write": step}
        return httpx2.Request(
            request.method,
            self._api_url + request.target,
            headers=headers,
            # Without it a POST would not say that its body is empty.
            content=b"" if request.body is None else request.body,
            extensions={"timeout": {**waits, "pool": self._limits.total_timeout}},
        )

    def _deadline(self, until: float) -> float:
        return min(time.monotonic() + self._limits.total_timeout, until)


class Reading:
    """An answer while its body arrives."""

    def __init__(self, response: httpx2.Response, limit: int, deadline: float) -> None:
        self._headers = _plain(response.headers)
        self._limit = limit
        self._deadline = deadline
        self._body: Body | None = None
        self.answer = Answer(response.status_code, self._headers, b"")

    def begin(self) -> None:
        """Look at what is announced; refuse what is too large, or in no known code."""
        if {"content-length", "transfer-encoding"} <= set(self._headers):
            raise InvalidResponse("the answer says twice where it ends")
        self._body = Body(
            self._headers.get("content-encoding", "").strip().lower(),
            self._headers.get("content-length", ""),
            self._limit,
        )

    def add(self, chunk: bytes) -> None:
        """Take the next bytes off the wire."""
        if self._body is not None:
            self._body.add(chunk)
        if time.monotonic() > self._deadline:
            raise PamelaTimeoutError("the answer arrives too slowly")

    def finish(self) -> None:
        """Keep the whole body, decompressed."""
        if self._body is not None:
            self.answer = replace(self.answer, body=self._body.finish())


@contextmanager
def taking(response: httpx2.Response, limit: int, deadline: float) -> Iterator[Reading]:
    """Take an answer; a refusal counts even when its body cannot be read."""
    reading = Reading(response, limit, deadline)
    try:
        with translated(IncompleteResponse):
            yield reading
        reading.finish()
    except PamelaError as error:
        answer = reading.answer
        error.status_code, error.headers = answer.status, dict(answer.headers)
        if answer.status < 300:
            raise


@contextmanager
def translated(cut_off: type[PamelaConnectionError]) -> Iterator[None]:
    """Turn whatever the libraries raise into errors of ours."""
    try:
        yield
    except TIMEOUTS as error:
        ours: PamelaConnectionError = PamelaTimeoutError(f"timed out: {error}")
        ours.unsent = isinstance(error, UNSENT)
        raise ours from error
    except CUT_OFF as error:
        raise cut_off(f"the connection ended early: {error}") from error
    except FAILURES as error:
        ours = PamelaConnectionError(f"no connection: {error}")
        ours.unsent = isinstance(error, UNSENT)
        raise ours from error


def check_base_url(base_url: str) -> str:
    """Return a base URL without trailing slashes; only loopback may do without TLS.

    Names under `.test` are no one's. A client may be built for one, to be tested
    without a network; it sends nothing there unless the URL is https.
    """
    if not isinstance(base_url, str) or not is_token(base_url):
        raise ValidationError("base_url must be printable ASCII without spaces")
    try:
        url = httpx2.URL(base_url.rstrip("/"))
    except httpx2.InvalidURL:
        # What it says of a port may be a part of a password.
        raise ValidationError("base_url is no URL") from None
    if set("?#@") & set(base_url) or not url.host or (url.port or 0) > MAX_PORT:
        raise ValidationError("base_url is a host and at most a path, nothing else")
    is_test = url.scheme == "http" and f".{url.host}".endswith(".test")
    if not is_private(url) and not is_test:
        raise ValidationError("base_url must be https, save on this very machine")
    return str(url).rstrip("/")


def check_proxy(proxy: str) -> None:
    """Refuse what is no proxy, without a word of it: a password may be in it."""
    try:
        url = httpx2.URL(proxy) if isinstance(proxy, str) else None
    except httpx2.InvalidURL:
        url = None
    if url is None or url.scheme not in {"http", "https"} or not url.host:
        raise ValidationError("proxy must be http(s)://[NAME:PASSWORD@]HOST:PORT")


def is_private(url: httpx2.URL) -> bool:
    """Say whether nobody on the way can read what is sent to a URL."""
    return url.scheme == "https" or (url.scheme == "http" and _loopback(url.host))


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
