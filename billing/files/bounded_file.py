"""A file that others wrote, read within a bound: a pipe or a device never is."""

import errno
import os
import stat
from pathlib import Path


def read_bounded(path: Path, most_bytes: int) -> bytes:
    """Read a regular file of so many bytes at most; raises OSError."""
    with open(path, "rb", opener=_without_waiting) as file:  # a Path takes no opener
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise OSError(errno.EFBIG, f"it has more than {most_bytes:,} bytes")
    return content


def _without_waiting(path: str, flags: int) -> int:
    # To open a pipe would last until somebody writes to it.
    return os.open(path, flags | os.O_NONBLOCK)
