"""The rollback marker: kept whole or not at all, and never guessed."""

from pathlib import Path
from stat import S_IMODE

import pytest

from billing.errors import SettingsFault
from billing.gateways.rollback_marker import FileMemory
from tests.full_disk import full_disk

HASH = "ab" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the place of a marker that is not there yet."""
    return tmp_path / "billing.trail"


def test_nothing_is_remembered_at_first(path: Path) -> None:
    assert FileMemory(path).last_seen() is None


def test_the_newest_event_is_remembered_and_nothing_else_is_left(path: Path) -> None:
    FileMemory(path).remember(7, HASH)
    FileMemory(path).remember(8, HASH)
    assert FileMemory(path).last_seen() == (8, HASH)
    assert list(path.parent.iterdir()) == [path]


def test_what_cannot_be_written_whole_leaves_what_was_there(path: Path) -> None:
    marker = FileMemory(path)
    marker.remember(7, HASH)
    sentence = r"billing\.trail: cannot be written"
    with full_disk(after=10), pytest.raises(SettingsFault, match=sentence):
        marker.remember(8, HASH)
    assert marker.last_seen() == (7, HASH)


def test_the_event_of_a_commit_is_kept_and_what_fails_is_left_for_later(
    path: Path,
) -> None:
    marker = FileMemory(path)
    for number in (7, 8):
        marker.note(number, HASH)
        assert marker.last_seen() == (number, HASH)
    with full_disk(after=10):
        marker.note(9, HASH)
    FileMemory(path.parent / "gone" / "billing.trail").note(9, HASH)
    assert marker.last_seen() == (8, HASH)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"\xff\xfe",
        b'{"event": 7}',
        b'{"event": "x", "hash": ""}',
        b'{"event": null, "hash": "ab"}',
    ],
)
def test_a_marker_that_makes_no_sense_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(SettingsFault, match="put it back, or delete it"):
        FileMemory(path).last_seen()


@pytest.mark.parametrize("mode", [0o644, 0o602, 0o660, 0o666])
def test_a_marker_that_others_may_read_or_write_is_refused(
    path: Path, mode: int
) -> None:
    FileMemory(path).remember(7, HASH)
    path.chmod(mode)
    with pytest.raises(SettingsFault, match="others may read or write it"):
        FileMemory(path).last_seen()


@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_a_new_marker_is_private_and_a_group_that_may_read_stays(
    path: Path, mode: int
) -> None:
    FileMemory(path).remember(7, HASH)
    assert S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(mode)
    FileMemory(path).remember(8, HASH)
    assert S_IMODE(path.stat().st_mode) == mode
    assert FileMemory(path).last_seen() == (8, HASH)


def test_a_marker_that_cannot_be_read_is_refused(path: Path) -> None:
    path.mkdir()
    with pytest.raises(SettingsFault, match="cannot be read"):
        FileMemory(path).last_seen()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsFault, match="cannot be written: No such file"):
        FileMemory(tmp_path / "nowhere" / "billing.trail").remember(7, HASH)
