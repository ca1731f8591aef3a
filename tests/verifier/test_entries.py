"""Bindings: which rows each meter event carries, a line each, and no row twice."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest

from billing.verifier.entries import load_bindings
from billing.verifier.findings import BadRecord
from billing.verifier.shapes import BINDING, BINDING_COLUMNS
from billing.verifier.workspace import open_workspace
from tests.verifier.paper import encode_line

HEADER = encode_line(BINDING_COLUMNS)


class Lines:
    """A source of one file's lines."""

    def __init__(self, *lines: bytes) -> None:
        self._lines = lines

    def parts(self, name: str) -> Iterator[bytes]:
        """Yield the lines, whatever file is asked for."""
        return (line + b"\n" for line in self._lines)


def loaded(*lines: bytes) -> dict[str, list[tuple[Any, ...]]]:
    """Load lines, and return what is known then, by the workspace's tables."""
    with open_workspace() as work:
        load_bindings(Lines(HEADER, *lines), work)
        return {
            table: work.execute(f"SELECT * FROM {table} ORDER BY 2").fetchall()
            for table in ("held", "carrier", "bound")
        }


def test_an_event_carries_rows_and_its_line_is_held_to_its_digest() -> None:
    known = loaded(b"[1,[4,5]]", b"[2,[]]")
    rows = [(b"[4,5]", 1), (b"[]", 2)]
    assert known["held"] == [(BINDING, key, sha256(of).digest()) for of, key in rows]
    assert sorted(known["carrier"]) == [(1, 2), (2, 0)]
    assert sorted(known["bound"]) == [(4, 1), (5, 1)]


@pytest.mark.parametrize(
    "line",
    [
        b"7",
        b"[]",
        b"[1]",
        b"[1,2]",
        b"[1,[4],[5]]",
        b"[1,null]",
        b"{",
        b"[1.0,[4]]",
        b"[true,[4]]",
        b'["1",[4]]',
        b"[ 1,[4]]",
        b"[null,[4]]",
    ],
)
def test_a_line_is_an_event_and_its_rows(line: bytes) -> None:
    with pytest.raises(BadRecord, match="a line is not an event and its rows"):
        loaded(b"[9,[8]]", line)


@pytest.mark.parametrize(
    "lines", [(b"[1,[4]]", b"[2,[4]]"), (b"[1,[4,4]]",), (b"[1,[4]]", b"[1,[5]]")]
)
def test_no_row_is_carried_twice(lines: tuple[bytes, ...]) -> None:
    with pytest.raises(BadRecord, match="a row of usage is carried twice"):
        loaded(*lines)


@pytest.mark.parametrize("lines", [(), (b'["event"]',), (b"[1,[4]]",)])
def test_the_first_line_names_the_columns(lines: tuple[bytes, ...]) -> None:
    with (
        open_workspace() as work,
        pytest.raises(BadRecord, match="it does not name the columns"),
    ):
        load_bindings(Lines(*lines), work)
