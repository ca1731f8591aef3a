"""Everything the client raises.

PamelaError
├── AuthenticationError         401
├── SubscriptionError           403
├── RateLimitError              429, rate limit or quota
├── ValidationError             400, 422, or an argument that cannot be right
├── CallError                   any other refusal under /calls
├── PamelaConnectionError       no answer: refused, reset, TLS
│   ├── PamelaTimeoutError      too slow, in one step or altogether
│   └── IncompleteResponse      cut off in the middle (an InvalidResponse too)
├── InvalidResponse             an answer that cannot be read
│   ├── ResponseTooLarge        over the limit, before or after decompression
│   └── RedirectRefused         a 3xx; none is followed
└── ListMoved                   calls came and went faster than pages were read
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from pamela.types import JSONObject

SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)
REQUEST_ID_HEADERS = ("x-request-id", "request-id", "x-correlation-id")


class PamelaError(Exception):
    """Whatever went wrong; also a refusal that no other class names."""

    def __init__(
        self,
        message: str,
        error_code: int | str | None = None,
        details: JSONObject | None = None,
        status_code: int | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.error_code = error_code
        self.details = details or {}
        self.status_code = status_code
        self.headers = dict(headers or {})

    @property
    def request_id(self) -> str | None:
        """The server's name for the request, when it gave one."""
        values = (self.headers.get(name) for name in REQUEST_ID_HEADERS)
        return next((value for value in values if value), None)

    @property
    def retry_after(self) -> float | None:
        """Seconds the server asks to wait: its header, else the body's details."""
        header = self.headers.get("retry-after", "").strip()
        detail = self.details.get("retry_after")
        waits = (
            _seconds(header),
            _until(header, self.headers),
            _seconds(str(detail)),
        )
        return next((seconds for seconds in waits if seconds is not None), None)


class AuthenticationError(PamelaError):
    """The API key is missing, wrong or expired."""


class SubscriptionError(PamelaError):
    """There is no active subscription, or its grace is over."""


class RateLimitError(PamelaError):
    """Too many requests, or a quota is used up; see `retry_after`."""


class ValidationError(PamelaError, ValueError):
    """The server, or the client before sending, refused what was asked."""


class CallError(PamelaError):
    """A request about calls failed: not found, in conflict, or the server's fault."""


class PamelaConnectionError(PamelaError):
    """No answer arrived; whether the server acted is unknown, unless it is `unsent`."""

    unsent: bool = False
    """Whether it is certain that the server never saw the request."""


class PamelaTimeoutError(PamelaConnectionError):
    """The answer took longer than a step, or the whole request, may take."""


class InvalidResponse(PamelaError):
    """The answer is not what the API promises: not JSON, or of another shape."""


class IncompleteResponse(PamelaConnectionError, InvalidResponse):
    """The connection ended before the answer did."""


class ResponseTooLarge(InvalidResponse):
    """The answer is larger than the client agreed to read."""


class ListMoved(PamelaError):
    """The list of calls changed too much while it was read; start again."""


class RedirectRefused(InvalidResponse):
    """The server points elsewhere; the key goes nowhere but to `base_url`."""


def read_date(header: str | None) -> datetime | None:
    """Read an HTTP date as aware UTC; None when there is none or it is nonsense."""
    # Imported here because it is slow to load and seldom needed.
    from email.utils import parsedate_to_datetime  # noqa: PLC0415

    try:
        moment = parsedate_to_datetime(header or "")
        if moment.tzinfo is None:
            return moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _seconds(text: str) -> float | None:
    return float(text) if SECONDS.fullmatch(text) else None


def _until(header: str, headers: Mapping[str, str]) -> float | None:
    retry_at, sent_at = read_date(header), read_date(headers.get("date"))
    if retry_at is None or sent_at is None:
        return None
    return max((retry_at - sent_at).total_seconds(), 0.0)
