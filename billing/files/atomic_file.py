"""A whole file or folder: it has its name once it is complete and on the disk."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from shutil import rmtree

from billing.errors import BillingError, FileFault, UnfitTarget

OWNER_ONLY = 0o600
_PART = ".part"
_GROUP_READS = 0o040
_NOT_PRIVATE = 0o037
_UNFIT = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENOENT}
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def replace_file(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Put a new content in a file's place; raises OSError, and then changes nothing."""
    with _written(path, content, mode) as part:
        move_file(part, path)


def replace_private_file(path: Path, content: bytes) -> None:
    """Put a new content in a private file's place, or change nothing; raises OSError.

    A group that its owner lets read it may go on reading.
    """
    try:
        before = path.stat()
    except FileNotFoundError:
        before = None
    with _written(path, content, OWNER_ONLY) as part:
        if before is not None and before.st_mode & _GROUP_READS:
            with suppress(PermissionError):  # that group is none of ours any more
                os.chown(part, -1, before.st_gid)
                part.chmod(OWNER_ONLY | _GROUP_READS)
        move_file(part, path)


def is_private(path: Path) -> bool:
    """Say whether only its owner may write a file, and at most a group read it."""
    return not path.stat().st_mode & _NOT_PRIVATE


def make_private(path: Path) -> None:
    """Take the rights of others from a file, unless it is somebody else's."""
    with suppress(FileNotFoundError, PermissionError):
        path.chmod(path.stat().st_mode & ~_NOT_PRIVATE & 0o777)


def create_file(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Make a file that is not there yet; raises OSError, never overwrites."""
    with _written(path, content, mode) as part:
        # Unlike a rename, a link refuses a name that is taken.
        path.hardlink_to(part)
        _flush(path.parent)


def move_file(source: Path, target: Path) -> None:
    """Give a file another name in its folder, also on the disk; raises OSError."""
    source.replace(target)
    _flush(target.parent)


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Give a file to write to, beside the target; then put it in the target's place.

    Raises UnfitTarget where nothing can be written, and FileFault when writing failed;
    the target then is what it was before.
    """
    if target.is_dir():
        raise UnfitTarget(target, "it is a folder")
    if target.exists() and not target.is_file():
        # The rename would put a file in a device's place.
        raise UnfitTarget(target, "it is a device or a pipe, and no file")
    try:
        with _part_beside(target, 0o666) as part:
            yield part
            _flush(part)
            move_file(part, target)
    except OSError as fault:
        raise file_fault(target, fault) from fault


@contextmanager
def new_file(target: Path, *, mode: int) -> Iterator[Path]:
    """Give a file to write to, beside the target; then let it have the target's name.

    Raises UnfitTarget where nothing can be written, or where a file of the name is
    there, and FileFault when writing failed; the target then is not there.
    """
    if target.exists():
        raise UnfitTarget(target, "it is there already, and is never overwritten")
    try:
        with _part_beside(target, mode) as part:
            yield part
            _flush(part)
            # Unlike a rename, a link refuses a name that is taken.
            target.hardlink_to(part)
            _flush(target.parent)
    except FileExistsError as fault:
        raise UnfitTarget(target, "it is there by now") from fault
    except OSError as fault:
        raise file_fault(target, fault) from fault


@contextmanager
def whole_folder(target: Path, beside: Path) -> Iterator[Path]:
    """Give a folder to fill, in `beside`; then let it have the target's name.

    Both places are on one disk. Raises UnfitTarget where nothing can be written, or
    where a folder of the name is there, and FileFault when writing failed; the target
    then is not there.
    """
    part = beside / f".{target.name}.{token_hex(4)}{_PART}"
    try:
        if target.exists():
            raise UnfitTarget(target, "it is there already, and is never overwritten")
        part.mkdir()
        yield part
        for place, _, names in os.walk(part, topdown=False):
            for name in names:
                _flush(Path(place, name))
            _flush(Path(place))
        target.parent.mkdir(exist_ok=True)
        part.rename(target)
        _flush(target.parent)
        _flush(beside)
    except OSError as fault:
        raise file_fault(target, fault) from fault
    finally:
        rmtree(part, ignore_errors=True)


def discard_parts(beside: Path) -> None:
    """Remove the folders that a process left half-filled when it was killed."""
    for part in beside.glob(f".*{_PART}"):
        rmtree(part, ignore_errors=True)


@contextmanager
def folder(target: Path) -> Iterator[Path]:
    """Give a folder that files may be put into, made where there is none.

    Raises UnfitTarget.
    """
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise UnfitTarget(target, _reason(fault)) from fault
    yield target


@contextmanager
def _written(path: Path, content: bytes, mode: int) -> Iterator[Path]:
    with _part_beside(path, mode) as part:
        part.write_bytes(content)
        _flush(part)
        yield part


@contextmanager
def _part_beside(target: Path, mode: int) -> Iterator[Path]:
    """Give an empty file beside the target, which is gone afterwards."""
    part = target.with_name(f".{target.name}.{token_hex(4)}{_PART}")
    try:
        # The mode holds from the start: nobody reads a key before a chmod.
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
        yield part
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Have a file's content on the disk, or a folder's names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_fault(target: Path, fault: OSError) -> BillingError:
    """Return the error of a target that could not be written, and why."""
    if fault.errno in _UNFIT:
        return UnfitTarget(target, _reason(fault))
    if fault.errno in _FULL:
        return FileFault(target, f"{_reason(fault)}; make room, then run again")
    return FileFault(target, _reason(fault))


def _reason(fault: OSError) -> str:
    # Some libraries put words of their own around the system's.
    return (os.strerror(fault.errno) if fault.errno else str(fault)).lower()
