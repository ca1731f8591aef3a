"""Canonical form: the one format of rows and documents that digests are made of.

It is RFC 8785: JSON in UTF-8, no spaces, sorted keys. Times stand as ISO 8601 texts
with +00:00, decimals as texts, and no floats occur.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

import orjson


def format_document(document: object) -> bytes:
    """Return a document's canonical form; decimals and their like stand as texts."""
    return orjson.dumps(document, str, orjson.OPT_SORT_KEYS)


# A row is an array, whose order stays; so nothing has to be sorted.
format_row: Callable[[object], bytes] = orjson.dumps


def format_rows(rows: Iterable[Sequence[object]]) -> bytes:
    """Return the lines of rows, each with its end."""
    newline = orjson.OPT_APPEND_NEWLINE
    return b"".join([orjson.dumps(row, None, newline) for row in rows])


def quoted(text: str) -> orjson.Fragment:
    """Let a text that is canonical already stand in a document as it is."""
    return orjson.Fragment(text)


def digest(line: bytes) -> str:
    """Return the SHA-256 of a line in hex."""
    return sha256(line).hexdigest()
