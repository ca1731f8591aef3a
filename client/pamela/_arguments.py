"""Arguments: what certainly cannot be right is refused before anything is sent."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import cast
from urllib.parse import quote, urlencode

from pamela.exceptions import ValidationError

PERIOD = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
# E.164 allows a plus and at most 15 digits; which numbers exist is for the server.
PHONE_NUMBER = re.compile(r"\+[1-9][0-9]{1,14}")
BAD_PHONE_NUMBER = 2002


def encode_query(query: Mapping[str, str | int | None]) -> str:
    """Encode what was given; None was not."""
    return urlencode({key: value for key, value in query.items() if value is not None})


def encode_given(body: Mapping[str, object]) -> bytes:
    """Encode what was given as a JSON object; None was not."""
    return encode_body({k: value for k, value in body.items() if value is not None})


def encode_body(body: Mapping[str, object]) -> bytes:
    """Encode a JSON object."""
    try:
        _refuse_odd_keys(body)
        return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ValidationError(f"this cannot be sent as JSON: {error}") from None


def segment(name: str, value: str) -> str:
    """Quote an id so that it stays one segment of the path."""
    if required(name, value) in {".", ".."}:
        raise ValidationError(f"{name} cannot be {value!r}")
    return quote(value, safe="")


def required(name: str, value: str) -> str:
    """Return text that is there and not empty."""
    if not isinstance(value, str) or not value or not _is_unicode(value):
        raise ValidationError(f"{name} must be text that is not empty, got {value!r}")
    return value


def filled(name: str, value: str | None) -> str | None:
    """Return text that is not empty, or None."""
    return None if value is None else required(name, value)


def text(name: str, value: str | None) -> str | None:
    """Return text, which may be empty, or None."""
    return value if value == "" else filled(name, value)


def phone_number(name: str, value: str) -> str:
    """Return a number that can be one in E.164 form."""
    if not isinstance(value, str) or not PHONE_NUMBER.fullmatch(value):
        raise ValidationError(
            f"{name} must be a phone number in E.164 form, such as +15550100",
            BAD_PHONE_NUMBER,
        )
    return value


def month(name: str, value: str | None) -> str | None:
    """Return a month, or None."""
    if value is not None and not (isinstance(value, str) and PERIOD.fullmatch(value)):
        raise ValidationError(f"{name} must look like 2026-03, got {value!r}")
    return value


def whole(name: str, value: int | None, low: int, high: int | None) -> int | None:
    """Return a whole number within bounds, or None."""
    allowed = f"{low} to {high}" if high is not None else f"{low} or more"
    if value is not None and (
        not isinstance(value, int)
        or isinstance(value, bool)
        or value < low
        or (high is not None and value > high)
    ):
        raise ValidationError(f"{name} must be a whole number, {allowed}")
    return value


def json_object(name: str, value: Mapping[str, object]) -> dict[str, object]:
    """Return a JSON object as a dictionary."""
    if not isinstance(value, Mapping):
        raise ValidationError(f"{name} must be an object, got {type(value).__name__}")
    return dict(value)


def objects(name: str, values: Iterable[object]) -> list[dict[str, object]]:
    """Return a list of JSON objects."""
    if not isinstance(values, list | tuple) or not all(
        isinstance(value, Mapping) for value in values
    ):
        raise ValidationError(f"{name} must be a list of objects")
    return [dict(cast("Mapping[str, object]", value)) for value in values]


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_odd_keys(value: object) -> None:
    # json would write the keys 1 and "1" as one and the same.
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("the keys of an object are text")
        for inner in value.values():
            _refuse_odd_keys(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _refuse_odd_keys(inner)
