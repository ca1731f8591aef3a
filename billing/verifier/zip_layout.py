"""The layout of a zip file: every reader has to see the same files in it."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

_END_OF_DIRECTORY = b"PK\x05\x06"
_ZIP_END, _LOCAL = struct.Struct("<4s4H2LH"), struct.Struct("<4s5H3L2H")
_TAIL = _ZIP_END.size + 65_535
# Larger numbers stand in two records of their own, between the list and the end.
_LARGE_END, _LARGE_PLACE = struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")
_LARGE_RECORDS = _LARGE_END.size + _LARGE_PLACE.size
_LARGE, _MANY = 0xFFFF_FFFF, 0xFFFF
_ENCRYPTED, _SIZES_FOLLOW = 0x1 | 0x40, 0x8
_LONGEST_SIZES_AFTER = 24
_EXTRA, _LARGE_SIZES, _ANOTHER_NAME = struct.Struct("<2H"), 0x0001, 0x7075
_LARGEST_DIRECTORY, _PIECE = 2**20, 2**14


class DirectoryEnd(NamedTuple):
    """The last record of a zip file: where it stands, and what it says of the list."""

    at: int
    members: int
    size: int
    start: int


def find_end(file: BinaryIO) -> DirectoryEnd:
    """Return the end of the list of files, before anything reads the list.

    Raises BadZipFile, as all of these do. A comment could hold another end.
    """
    length = file.seek(0, 2)
    file.seek(max(length - _TAIL, 0))
    tail = file.read(_TAIL)
    place = tail.rfind(_END_OF_DIRECTORY)
    if place < 0 or len(tail) - place < _ZIP_END.size:
        raise zipfile.BadZipFile("its end is missing")
    fields = _ZIP_END.unpack_from(tail, place)
    _, disk, first_disk, here, members, size, start, comment = fields
    if comment or len(tail) - place != _ZIP_END.size:
        raise zipfile.BadZipFile("something follows its end")
    if size > _LARGEST_DIRECTORY and size != _LARGE:
        raise zipfile.BadZipFile("its list of files is far too long")
    if not {disk, first_disk} <= {0, _MANY} or here != members:
        raise zipfile.BadZipFile("it is one of several parts")
    return DirectoryEnd(length - _ZIP_END.size, members, size, start)


def check_layout(file: BinaryIO, archive: zipfile.ZipFile, end: DirectoryEnd) -> None:
    """Check that files follow one another, and are named alike where they stand.

    Some readers go from file to file, others by the list at the end.
    """
    members = sorted(archive.infolist(), key=lambda member: member.header_offset)
    _check_end(file, end, len(members), archive.start_dir)
    starts = [*(member.header_offset for member in members), archive.start_dir]
    if starts[0] != 0:
        raise zipfile.BadZipFile("there is something before its files")
    for member, following in zip(members, starts[1:], strict=True):
        file.seek(_check_local(file, member))
        gap = following - file.tell()
        if not 0 <= gap <= _LONGEST_SIZES_AFTER or file.read(gap) not in _after(member):
            raise zipfile.BadZipFile("there is something between its files")


def _check_end(file: BinaryIO, end: DirectoryEnd, members: int, start: int) -> None:
    """Check that whatever says where the list is says the same."""
    file.seek(max(end.at - _LARGE_RECORDS, 0))
    records = file.read(_LARGE_RECORDS)
    last = records[_LARGE_END.size :]
    has_records = last.startswith(b"PK\x06\x07")
    size = end.at - start - (_LARGE_RECORDS if has_records else 0)
    at = end.at - _LARGE_RECORDS
    if has_records and _LARGE_PLACE.unpack(last)[1:] != (0, at, 1):
        raise zipfile.BadZipFile("its list is said to be in two places")
    if has_records:
        signature, length, _, _, *said = _LARGE_END.unpack_from(records)
        whole = signature == b"PK\x06\x06" and length == _LARGE_END.size - 12
        if not whole or said != [0, 0, members, members, size, start]:
            raise zipfile.BadZipFile("its list is said to be in two places")
    if end.members not in {members, *([_MANY] if has_records else [])}:
        raise zipfile.BadZipFile("its list has another number of files than it says")
    large = {_LARGE} if has_records else set()
    if end.size not in {size} | large or end.start not in {start} | large:
        raise zipfile.BadZipFile("there is something before its end")


def _after(member: zipfile.ZipInfo) -> set[bytes]:
    """Return what may follow a file: nothing, or its sizes once more."""
    if not member.flag_bits & _SIZES_FOLLOW:
        return {b""}
    sizes = member.CRC, member.compress_size, member.file_size
    forms = ["<L2Q", "<3L"] if max(sizes) <= _LARGE else ["<L2Q"]
    said = {struct.pack(form, *sizes) for form in forms}
    return said | {b"PK\x07\x08" + each for each in said}


def _check_local(file: BinaryIO, member: zipfile.ZipInfo) -> int:
    """Compare a file's own heading with the list; returns where its data ends."""
    file.seek(member.header_offset)
    raw = file.read(_LOCAL.size)
    if len(raw) < _LOCAL.size:
        raise zipfile.BadZipFile("a heading is cut off")
    heading = _LOCAL.unpack(raw)
    _, _, flags, method, _, _, crc, packed, size, name_length, more = heading
    name = file.read(name_length)
    extras = dict(_extras(file.read(more)))
    names = extras.keys() | dict(_extras(member.extra)).keys()
    # Where sizes follow, there may be none here.
    unsaid = {0} if flags & _SIZES_FOLLOW else set()
    large = iter(struct.iter_unpack("<Q", extras.get(_LARGE_SIZES, b"")[:16]))
    sizes = [
        next(large, (said,))[0] if said == _LARGE else said for said in (size, packed)
    ]
    same = (
        name == _raw_name(member)
        and _ANOTHER_NAME not in names
        and flags == member.flag_bits
        and method == member.compress_type
        and crc in {member.CRC} | unsaid
        and sizes[0] in {member.file_size} | unsaid
        and sizes[1] in {member.compress_size} | unsaid
    )
    if not same:
        raise zipfile.BadZipFile("a file is named in two ways")
    heading_size = _LOCAL.size + len(name) + int(more)
    return member.header_offset + heading_size + member.compress_size


