"""A whole file: it appears under its name complete and on the disk, or not at all."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

from billing.errors import FileFault, UnfitTarget

_UNFIT = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENOENT}
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Give a file to write to, beside the target; then put it in the target's place.

    Raises UnfitTarget where nothing can be written, and FileFault when writing failed;
    the target then is what it was before.
    """
    if target.is_dir():
        raise UnfitTarget(target, "it is a folder")
    part = target.with_name(f".{target.name}.{token_hex(4)}.part")
    try:
        part.open("xb").close()
        yield part
        _settle(part)
        part.replace(target)
        _settle(target.parent)
    except OSError as fault:
        raise _said(target, fault) from fault
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


@contextmanager
def folder(target: Path) -> Iterator[Path]:
    """Give a folder that files may be put into, made where there is none.

    Raises UnfitTarget.
    """
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise UnfitTarget(target, _words(fault)) from fault
    yield target


def _settle(path: Path) -> None:
    """Have what was written on the disk, and the name too."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _said(target: Path, fault: OSError) -> Exception:
    if fault.errno in _UNFIT:
        return UnfitTarget(target, _words(fault))
    if fault.errno in _FULL:
        return FileFault(target, f"{_words(fault)}; make room, then run again")
    return FileFault(target, _words(fault))


def _words(fault: OSError) -> str:
    # Some libraries put words of their own around the system's.
    return (os.strerror(fault.errno) if fault.errno else str(fault)).lower()
