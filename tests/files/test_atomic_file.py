"""A file is there whole or not at all, whatever breaks while it is written."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from billing.errors import BillingError, FileFault, UnfitTarget
from billing.files.atomic_file import (
    OWNER_ONLY,
    create_file,
    folder,
    move_file,
    replace_file,
    whole_file,
)
from billing.reports.sheets.csv_file import write_csv_file
from billing.reports.sheets.json_file import write_json_file
from billing.reports.sheets.parquet_file import write_parquet_file
from billing.reports.sheets.sheet import Column, Kind, Row, Sheet
from billing.reports.sheets.xlsx_file import write_xlsx_file
from tests.full_disk import full_disk

COLUMNS = Column("name"), Column("amount", Kind.MONEY)
ROWS: list[Row] = [[f"name {n}", n * 12_345] for n in range(30_000)]
SHEET = Sheet(name="S", title="S", columns=COLUMNS, rows=ROWS)
Write = Callable[[Path], None]
WRITERS: dict[str, Write] = {
    "csv": lambda file: write_csv_file(SHEET, file),
    "xlsx": lambda file: write_xlsx_file([SHEET], file),
    "parquet": lambda file: write_parquet_file(SHEET, file),
    "json": lambda file: write_json_file({"rows": ROWS}, file),
}
every_writer = pytest.mark.parametrize("form", WRITERS)


@every_writer
def test_a_file_replaces_the_one_before_it(form: str, tmp_path: Path) -> None:
    target = tmp_path / "report"
    target.write_text("old")
    WRITERS[form](target)
    assert target.stat().st_size > 1_000
    assert list(tmp_path.iterdir()) == [target]


@every_writer
def test_the_same_sheet_is_the_same_bytes(form: str, tmp_path: Path) -> None:
    for name in "ab":
        WRITERS[form](tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@every_writer
def test_a_disk_that_fills_leaves_what_was_there(form: str, tmp_path: Path) -> None:
    target = tmp_path / "report"
    target.write_text("old")
    sentence = "report could not be written: file too la"
    with full_disk(after=20_000), pytest.raises(FileFault, match=sentence):
        WRITERS[form](target)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("code", "kind", "exit_code", "words"),
    [
        (errno.ENOSPC, FileFault, 1, "no space left on device; make room, then"),
        (errno.EDQUOT, FileFault, 1, "quota exceeded; make room, then run again"),
        (errno.EIO, FileFault, 1, "input/output error"),
        (errno.EACCES, UnfitTarget, 2, "permission denied; name a file in a folder"),
        (errno.EROFS, UnfitTarget, 2, "read-only file system"),
    ],
)
def test_what_breaks_is_one_sentence_and_no_half_file(
    code: int, kind: type[BillingError], exit_code: int, words: str, tmp_path: Path
) -> None:
    target = tmp_path / "report.csv"

    def break_off() -> None:
        with whole_file(target) as part:
            part.write_text("half")
            raise OSError(code, os.strerror(code))

    with pytest.raises(kind) as fault:
        break_off()
    assert words in str(fault.value)
    assert str(target) in str(fault.value)
    assert fault.value.exit_code == exit_code
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("missing/report.csv", "no such file or directory"),
        ("file/report.csv", "not a directory"),
        ("folder", "it is a folder"),
        ("pipe", "it is a device or a pipe, and no file"),
    ],
)
def test_a_place_that_takes_no_file_is_named(
    target: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnfitTarget, match=words):
        WRITERS["csv"](tmp_path / target)
    with pytest.raises(UnfitTarget), folder(tmp_path / "file"):
        raise AssertionError("no folder is made of a file")


def test_what_is_no_fault_of_the_disk_leaves_no_file_either(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), whole_file(tmp_path / "report"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def use_whole_file(path: Path) -> None:
    with whole_file(path) as part:
        part.write_bytes(b"new")


def make_and_move(path: Path) -> None:
    create_file(path.with_name("first"), b"new")
    move_file(path.with_name("first"), path)


SMALL_WRITERS: dict[str, Write] = {
    "whole_file": use_whole_file,
    "replace_file": lambda path: replace_file(path, b"new"),
    "create_file": lambda path: create_file(path, b"new"),
    "move_file": make_and_move,
}


@pytest.mark.parametrize("name", SMALL_WRITERS)
def test_the_content_and_then_the_name_are_asked_onto_the_disk(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync
    flushed: list[str] = []

    def recording_fsync(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        flushed.append(f"folder with {len(names())}" if is_folder else "content")
        fsync(descriptor)

    def names() -> list[str]:
        return [path.name for path in tmp_path.iterdir() if path.name == "file"]

    monkeypatch.setattr(os, "fsync", recording_fsync)
    SMALL_WRITERS[name](tmp_path / "file")
    assert (flushed[0], flushed[-1]) == ("content", "folder with 1")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_replaced_file_is_never_half_written(tmp_path: Path) -> None:
    target = tmp_path / "file"
    replace_file(target, b"old")
    with full_disk(after=2), pytest.raises(OSError, match="File too large"):
        replace_file(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_is_there_is_never_created_over(tmp_path: Path) -> None:
    target = tmp_path / "file"
    create_file(target, b"old")
    with pytest.raises(FileExistsError):
        create_file(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("write", [create_file, replace_file])
def test_a_secret_is_for_its_owner_alone(
    write: Callable[..., None], tmp_path: Path
) -> None:
    write(tmp_path / "key", b"secret", mode=OWNER_ONLY)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == OWNER_ONLY
