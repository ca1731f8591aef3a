"""Strict JSON: one meaning per document, or an InvalidResponse."""

import json
import math
import re
from itertools import chain

from pamela.exceptions import InvalidResponse
from pamela.types import JSONValue

MAX_DEPTH = 64
SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


def decode_json(body: bytes) -> JSONValue:
    """Decode UTF-8 JSON without duplicate keys, NaN, infinities or deep nesting."""
    try:
        text = body.decode()
        value: JSONValue = DECODER.decode(text)
        if not _names_keys_once(text, _count_keys(value)):
            value = STRICT_DECODER.decode(text)
        if "\\" in text and SURROGATE_ESCAPE.search(text):
            _refuse_lone_surrogates(value)
    except (ValueError, RecursionError) as error:
        # The decoder's error carries the whole answer along; ours must not.
        raise InvalidResponse(f"the answer is not strict JSON: {error}") from None
    return value


def _names_keys_once(text: str, keys: int) -> bool:
    """Say whether counting proves that no key was lost; if not, a closer look tells.

    Each key ends in a quote and a colon. Where no colon has a space before it, there
    are at least as many such pairs as keys in the text, so with as many pairs as keys
    in the value none was named twice. This is far quicker than to look at each object.
    """
    spaced = " :" in text or any(space in text for space in "\t\n\r")
    return not spaced and text.count('":') == keys


def _unique(pairs: list[tuple[str, JSONValue]]) -> dict[str, JSONValue]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object names a key twice")
    return found


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


def _count_keys(value: JSONValue) -> int:
    """Count the keys of all objects; ValueError when they nest too deeply."""
    keys = 0
    values: list[JSONValue] = [value]
    for _ in range(MAX_DEPTH + 1):
        objects = [one for one in values if type(one) is dict]
        lists = [one for one in values if type(one) is list]
        if not objects and not lists:
            return keys
        keys += sum(map(len, objects))
        values = [*chain.from_iterable(map(dict.values, objects))]
        values += chain.from_iterable(lists)
    raise ValueError(f"it nests deeper than {MAX_DEPTH} levels")


DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_no_constant)
STRICT_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant
)
