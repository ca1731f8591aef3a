"""A copier: `db copy` in a process of its own, which dies at the nth of its steps.

A step is a statement, a part of a COPY, a commit, or a change of a file's name. With no
step to die at, it tells each one that it took.
"""

import os
import signal
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Engine, event
from sqlalchemy.engine.default import DefaultDialect

from billing.cli import main
from billing.ledger.move import targets

NAMES = 40
# What `db copy` loads only when it is called.
LOADED_LATE = ("billing.commands.integrity.db_copy", "alembic.command")


class Steps:
    """Counts the steps, and ends its own process at the nth."""

    def __init__(self, last: int) -> None:
        self._last = last
        self.taken: list[str] = []

    def take(self, name: str) -> None:
        """Take a step, or die before it."""
        self.taken.append(" ".join(name.split())[:NAMES])
        if len(self.taken) == self._last:
            os.kill(os.getpid(), signal.SIGKILL)


def watch(steps: Steps) -> None:
    """See every step that a copy takes."""

    @event.listens_for(Engine, "before_cursor_execute")
    def execute(_connection: object, _cursor: object, statement: str, *_: Any) -> None:
        steps.take(statement)

    _before(DefaultDialect, "do_commit", lambda *_: steps.take("commit"))
    _before(psycopg.Cursor, "copy", lambda _self, statement, *_: steps.take(statement))
    _before(psycopg.Copy, "write", lambda *_: steps.take("rows"))
    for name in ("hardlink_to", "replace", "unlink"):
        _before(Path, name, lambda *_, name=name: steps.take(f"file: {name}"))
    _before(targets, "split_rows", lambda *_: steps.take("rows"))


def _before(owner: Any, name: str, hook: Callable[..., None]) -> None:
    method = getattr(owner, name)

    def hooked(*args: Any, **named: Any) -> Any:
        hook(*args)
        return method(*args, **named)

    setattr(owner, name, hooked)


def copy(settings: str, url: str, last: int, told: Connection) -> None:
    """Copy the ledger of the settings, up to a step; with 0, to the end."""
    steps = Steps(last)
    watch(steps)
    with redirect_stdout(StringIO()):
        try:
            main(["db", "copy", "--to", url, "--json", "--settings", settings])
        finally:
            told.send(steps.taken)
