"""What came back: a value of the promised shape, or the error it stands for."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

from pamela._decoding import decode_json
from pamela._requests import Answer, Request
from pamela.exceptions import (
    AuthenticationError,
    CallError,
    InvalidResponse,
    PamelaError,
    RateLimitError,
    RedirectRefused,
    SubscriptionError,
    ValidationError,
)
from pamela.types import JSONObject, JSONValue

T = TypeVar("T")

MAX_MESSAGE = 1000
BY_STATUS: Mapping[int, type[PamelaError]] = {
    400: ValidationError,
    401: AuthenticationError,
    403: SubscriptionError,
    422: ValidationError,
    429: RateLimitError,
}


def read_answer(request: Request[T], answer: Answer) -> T:
    """Return what the endpoint promises, or raise what the answer says."""
    if answer.status >= 400:
        raise read_error(request.path, answer)
    try:
        if 300 <= answer.status < 400:
            raise RedirectRefused(f"the server redirects to {_location(answer)}")
        if not 200 <= answer.status < 300:
            raise InvalidResponse(f"status {answer.status} is no answer")
        return request.read(answer)
    except InvalidResponse as error:
        error.status_code = answer.status
        error.headers = dict(answer.headers)
        raise


def read_error(path: str, answer: Answer) -> PamelaError:
    """Build the error an answer of 400 or more stands for, whatever its body."""
    try:
        body = decode_json(answer.body)
    except InvalidResponse:
        body = None
    return build_error(path, answer.status, answer.headers, body)


def build_error(
    path: str, status: int, headers: Mapping[str, str], body: JSONValue
) -> PamelaError:
    """Build the error a status and a decoded body stand for."""
    other = CallError if path.startswith("/calls") else PamelaError
    layers = list(_layers(body))
    message = _message(layers) or f"Request failed with status {status}"
    return BY_STATUS.get(status, other)(
        message[:MAX_MESSAGE],
        _code(layers),
        _details(layers),
        status,
        headers=headers,
    )


def _layers(body: JSONValue) -> Iterator[JSONObject]:
    # The innermost object that describes the error comes first.
    if not isinstance(body, dict):
        return
    for key in ("detail", "error"):
        yield from _layers(body.get(key))
    yield body


def _message(layers: list[JSONObject]) -> str | None:
    for key in ("message", "detail", "error"):
        for layer in layers:
            value = layer.get(key)
            text = _complaints(value) if isinstance(value, list) else value
            if isinstance(text, str) and text.strip():
                return text
    return None


def _complaints(items: list[JSONValue]) -> str:
    return "; ".join(filter(None, map(_complaint, items[:20])))


def _complaint(item: JSONValue) -> str:
    if isinstance(item, str):
        return item
    if not isinstance(item, dict) or not isinstance(item.get("msg"), str):
        return ""
    place = item.get("loc")
    where = ".".join(map(str, place)) if isinstance(place, list) else ""
    return f"{where}: {item['msg']}" if where else str(item["msg"])


def _code(layers: list[JSONObject]) -> int | str | None:
    for layer in layers:
        for key in ("error_code", "code"):
            value = layer.get(key)
            if isinstance(value, int | str) and not isinstance(value, bool):
                return value
    return None


def _details(layers: list[JSONObject]) -> JSONObject:
    for layer in layers:
        details = layer.get("details")
        if isinstance(details, dict) and details:
            return details
    for layer in layers:
        if isinstance(layer.get("detail"), list):
            return {"errors": layer["detail"]}
    return {}


def _location(answer: Answer) -> str:
    return answer.headers.get("location", "nowhere")[:200]
