"""Zip files made by hand, so that any of their fields can be a lie."""

import io
import struct
import zipfile
import zlib
from collections.abc import Sequence
from typing import NamedTuple

LARGE, SIZES_FOLLOW = 0xFFFF_FFFF, 0x8
_FILE, _LONG_AGO = 0o100644 << 16, (0, 33)


class Member(NamedTuple):
    """A file in a zip file, packed; what is said of it is true unless it is set."""

    name: bytes
    content: bytes
    flags: int = 0
    after_packing: bytes = b""
    sizes_here: tuple[int, int, int] | None = None
    extra_here: bytes = b""
    extra_in_list: bytes = b""
    following: bytes = b""
    mode: int = _FILE
    stored: bool = False

    @property
    def packing(self) -> bytes:
        """What stands in the zip file for the content."""
        if self.stored:
            return self.content + self.after_packing
        deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        return deflate.compress(self.content) + deflate.flush() + self.after_packing

    @property
    def sizes(self) -> tuple[int, int, int]:
        """The checksum and both sizes, as they are."""
        return zlib.crc32(self.content), len(self.packing), len(self.content)

    @property
    def _method(self) -> int:
        return zipfile.ZIP_STORED if self.stored else zipfile.ZIP_DEFLATED

    def here(self) -> bytes:
        """Return the file as it stands in the zip file."""
        sizes = self.sizes if self.sizes_here is None else self.sizes_here
        lengths = len(self.name), len(self.extra_here)
        parts = 20, self.flags, self._method, *_LONG_AGO, *sizes, *lengths
        heading = struct.pack("<4s5H3L2H", b"PK\3\4", *parts)
        return heading + self.name + self.extra_here + self.packing + self.following

    def in_list(self, place: int) -> bytes:
        """Return what the list says of the file."""
        lengths = len(self.name), len(self.extra_in_list), 0
        first = 3 << 8 | 20, 20, self.flags, self._method, *_LONG_AGO
        rest = *self.sizes, *lengths, 0, 0, self.mode, place
        entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", *first, *rest)
        return entry + self.name + self.extra_in_list


class End(NamedTuple):
    """What is said at the end of a zip file of its list, as far as it is not true."""

    shift: int = 0
    disk: int = 0
    fewer_here: int = 0
    records: bool = False
    says_large: bool = True
    records_shift: int = 0


def by_hand(members: Sequence[Member], end: End = End()) -> bytes:  # noqa: B008 # frozen
    """Return a zip file of these files."""
    files, listed = b"", b""
    for member in members:
        listed += member.in_list(len(files) + end.shift)
        files += member.here()
    count, size, start = len(members), len(listed), len(files) + end.shift
    here, records = count - end.fewer_here, b""
    if end.records:
        place = len(files) + size + end.records_shift
        numbers = 44, 45, 45, 0, 0, count, count, size, len(files)
        records = struct.pack("<4sQ2H2L4Q", b"PK\6\6", *numbers)
        records += struct.pack("<4sLQL", b"PK\6\7", 0, place, 1)
        size, start = (LARGE, LARGE) if end.says_large else (size, 7)
    last = end.disk, end.disk, here, count, size, start, 0
    return files + listed + records + struct.pack("<4s4H2LH", b"PK\5\6", *last)


def members_of(raw: bytes) -> list[Member]:
    """Return the files of a zip file, to be packed by hand."""
    with zipfile.ZipFile(io.BytesIO(raw)) as bundle:
        return [
            Member(name=name.encode(), content=bundle.read(name))
            for name in bundle.namelist()
        ]
