"""Zip files that show two readers different files: the bundle itself is not altered."""

import io
import struct
import zipfile
from collections.abc import Callable

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


ZIP_TRICKS: dict[str, Callable[[bytes], bytes]] = {
    "zip: a comment": comment,
    "zip: something before it": beginning,
    "zip: another name where a file stands": local_name,
    "zip: a file that the list leaves out": hidden_file,
    "zip: another number of files": count,
    "zip: a second one after it": another_end,
}
