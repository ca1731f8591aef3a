"""A bundle is a zip file or a folder, read piece by piece, so far and no more."""

import io
import json
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from billing.verifier import containers
from billing.verifier.bundle_names import MANIFEST
from billing.verifier.containers import (
    BundleLines,
    FolderBundle,
    ZipBundle,
    open_container,
    read_chunks,
    read_whole,
)
from billing.verifier.findings import BadRecord, Unreadable
from billing.verifier.rows import check_header, read_lines, read_rows
from billing.verifier.shapes import LATER_FILES, SHAPES
from tests.tamper.bundles import Original, pack
from tests.verifier.in_memory import InMemory

MIB = 2**20


class Damaged(InMemory):
    """One whose packing is found to be wrong at the end of a file."""

    def open(self, name: str) -> BinaryIO:
        return _Damaged(self.files[name])


class _Damaged(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        if self.tell() == len(self.getvalue()):
            raise zipfile.BadZipFile("Bad CRC-32")
        return super().read(size)


def content(text: bytes) -> InMemory:
    return InMemory({"a": text})


def test_a_small_file_is_read_whole_up_to_its_bound() -> None:
    assert read_whole(content(b"12345"), "a", 5) == b"12345"
    with pytest.raises(BadRecord, match="a: it has 5 bytes, over 4"):
        read_whole(content(b"12345"), "a", 4)


def test_a_large_file_comes_in_pieces() -> None:
    text = random.Random(1).randbytes(2 * MIB + 7)
    pieces = list(read_chunks(content(text), "a"))
    assert [len(piece) for piece in pieces] == [MIB, MIB, 7]
    assert b"".join(pieces) == text


def test_what_cannot_be_unpacked_is_named() -> None:
    with pytest.raises(BadRecord, match=r"a: it cannot be unpacked \(Bad CRC-32\)"):
        list(read_chunks(Damaged({"a": b"12345"}), "a"))


LONG = b"x" * (MIB - 3)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (b"", []),
        (b"\n", [b""]),
        (b"a\n\nb\n", [b"a", b"", b"b"]),
        # The end of a line is the last byte of a piece, or the first of the next.
        (LONG + b"ab\ncd\n", [LONG + b"ab", b"cd"]),
        (LONG + b"abc\nd\n", [LONG + b"abc", b"d"]),
        (LONG + LONG + LONG + b"\n", [LONG + LONG + LONG]),
    ],
)
def test_lines_are_cut_wherever_the_pieces_end(text: bytes, lines: list[bytes]) -> None:
    assert list(read_lines(BundleLines(content(text)), "a")) == lines


def test_a_last_line_without_an_end_is_cut_off() -> None:
    with pytest.raises(BadRecord, match="its last line has no end"):
        list(read_lines(BundleLines(content(b"a\nb")), "a"))


def test_a_line_has_an_end_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "LONGEST_LINE", MIB)
    assert len(next(read_lines(BundleLines(content(b"x" * MIB + b"\n")), "a"))) == MIB
    with pytest.raises(BadRecord, match="a line is longer than 1,048,576 bytes"):
        list(read_lines(BundleLines(content(b"x" * (MIB + 1))), "a"))


def test_a_file_that_is_not_there_has_no_lines() -> None:
    assert list(read_lines(BundleLines(content(b"1\n")), "b")) == []


def test_nothing_there_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"there is no bundle .*none; give a zip file"):
        open_container(tmp_path / "none")


