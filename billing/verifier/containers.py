"""Where a bundle lies: a zip file, or the folder that it was unpacked into."""

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from billing.verifier.bundle_names import sort_names
from billing.verifier.findings import BadRecord, Unreadable, shown
from billing.verifier.zip_layout import (
    check_layout,
    check_packed,
    find_end,
    is_encrypted,
)

LONGEST_LINE = 64 * 2**20
# Deflate packs up to 1,030 times; ledgers pack some 20 times.
MOST_PACKED, SMALL = 200, 2**20
_CHUNK = 2**20
_DOS_FOLDER = 0x10
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
    """A bundle's files, each with its size, and what lies there and is none of it."""

    sizes: dict[str, int]
    left: list[str]

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


def open_container(path: Path) -> Container:
    """Open a bundle; raises Unreadable when there is none, BadRecord for an odd one."""
    if path.is_dir():
        return FolderBundle(path)
    if not path.is_file():
        raise Unreadable(f"there is no bundle {path}; give a zip file or a folder")
    return ZipBundle(path)


class FolderBundle:
    """A bundle that was unpacked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        names, folders = [], []
        for path in _all_below(folder):
            name = path.relative_to(folder).as_posix()
            if path.is_symlink():
                raise BadRecord(shown(name), "it is a link; a bundle has only files")
            if path.is_dir():
                folders.append(f"{name}/")
            elif path.is_file():
                names.append(name)
            else:  # to open it might never end
                raise BadRecord(shown(name), "it is a device or a pipe, and no file")
        self._places, self.left = sort_names(names, folders)
        self.sizes = {
            name: (folder / place).stat().st_size
            for name, place in self._places.items()
        }

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading."""
        return (self._folder / self._places[name]).open("rb")

    def close(self) -> None:
        """Nothing is held."""


def _all_below(folder: Path) -> list[Path]:
    try:
        return sorted(folder.rglob("*"))
    except RecursionError:
        why = "its folders lie deeper than those of any bundle"
        raise BadRecord(shown(folder.name), why) from None


class ZipBundle:
    """A bundle as it was sent; nothing of it is written anywhere."""

    def __init__(self, path: Path) -> None:
        self._zip = _open_zip(path)
        try:
            members = self._zip.infolist()
            for member in members:
                _check_member(member)
            _check_packing(path, members)
            files = [
                member.orig_filename for member in members if not _is_folder(member)
            ]
            folders = [member.orig_filename for member in members if _is_folder(member)]
            self._places, self.left = sort_names(files, folders)
        except BadRecord:
            self._zip.close()
            raise
        self.sizes = {
            name: self._zip.getinfo(place).file_size
            for name, place in self._places.items()
        }

    def open(self, name: str) -> BinaryIO:
        """Open a member for reading; raises BadRecord."""
        try:
            return cast(BinaryIO, self._zip.open(self._places[name]))
        except _BROKEN as fault:
            raise BadRecord(name, f"it cannot be unpacked ({fault})") from None

    def close(self) -> None:
        """Close the zip file."""
        self._zip.close()


def _open_zip(path: Path) -> zipfile.ZipFile:
    try:
        with path.open("rb") as file:
            end = find_end(file)
            archive = zipfile.ZipFile(path)
            try:
                check_layout(file, archive, end)
            except _BROKEN:
                archive.close()
                raise
            return archive
    except _BROKEN as fault:
        why = f"it is no whole zip file ({fault}); ask for it again"
        raise BadRecord(shown(path.name), why) from None


def _is_folder(member: zipfile.ZipInfo) -> bool:
    return member.orig_filename.endswith("/") and not member.file_size


def _check_member(member: zipfile.ZipInfo) -> None:
    name = shown(member.orig_filename)
    if member.filename != member.orig_filename:
        raise BadRecord(name, "no bundle has a file of this name")
    kind = stat.S_IFMT(member.external_attr >> 16)
    own = stat.S_IFDIR if _is_folder(member) else stat.S_IFREG
    marked_as_folder = member.external_attr & _DOS_FOLDER and not _is_folder(member)
    if kind not in {0, own} or marked_as_folder:
        raise BadRecord(name, "it would be unpacked as a link or a device, no file")
    if is_encrypted(member):
        raise BadRecord(name, "it is encrypted; a bundle is not")
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise BadRecord(name, "it is packed in a way that only bombs need")
    if member.file_size > max(SMALL, MOST_PACKED * member.compress_size):
        claim = f"{member.compress_size:,} bytes claim to hold {member.file_size:,}"
        raise BadRecord(name, f"{claim}; no ledger packs so well")


def _check_packing(path: Path, members: list[zipfile.ZipInfo]) -> None:
    with path.open("rb") as file:
        for member in members:
            try:
                check_packed(file, member)
            except _BROKEN as fault:
                why = f"it cannot be unpacked ({fault})"
                raise BadRecord(shown(member.orig_filename), why) from None


def read_chunks(container: Container, name: str) -> Iterator[bytes]:
    """Yield a file piece by piece; raises BadRecord when it cannot be unpacked."""
    with container.open(name) as file:
        try:
            # As Python 3.7 and older read it, too: they get to say that they are old.
            yield from iter(partial(file.read, _CHUNK), b"")
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

    def parts(self, name: str) -> Iterator[bytes]:
        """Yield the lines of a file, each with its end, as many as come at once.

        A file that older bundles do not have gives none.
        """
        if name not in self._container.sizes:
            return
        rest = b""
        for chunk in read_chunks(self._container, name):
            end = chunk.rfind(b"\n") + 1
            if end:
                # A line may be long: whoever reads it is the only one to hold it.
                whole, rest = [rest + chunk[:end]], chunk[end:]
                yield whole.pop()
                continue
            rest += chunk
            if len(rest) > LONGEST_LINE:
                raise BadRecord(name, f"a line is longer than {LONGEST_LINE:,} bytes")
        if rest:
            raise BadRecord(name, "its last line has no end")
