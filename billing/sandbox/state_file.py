"""The sandbox's state file: read at the start, written whole or not at all."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from billing.files.atomic_file import replace_file
from billing.sandbox.world import Sandbox

SAVE_EVERY_SECONDS = 3.0


def load_state(path: Path) -> dict[str, Any] | None:
    """Return what was saved, or None when nothing was; ValueError for another file."""
    if not path.exists():
        return None
    saved = orjson.loads(path.read_bytes())
    if not isinstance(saved, dict):
        raise ValueError(f"{path} is not the state of a sandbox")
    return saved


def save_state(sandbox: Sandbox, path: Path) -> None:
    """Write the state, whole or not at all."""
    replace_file(path, orjson.dumps(sandbox.to_state()))


@contextmanager
def kept_in(
    sandbox: Sandbox, path: Path, *, every: float = SAVE_EVERY_SECONDS
) -> Iterator[None]:
    """Save every few seconds while there is something new, and once at the end."""
    stop = threading.Event()

    def keep() -> None:
        saved = None
        while not stop.wait(every):
            version = sandbox.version()
            if version != saved:
                save_state(sandbox, path)
                saved = version

    thread = threading.Thread(target=keep, name="sandbox-state", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        save_state(sandbox, path)
