"""Decoding: JSON is read strictly, or not at all."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pamela import InvalidResponse
from pamela._decoding import MAX_DEPTH, decode_json

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc:\\\"'"), inner),
    max_leaves=20,
)


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>nginx</html>",
        b'{"a": 1',
        b'{"a": 1,}',
        b'{"a": 1} {"a": 1}',
        b"{'a': 1}",
        b"[NaN]",
        b"[Infinity]",
        b"[-Infinity]",
        b"[1e400]",
        b"[-1.5e999]",
        b"[" + b"9" * 5000 + b"]",
        b'{"a": 1, "a": 2}',
        b'{"a" : 1 ,\n"\\u0061" : 1}',
        b'[[{"deep": {"b": null, "b": null}}]]',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\\ud800"',
        b'{"\\uDFFF": 1}',
        b"\xef\xbb\xbf{}",
        '{"a": 1}'.encode("utf-16"),
        b'"\t"',
        nested(MAX_DEPTH + 1),
        b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1),
        nested(1_000_000),
        b"[" * 1_000_000,
    ],
)
def test_what_is_not_strict_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidResponse):
        decode_json(body)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": 1, "b": {"a": 1}}', {"a": 1, "b": {"a": 1}}),
        (b"18446744073709551617", 18446744073709551617),
        (b"1e2", 100.0),
        (b'"\\ud83d\\ude00"', "\N{GRINNING FACE}"),
        (b'"\\\\ud800"', "\\ud800"),
        (b" null ", None),
    ],
)
def test_what_is_strict_json_keeps_its_meaning(body: bytes, value: Any) -> None:
    assert decode_json(body) == value


def test_the_deepest_nesting_allowed_is_read() -> None:
    assert json.dumps(decode_json(nested(MAX_DEPTH))) == nested(MAX_DEPTH).decode()


@given(JSON, st.booleans(), st.sampled_from([None, 1]))
def test_any_document_a_server_writes_is_read_back(
    value: Any, ascii_only: bool, indent: int | None
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert decode_json(text.encode()) == value


@given(st.binary(max_size=60))
def test_any_bytes_are_read_as_json_or_refused_with_our_error(body: bytes) -> None:
    with contextlib.suppress(InvalidResponse):
        assert decode_json(body) == json.loads(body)


def test_more_objects_than_words_are_refused() -> None:
    with pytest.raises(InvalidResponse, match="300,001 objects and lists"):
        decode_json(b"[" + b"{}," * 299_999 + b"{}]")
    assert decode_json(b"[" + b"{}," * 9_998 + b"{}]") == [{}] * 9_999


def test_more_values_than_words_are_refused() -> None:
    with pytest.raises(InvalidResponse, match="450,001 values of hardly a byte"):
        decode_json(b"[" + b"0," * 450_000 + b"0]")
    assert decode_json(b"[" + b"0," * 49_999 + b"0]") == [0] * 50_000
    words = ["more than ten bytes"] * 60_000
    assert decode_json(json.dumps(words).encode()) == words
