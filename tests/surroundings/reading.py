"""Who may only read: files whose modes bite, also where the tests run as root."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.postgres import base_folder, unprivileged_user


@contextmanager
def open_folder() -> Iterator[Path]:
    """Give a folder that any user can reach."""
    with tempfile.TemporaryDirectory(dir=base_folder(in_memory=False)) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755)


@contextmanager
def as_reader() -> Iterator[None]:
    """Be nobody special in the block: root may write whatever the modes say."""
    user = unprivileged_user()
    if user is None:
        yield
        return
    ours = os.geteuid(), os.getegid()
    os.setegid(user.pw_gid)
    os.seteuid(user.pw_uid)
    try:
        yield
    finally:
        os.seteuid(ours[0])
        os.setegid(ours[1])


def let_read(folder: Path) -> None:
    """Let everybody read a folder, and nobody write in it; private files stay so."""
    for path in folder.rglob("*"):
        private = path.suffix in {".key", ".trail"}
        path.chmod(0o555 if path.is_dir() else 0o600 if private else 0o444)
    folder.chmod(0o555)
