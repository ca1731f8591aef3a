"""The layout of a zip file: every reader has to see the same files in it."""

import struct
import zipfile
from typing import BinaryIO, NamedTuple

_END_OF_DIRECTORY = b"PK\x05\x06"
_ZIP_END, _LOCAL = struct.Struct("<4s4H2LH"), struct.Struct("<4s5H3L2H")
_TAIL = _ZIP_END.size + 65_535
# Larger sizes stand in records of their own, which stand between the list and the end.
_LARGE, _MANY, _LARGE_RECORDS = 0xFFFF_FFFF, 0xFFFF, 56 + 20
_ENCRYPTED, _SIZES_FOLLOW = 0x1 | 0x40, 0x8
_SIZES_AFTER = frozenset({12, 16, 20, 24})  # bytes, with or without a signature
_LARGEST_DIRECTORY = 2**20


class DirectoryEnd(NamedTuple):
    """The last record of a zip file: where it stands, and what it says of the list."""

    at: int
    members: int
    size: int


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
    _, _, _, _, members, size, _, comment = _ZIP_END.unpack_from(tail, place)
    if comment or len(tail) - place != _ZIP_END.size:
        raise zipfile.BadZipFile("something follows its end")
    if size > _LARGEST_DIRECTORY and size != _LARGE:
        raise zipfile.BadZipFile("its list of files is far too long")
    return DirectoryEnd(length - _ZIP_END.size, members, size)


def check_layout(file: BinaryIO, archive: zipfile.ZipFile, end: DirectoryEnd) -> None:
    """Check that files follow one another, and are named alike where they stand.

    Some readers go from file to file, others by the list at the end.
    """
    members = sorted(archive.infolist(), key=lambda member: member.header_offset)
    if end.members not in {len(members), _MANY}:
        raise zipfile.BadZipFile("its list has another number of files than it says")
    starts = [*(member.header_offset for member in members), archive.start_dir]
    if starts[0] != 0:
        raise zipfile.BadZipFile("there is something before its files")
    for member, following in zip(members, starts[1:], strict=True):
        gap = following - _check_local(file, member)
        if gap not in (_SIZES_AFTER if member.flag_bits & _SIZES_FOLLOW else {0}):
            raise zipfile.BadZipFile("there is something between its files")
    if end.size != _LARGE:
        between = end.at - (archive.start_dir + end.size)
        if between not in {0, _LARGE_RECORDS}:
            raise zipfile.BadZipFile("there is something before its end")


def _check_local(file: BinaryIO, member: zipfile.ZipInfo) -> int:
    """Compare a file's own heading with the list; returns where its data ends."""
    file.seek(member.header_offset)
    raw = file.read(_LOCAL.size)
    if len(raw) < _LOCAL.size:
        raise zipfile.BadZipFile("a heading is cut off")
    heading = _LOCAL.unpack(raw)
    _, _, flags, method, _, _, crc, packed, size, name_length, more = heading
    name = file.read(name_length)
    sizes_are_there = not flags & _SIZES_FOLLOW
    same = (
        name == _raw_name(member)
        and flags == member.flag_bits
        and method == member.compress_type
        and (not sizes_are_there or crc == member.CRC)
        and (not sizes_are_there or packed in {member.compress_size, _LARGE})
        and (not sizes_are_there or size in {member.file_size, _LARGE})
    )
    if not same:
        raise zipfile.BadZipFile("a file is named in two ways")
    heading_size = _LOCAL.size + len(name) + int(more)
    return member.header_offset + heading_size + member.compress_size


def _raw_name(member: zipfile.ZipInfo) -> bytes:
    utf8 = member.flag_bits & 0x800
    return member.orig_filename.encode("utf-8" if utf8 else "cp437")


def is_encrypted(member: zipfile.ZipInfo) -> bool:
    """Say whether a file can only be read with a password."""
    return bool(member.flag_bits & _ENCRYPTED)
