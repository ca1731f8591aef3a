"""Rows: the lines of a table, read some thousands at once, each of its own kinds."""

from collections.abc import Iterator
from itertools import chain
from typing import Any, NamedTuple, Protocol

from billing.verifier.findings import BadRecord
from billing.verifier.shapes import (
    LATER_FILES,
    SHAPES,
    TABLE_FILES,
    Shape,
    canonical,
    read_json,
)

_KINDS = {"i": (int,), "t": (str,), "I": (int, type(None)), "T": (str, type(None))}
# So much is read at once: more than a processor keeps at hand takes longer.
_AT_ONCE = 2**16


class LineSource(Protocol):
    """Where lines come from: a bundle, or the database itself."""

    def parts(self, name: str) -> Iterator[bytes]:
        """Yield the lines of a file, each with its end, some thousands at once."""
        ...


class RowPart(NamedTuple):
    """Some rows of a table, and the lines that they were read from.

    Plain are those in which no text is spelled by the numbers of its signs.
    """

    lines: list[bytes]
    rows: list[list[Any]]
    plain: bool


def read_lines(source: LineSource, name: str) -> Iterator[bytes]:
    """Yield the lines of a file one by one, without their ends."""
    for part in source.parts(name):
        yield from part[:-1].split(b"\n")


def read_rows(source: LineSource, name: str) -> Iterator[list[Any]]:
    """Yield the rows of a table, each of the table's own kinds; raises BadRecord."""
    for part in read_parts(source, name):
        yield from part.rows


def read_parts(source: LineSource, name: str) -> Iterator[RowPart]:
    """Yield the rows of a table as `read_rows` does, some thousands at once."""
    file, shape = TABLE_FILES[name], SHAPES[name]
    parts = source.parts(file)
    first = next(parts, None)
    if first is None and file in LATER_FILES:
        return
    header, _, rest = (first or b"").partition(b"\n")
    check_header(file, header, list(shape.columns))
    kinds = _RowKinds(shape)
    number = 2
    for text in _pieces(rest, parts):
        lines = text[:-1].split(b"\n")
        rows, plain = _read_together(text, len(lines), kinds), b"\\u" not in text
        del text
        if rows is None:
            for place, line in enumerate(lines, start=number):
                row = _read_row(f"{file}, line {place}", line, kinds)
                yield RowPart([line], [row], plain)
        else:
            yield RowPart(lines, rows, plain)
        number += len(lines)


def _pieces(first: bytes, parts: Iterator[bytes]) -> Iterator[bytes]:
    """Cut parts into as much as is read at once, or one line that is longer."""
    for part in chain([first], parts):
        begin = 0
        while begin < len(part):
            end = part.rfind(b"\n", begin, begin + _AT_ONCE) + 1
            end = end or part.find(b"\n", begin) + 1
            # A long line is held once.
            yield part if end - begin == len(part) else part[begin:end]
            begin = end


class _RowKinds:
    """The kinds of whole rows that were found to be those of a table."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._seen: set[tuple[type, ...]] = set()

    def fit(self, kinds: tuple[type, ...]) -> bool:
        """Say whether a row of these kinds is one of the table."""
        if kinds in self._seen:
            return True
        wanted = self.shape.kinds
        if len(kinds) != len(wanted):
            return False
        if not all(
            kind in _KINDS[sign] for kind, sign in zip(kinds, wanted, strict=True)
        ):
            return False
        self._seen.add(kinds)
        return True


def _read_together(
    text: bytes, number: int, kinds: _RowKinds
) -> list[list[Any]] | None:
    """Return the rows of whole lines; None where they have to be read one by one.

    The lines become one array, in which each has to be one row. No text of JSON's goes
    on in the next line, so what each begins and ends with are brackets of its own; and
    a row has no list in it, so no bracket closes what another line opened.
    """
    is_of_arrays = (
        len(text) <= _AT_ONCE
        and text[:1] == b"["
        and text[-2:] == b"]\n"
        and text.count(b"]\n[") == number - 1
    )
    if not is_of_arrays:
        return None
    try:
        rows = read_json(b"[%b]" % text[:-1].replace(b"\n", b",\n"))
    except (ValueError, RecursionError):
        return None
    if len(rows) != number or {*map(type, rows)} != {list}:
        return None
    of_rows = {tuple(map(type, row)) for row in rows}
    return rows if all(map(kinds.fit, of_rows)) else None


def _read_row(where: str, line: bytes, kinds: _RowKinds) -> list[Any]:
    try:
        row = read_json(line)
    except (ValueError, TypeError, RecursionError) as fault:
        raise BadRecord(where, f"it is no row ({fault})") from None
    if type(row) is not list or not kinds.fit(tuple(map(type, row))):
        _refuse(where, kinds.shape, row)
    return list(row)


def _refuse(where: str, shape: Shape, row: Any) -> None:
    """Say what is wrong with a row."""
    if type(row) is not list or len(row) != len(shape.columns):
        raise BadRecord(where, f"a row has {len(shape.columns)} columns")
    for column, kind, value in zip(shape.columns, shape.kinds, row, strict=True):
        if type(value) not in _KINDS[kind]:
            wanted = "a whole number" if kind in "iI" else "a text"
            raise BadRecord(where, f"{column} is {type(value).__name__}, not {wanted}")


def check_header(file: str, line: bytes, columns: list[str]) -> None:
    """Raise BadRecord unless the first line of a table names its columns."""
    if line != canonical(columns):
        why = f"it does not name the columns {', '.join(columns)}"
        raise BadRecord(f"{file}, line 1", why)
