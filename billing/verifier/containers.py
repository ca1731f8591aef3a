"""Where a bundle lies: a zip file, or the folder that it was unpacked into."""

import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from billing.verifier.findings import BadRecord, Unreadable
from billing.verifier.shapes import (
    EVENTS,
    FIRST_TABLES,
    HEADS,
    SHAPES,
    TABLE_FILES,
    canonical,
)

MANIFEST, SEAL, GUIDE, PROGRAM = (
    "manifest.json",
    "manifest.sig",
    "README.txt",
    "verify.py",
)
NAMES = frozenset(
    {MANIFEST, SEAL, GUIDE, PROGRAM, EVENTS, HEADS, *TABLE_FILES.values()}
)
# What bundles got later; one that was made before is whole without it.
LATER = frozenset(TABLE_FILES[name] for name in SHAPES if name not in FIRST_TABLES)
_COLUMNS = {TABLE_FILES[name]: shape.columns for name, shape in SHAPES.items()}
LONGEST_LINE = 64 * 2**20
LARGEST_DIRECTORY = 2**20
# Deflate packs up to 1,030 times; ledgers pack some 20 times.
MOST_PACKED, SMALL = 200, 2**20
_CHUNK = 2**20
_END_OF_DIRECTORY = b"PK\x05\x06"
_TAIL = 22 + 65_535
_ENCRYPTED = 0x1 | 0x40
_ODD = re.compile(r"[^ -~]")
# What Python's zip reader raises when it is fed with nonsense.
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    KeyError,
    IndexError,
    OverflowError,
    OSError,
    MemoryError,
    struct.error,
)


class Container(Protocol):
    """A bundle's files, each with its size."""

    sizes: dict[str, int]

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


def shown(name: str) -> str:
    """Return a name as it may be printed."""
    return _ODD.sub("?", name[:80])


def open_container(path: Path) -> Container:
    """Open a bundle; raises Unreadable when there is none, BadRecord for an odd one."""
    if path.is_dir():
        return FolderBundle(path)
    if not path.is_file():
        raise Unreadable(f"there is no bundle {path}; give a zip file or a folder")
    return ZipBundle(path)


def check_names(names: list[str]) -> None:
    """Raise BadRecord for a name that is none of a bundle, there twice, or missing."""
    for name in names:
        if name not in NAMES:
            raise BadRecord(shown(name), "no bundle has a file of this name")
    for name, times in Counter(names).items():
        if times > 1:
            raise BadRecord(name, "it is there twice")
    if missing := sorted(NAMES - LATER - set(names)):
        raise BadRecord(missing[0], "it is missing")


class FolderBundle:
    """A bundle that was unpacked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        names = []
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.is_symlink():
                raise BadRecord(shown(name), "it is a link; a bundle has only files")
            if not path.is_dir():
                names.append(name)
            elif name != "tables":
                raise BadRecord(shown(name), "no bundle has a folder of this name")
        check_names(names)
        self.sizes = {name: (folder / name).stat().st_size for name in names}

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading."""
        return (self._folder / name).open("rb")

    def close(self) -> None:
        """Nothing is held."""


class ZipBundle:
    """A bundle as it was sent; nothing of it is written anywhere."""

    def __init__(self, path: Path) -> None:
        self._name = shown(path.name)
        try:
            _check_directory(path)
            self._zip = zipfile.ZipFile(path)
        except _BROKEN as fault:
            why = f"it is no whole zip file ({fault}); ask for it again"
            raise BadRecord(self._name, why) from None
        try:
            members = self._zip.infolist()
            check_names([member.orig_filename for member in members])
            for member in members:
                _check_member(member)
        except BadRecord:
            self._zip.close()
            raise
        self.sizes = {member.filename: member.file_size for member in members}

    def open(self, name: str) -> BinaryIO:
        """Open a member for reading; raises BadRecord."""
        try:
            return cast(BinaryIO, self._zip.open(name))
        except _BROKEN as fault:
            raise BadRecord(name, f"it cannot be unpacked ({fault})") from None

    def close(self) -> None:
        """Close the zip file."""
        self._zip.close()


def _check_directory(path: Path) -> None:
    """Look at how large the list of members is, before anything reads it."""
    with path.open("rb") as file:
        length = file.seek(0, 2)
        file.seek(max(length - _TAIL, 0))
        tail = file.read(_TAIL)
    at = tail.rfind(_END_OF_DIRECTORY)
    if at < 0 or len(tail) - at < 22:
        raise zipfile.BadZipFile("its end is missing")
    size = int.from_bytes(tail[at + 12 : at + 16], "little")
    if size > LARGEST_DIRECTORY:
        raise zipfile.BadZipFile("its list of files is far too long")


def _check_member(member: zipfile.ZipInfo) -> None:
    if member.flag_bits & _ENCRYPTED:
        raise BadRecord(member.filename, "it is encrypted; a bundle is not")
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise BadRecord(member.filename, "it is packed in a way that only bombs need")
    if member.file_size > max(SMALL, MOST_PACKED * member.compress_size):
        claim = f"{member.compress_size:,} bytes claim to hold {member.file_size:,}"
        raise BadRecord(member.filename, f"{claim}; no ledger packs so well")


def read_chunks(container: Container, name: str) -> Iterator[bytes]:
    """Yield a file piece by piece; raises BadRecord when it cannot be unpacked."""
    with container.open(name) as file:
        try:
            while chunk := file.read(_CHUNK):
                yield chunk
        except _BROKEN as fault:
            raise BadRecord(name, f"it cannot be unpacked ({fault})") from None


def read_whole(container: Container, name: str, most: int) -> bytes:
    """Return a small file; raises BadRecord when it is larger than `most` bytes."""
    if container.sizes[name] > most:
        raise BadRecord(name, f"it has {container.sizes[name]:,} bytes, over {most:,}")
    return b"".join(read_chunks(container, name))


class BundleLines:
    """The lines of a bundle's files."""

    def __init__(self, container: Container) -> None:
        self._container = container

    def lines(self, name: str) -> Iterator[bytes]:
        """Yield the lines of a file, without their ends; each must have one."""
        if name in LATER and name not in self._container.sizes:
            yield canonical(list(_COLUMNS[name]))
            return
        rest = b""
        for chunk in read_chunks(self._container, name):
            first, *more = chunk.split(b"\n")
            rest += first
            if more:
                yield rest
                yield from more[:-1]
                rest = more[-1]
            elif len(rest) > LONGEST_LINE:
                raise BadRecord(name, f"a line is longer than {LONGEST_LINE:,} bytes")
        if rest:
            raise BadRecord(name, "its last line has no end")
