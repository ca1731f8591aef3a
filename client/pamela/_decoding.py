"""Strict JSON: one meaning per document, or an InvalidResponse."""

import json
import math
import re

from pamela.exceptions import InvalidResponse
from pamela.types import JSONValue

MAX_DEPTH = 64
# Many objects and lists of hardly a byte take a hundred times the memory, decoded.
MANY_PARTS = 10_000
FEWEST_BYTES_A_PART = 20
MANY_VALUES = 50_000
FEWEST_BYTES_A_VALUE = 10
CONTAINERS = frozenset({dict, list})
SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


def decode_json(body: bytes) -> JSONValue:
    """Decode UTF-8 JSON without duplicate keys, NaN, infinities or deep nesting."""
    try:
        _refuse_parts(body)
        value = _decode_plain(body) or _decode_strictly(body)
        _refuse_depth(value)
    except (ValueError, RecursionError) as error:
        words = f"the answer is not strict JSON: {error}"
    else:
        return value
    # The decoder's error carries the whole answer along, in its context too.
    raise InvalidResponse(words)


def _decode_plain(body: bytes) -> JSONValue:
    """Decode quickly what orjson, if it is there, would write just so; else None.

    A document that comes back the same to the byte has lost nothing: no second key of
    a name, no number out of range, no odd escape.
    """
    try:
        import orjson  # noqa: PLC0415 # the client does without it where it is missing

        value: JSONValue = orjson.loads(body)
        return value if orjson.dumps(value) == body else None
    except (ImportError, ValueError, TypeError):
        return None


def _decode_strictly(body: bytes) -> JSONValue:
    text = body.decode()
    value: JSONValue = DECODER.decode(text)
    if "\\" in text and SURROGATE_ESCAPE.search(text):
        _refuse_lone_surrogates(value)
    return value


def _unique(pairs: list[tuple[str, JSONValue]]) -> dict[str, JSONValue]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("an object names a key twice")
    return document


def _finite(literal: str) -> float:
    number = float(literal)
    if not math.isfinite(number):
        raise ValueError("a number is beyond the range of floats")
    return number


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _refuse_lone_surrogates(value: JSONValue) -> None:
    # An escape can smuggle in half a character, which no database will store.
    json.dumps(value, ensure_ascii=False).encode()


def _refuse_parts(body: bytes) -> None:
    parts = body.count(b"{") + body.count(b"[")
    if parts > MANY_PARTS and parts * FEWEST_BYTES_A_PART > len(body):
        raise ValueError(f"it has {parts:,} objects and lists, and hardly more")
    values = body.count(b",") + 1
    if values > MANY_VALUES and values * FEWEST_BYTES_A_VALUE > len(body):
        raise ValueError(f"it has {values:,} values of hardly a byte")


def _refuse_depth(value: JSONValue) -> None:
    level = [value] if type(value) in CONTAINERS else []
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)  # type: ignore[union-attr] # only containers are in a level
            if type(inner) in CONTAINERS
        ]
        if not level:
            return
    raise ValueError(f"it nests deeper than {MAX_DEPTH} levels")


DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant
)
