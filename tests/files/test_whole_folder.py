"""A folder is there with all its files or not at all, whatever breaks."""

from pathlib import Path

import pytest

from billing.errors import FileFault, UnfitTarget
from billing.files.atomic_file import discard_parts, whole_folder
from tests.full_disk import full_disk


def fill(part: Path, size: int = 10) -> None:
    (part / "inner").mkdir()
    (part / "inner" / "file").write_bytes(b"x" * size)


def test_a_folder_appears_when_it_is_full_and_not_before(tmp_path: Path) -> None:
    target = tmp_path / "table" / "month"
    with whole_folder(target, beside=tmp_path) as part:
        fill(part)
        assert not target.exists()
        assert part.parent == tmp_path
    assert (target / "inner" / "file").read_bytes() == b"x" * 10
    assert [place.name for place in tmp_path.iterdir()] == ["table"]


def test_what_breaks_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "month"

    def break_off() -> None:
        with whole_folder(target, tmp_path) as part:
            fill(part)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert not list(tmp_path.iterdir())


def test_a_disk_that_fills_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "month"
    sentence = "month could not be written: file too large"
    with (
        full_disk(after=100),
        pytest.raises(FileFault, match=sentence),
        whole_folder(target, tmp_path) as part,
    ):
        fill(part, size=1_000)
    assert not list(tmp_path.iterdir())


def test_a_folder_is_never_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "month"
    target.mkdir()
    with (
        pytest.raises(UnfitTarget, match="is there already"),
        whole_folder(target, tmp_path),
    ):
        raise AssertionError("nothing is given to fill")
    assert [place.name for place in tmp_path.iterdir()] == ["month"]


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    for name in (".month.1f.part", "month", ".hidden"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("")
    discard_parts(tmp_path)
    assert sorted(place.name for place in tmp_path.iterdir()) == [".hidden", "month"]