def _extras(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the parts of what else is said of a file: (kind, content)."""
    seen = set()
    while raw:
        kind, size = _EXTRA.unpack_from(raw)
        content, rest = raw[_EXTRA.size :][:size], raw[_EXTRA.size + size :]
        if len(content) < size or kind in seen:
            raise zipfile.BadZipFile("a file is described in two ways")
        seen.add(kind)
        yield kind, content
        raw = rest


def check_packed(file: BinaryIO, member: zipfile.ZipInfo) -> None:
    """Check that a file's packing ends where the list says, and not before.

    Readers that go from file to file look for the next one where the packing ends.
    """
    if member.compress_type == zipfile.ZIP_STORED or not member.compress_size:
        if member.compress_size != member.file_size:
            raise zipfile.BadZipFile("it has another size than the list says")
        return
    file.seek(member.header_offset + _LOCAL.size - 4)
    lengths = struct.unpack("<2H", file.read(4))
    file.seek(sum(lengths), 1)
    left, size, inflate = member.compress_size, 0, zlib.decompressobj(-zlib.MAX_WBITS)
    while left and not inflate.eof and size <= member.file_size:
        packed = file.read(min(left, _PIECE))
        left -= len(packed)
        size += len(inflate.decompress(packed))
    is_whole = inflate.eof and not left and not inflate.unused_data
    if not is_whole or size != member.file_size:
        raise zipfile.BadZipFile("its packing ends elsewhere than the list says")


def _raw_name(member: zipfile.ZipInfo) -> bytes:
    utf8 = member.flag_bits & 0x800
    return member.orig_filename.encode("utf-8" if utf8 else "cp437")


def is_encrypted(member: zipfile.ZipInfo) -> bool:
    """Say whether a file can only be read with a password."""
    return bool(member.flag_bits & _ENCRYPTED)