def test_a_folder_and_a_zip_file_hold_the_same(
    original: Original, target: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    for name, body in original.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(body)
    (folder / "Thumbs.db").write_bytes(b"\0")
    packed = open_container(pack({**original.files, "Thumbs.db": b"\0"}, target))
    unpacked = open_container(folder)
    assert isinstance(packed, ZipBundle)
    assert isinstance(unpacked, FolderBundle)
    sizes = {name: len(body) for name, body in original.files.items()}
    assert packed.sizes == unpacked.sizes == sizes
    assert packed.left == unpacked.left == ["Thumbs.db"]
    for name, body in original.files.items():
        assert read_whole(packed, name, MIB) == body
        assert read_whole(unpacked, name, MIB) == body
    packed.close()
    with pytest.raises(BadRecord, match=r"manifest\.json: it cannot be unpacked"):
        packed.open(MANIFEST)
    unpacked.close()


@pytest.mark.parametrize(
    ("size", "words"),
    [(MIB, None), (MIB + 1, "no ledger packs so well"), (3 * MIB, "no ledger packs")],
)
def test_what_packs_too_well_is_a_bomb_unless_it_is_small(
    original: Original, target: Path, size: int, words: str | None
) -> None:
    pack({**original.files, "tables/call.jsonl": bytes(size)}, target)
    if words is None:
        bundle = open_container(target)
        assert bundle.sizes["tables/call.jsonl"] == size
        bundle.close()
        return
    with pytest.raises(BadRecord, match=words):
        open_container(target)


class Lines:
    """The lines of a table of prices."""

    def __init__(self, *lines: str) -> None:
        self._parts = ["".join(f"{line}\n" for line in lines).encode()]

    def parts(self, name: str) -> Iterator[bytes]:
        return iter(part for part in self._parts if part)


HEADER = json.dumps(list(SHAPES["price"].columns), separators=(",", ":"))
ROW = '[1,"2026","0.1","usd","2026"]'


def rows_of(*lines: str) -> list[list[object]]:
    return [*read_rows(Lines(HEADER, *lines), "price")]


def test_rows_are_read_each_of_the_kinds_of_its_table() -> None:
    assert rows_of(ROW, ROW.replace("1", "2")) == [
        [1, "2026", "0.1", "usd", "2026"],
        [2, "2026", "0.2", "usd", "2026"],
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (ROW.replace("[1", '["1"'), "id is str, not a whole number"),
        (ROW.replace("[1", "[null"), "id is NoneType, not a whole number"),
        (ROW.replace("[1", "[true"), "id is bool, not a whole number"),
        (ROW.replace('"usd"', "7"), "currency is int, not a text"),
        (ROW.replace('"usd"', "null"), "currency is NoneType, not a text"),
        (ROW.replace('"usd"', "[]"), "currency is list, not a text"),
        (ROW.replace(',"usd"', ""), "a row has 5 columns"),
        (ROW.replace("]", ",1]"), "a row has 5 columns"),
        ("{}", "a row has 5 columns"),
        ("7", "a row has 5 columns"),
        ('"abcde"', "a row has 5 columns"),
        ("x", "it is no row (Expecting value"),
        ("[1.5]", "it is no row (1.5 is no whole number)"),
        ("[Infinity]", "it is no row (Infinity is no whole number)"),
        ("[1] 2", "it is no row (something follows the JSON value)"),
        ('[{"a":1,"a":1}]', "it is no row (a key is there twice)"),
    ],
)
def test_a_line_that_is_no_row_is_named(line: str, words: str) -> None:
    for before in ((), (ROW,), (ROW, ROW)):
        with pytest.raises(BadRecord) as raised:
            rows_of(*before, line)
        place = f"tables/price.jsonl, line {2 + len(before)}: "
        assert str(raised.value).startswith(place + words)


def test_a_null_stands_where_a_table_may_have_one() -> None:
    shape = SHAPES["account"]
    header = json.dumps(list(shape.columns), separators=(",", ":"))
    lines = Lines(header, '["a",null,"k","x"]', '["a",null,null,"x"]')
    assert len(list(read_rows(lines, "account"))) == 2


def test_a_file_that_came_later_may_be_missing_and_no_other() -> None:
    assert LATER_FILES
    assert list(read_rows(Lines(), "send_hold")) == []
    with pytest.raises(BadRecord, match=r"price\.jsonl, line 1: it does not name the"):
        list(read_rows(Lines(), "price"))


def test_a_heading_names_the_columns_and_nothing_else() -> None:
    check_header("f", b'["a","b"]', ["a", "b"])
    for line in (b'["a", "b"]', b'["b","a"]', b""):
        with pytest.raises(BadRecord, match="it does not name the columns a, b"):
            check_header("f", line, ["a", "b"])
