"""Zip files that show two readers different files: the bundle itself is not altered."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

from tests.tamper.zip_by_hand import (
    LARGE,
    SIZES_FOLLOW,
    End,
    by_hand,
    members_of,
)

_END_SIZE, _COUNT_AT = 22, 10


def comment(raw: bytes) -> bytes:
    """Let the zip file end with a comment, which could hold another end."""
    return raw[:-2] + struct.pack("<H", 4) + b"more"


def beginning(raw: bytes) -> bytes:
    """Put something before the first file."""
    return b"#!/bin/sh\n" + raw


def local_name(raw: bytes) -> bytes:
    """Name a file otherwise where it stands than in the list at the end."""
    return raw.replace(b"manifest.json", b"manifest.JSON", 1)


def hidden_file(raw: bytes) -> bytes:
    """Put a file before the others that the list at the end does not name."""
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(raw)) as original,
        zipfile.ZipFile(stream, "w") as bundle,
    ):
        bundle.writestr("hidden", b"text")
        for name in original.namelist():
            bundle.writestr(name, original.read(name))
        bundle.filelist = [m for m in bundle.filelist if m.filename != "hidden"]
    return stream.getvalue()


def count(raw: bytes) -> bytes:
    """Say another number of files than the list has."""
    at = len(raw) - _END_SIZE + _COUNT_AT
    return raw[:at] + struct.pack("<H", 3) + raw[at + 2 :]


def another_end(raw: bytes) -> bytes:
    """Let a second zip file follow, which readers that look at the end would take."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as bundle:
        bundle.writestr("other", b"text")
    return raw + stream.getvalue()


def _first(**otherwise: Any) -> Callable[[bytes], bytes]:
    """Return what makes the first file of a zip file another than it seems."""

    def alter(raw: bytes) -> bytes:
        first, *rest = members_of(raw)
        return by_hand([first._replace(**otherwise), *rest])

    return alter


def _end(end: End) -> Callable[[bytes], bytes]:
    """Return what ends a zip file otherwise than it should."""
    return lambda raw: by_hand(members_of(raw), end)


def another_name(raw: bytes) -> bytes:
    """Give a file a second name, which some readers prefer."""
    first, *rest = members_of(raw)
    name = b"\x01" + struct.pack("<L", zlib.crc32(first.name)) + rest[0].name
    extra = struct.pack("<2H", 0x7075, len(name)) + name
    return by_hand([first._replace(extra_here=extra, extra_in_list=extra), *rest])


_OTHER_LARGE_SIZES = struct.pack("<2H2Q", 1, 16, 5, 5)
_OTHER_SIZES_AFTER = b"PK\x07\x08" + struct.pack("<3L", 1, 2, 3)
ZIP_TRICKS: dict[str, Callable[[bytes], bytes]] = {
    "zip: a comment": comment,
    "zip: something before it": beginning,
    "zip: another name where a file stands": local_name,
    "zip: a file that the list leaves out": hidden_file,
    "zip: another number of files": count,
    "zip: a second one after it": another_end,
    "zip: a second name": another_name,
    "zip: other sizes where a file stands": _first(
        sizes_here=(0, LARGE, LARGE),
        extra_here=_OTHER_LARGE_SIZES,
        flags=SIZES_FOLLOW,
    ),
    "zip: large sizes that nothing says": _first(
        sizes_here=(0, LARGE, LARGE), flags=SIZES_FOLLOW
    ),
    "zip: other sizes after a file": _first(
        flags=SIZES_FOLLOW, sizes_here=(0, 0, 0), following=_OTHER_SIZES_AFTER
    ),
    "zip: words after a file": _first(
        flags=SIZES_FOLLOW, sizes_here=(0, 0, 0), following=b"twelve bytes"
    ),
    "zip: all places moved": _end(End(shift=46)),
    "zip: one of several": _end(End(disk=7)),
    "zip: fewer files in this part": _end(End(fewer_here=1)),
    "zip: the list in two places": _end(End(records=True, says_large=False)),
    "zip: the large list elsewhere": _end(End(records=True, records_shift=-99)),
}
