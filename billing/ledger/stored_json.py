"""Stored JSON: texts of columns and of the trail, read as what was written there."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from billing.errors import UnreadableValue

Read = TypeVar("Read")


def read_stored(text: str, due: str, read: Callable[[Any], Read]) -> Read:
    """Return what a JSON text says, as `read` takes it; raises UnreadableValue.

    What is valid JSON of another kind is somebody's edit as much as what is none.
    """
    try:
        return read(json.loads(text))
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
        raise UnreadableValue(due, text) from None


def stored_names(text: str) -> tuple[str, ...]:
    """Return a list of texts; raises UnreadableValue."""
    return read_stored(text, "a list of texts", _names)


def stored_object(text: str) -> dict[str, Any]:
    """Return an object; raises UnreadableValue."""
    return read_stored(text, "an object", _object)


def whole(value: Any) -> int:
    """Return a whole number as it stands in JSON; raises TypeError."""
    if type(value) is not int:
        raise TypeError
    return value


def _names(value: Any) -> tuple[str, ...]:
    if type(value) is not list or not all(type(name) is str for name in value):
        raise TypeError
    return tuple(value)


def _object(value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise TypeError
    return value
