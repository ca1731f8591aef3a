"""The API's endpoints as values: what to send, and what the answer must look like."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar, cast
from urllib.parse import quote, urlencode

from pamela.exceptions import InvalidResponse, ValidationError
from pamela.types import (
    CallListResponse,
    CallStatusResponse,
    JSONValue,
    UsageResponse,
)

API_PREFIX = "/api/b2b/v1"
MAX_PAGE = 100
PERIOD = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Request(Generic[T_co]):
    """One request, ready to be sent by whatever transport."""

    method: str
    path: str
    query: str
    shape: Callable[[JSONValue], T_co]
    body: bytes | None = None

    @property
    def target(self) -> str:
        """The path below the API prefix, with its query."""
        return f"{self.path}?{self.query}" if self.query else self.path


def list_calls(
    *,
    status: str | None,
    status_filter: str | None,
    limit: int | None,
    offset: int | None,
    start_date: str | None,
    end_date: str | None,
) -> Request[CallListResponse]:
    """Describe one page of calls; `status` is the older name of `status_filter`."""
    if limit is not None:
        _check_int("limit", limit, 1, MAX_PAGE)
    if offset is not None:
        _check_int("offset", offset, 0, None)
    query = {
        "status_filter": _text(
            "status_filter", status if status_filter is None else status_filter
        ),
        "limit": limit,
        "offset": offset,
        "start_date": _text("start_date", start_date),
        "end_date": _text("end_date", end_date),
    }
    return Request("GET", "/calls", _encode(query), _page)


def get_call(call_id: str) -> Request[CallStatusResponse]:
    """Describe the reading of one call."""
    return Request("GET", f"/calls/{_segment('call_id', call_id)}", "", _call)


def get_usage(period: str | None) -> Request[UsageResponse]:
    """Describe the reading of a month's usage; the server's present month if None."""
    if period is not None and not (
        isinstance(period, str) and PERIOD.fullmatch(period)
    ):
        raise ValidationError(f"period must look like 2026-03, got {period!r}")
    return Request("GET", "/usage", _encode({"period": period}), _usage)


def _encode(query: dict[str, str | int | None]) -> str:
    return urlencode({key: value for key, value in query.items() if value is not None})


def _segment(name: str, value: str) -> str:
    if _text(name, value) is None or value in {".", ".."}:
        raise ValidationError(f"{name} cannot be {value!r}")
    return quote(value, safe="")


def _text(name: str, value: str | None) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value or not _is_unicode(value):
        raise ValidationError(f"{name} must be text that is not empty, got {value!r}")
    return value


def _is_unicode(value: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _check_int(name: str, value: int, low: int, high: int | None) -> None:
    allowed = f"{low} to {high}" if high is not None else f"{low} or more"
    if (
        not isinstance(value, int)
        or isinstance(value, bool)
        or value < low
        or (high is not None and value > high)
    ):
        raise ValidationError(f"{name} must be a whole number, {allowed}")


def _object(answer: JSONValue) -> dict[str, JSONValue]:
    if not isinstance(answer, dict):
        raise InvalidResponse(f"expected an object, got {type(answer).__name__}")
    return answer


def _call(answer: JSONValue) -> CallStatusResponse:
    return cast("CallStatusResponse", _object(answer))


def _usage(answer: JSONValue) -> UsageResponse:
    return cast("UsageResponse", _object(answer))


def _page(answer: JSONValue) -> CallListResponse:
    # A page without its list must never be read as a month without calls.
    if not isinstance(_object(answer).get("items"), list):
        raise InvalidResponse("a page of calls has no list of items")
    return cast("CallListResponse", answer)
