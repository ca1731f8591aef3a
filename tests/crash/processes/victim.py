"""A victim: the real command line in a process of its own that may be made to die."""

import os
import signal
import sqlite3
import sys
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Engine, event

from billing.cli import main
from tests.crash.processes.hooks import (
    Striker,
    watch_database,
    watch_source,
    watch_wire,
)


@dataclass(frozen=True)
class Life:
    """What a victim is to do, and when it is to be struck."""

    command: str
    settings: str
    ledger_url: str
    output: str
    point: str | None = None
    nth: int = 1
    sign: int = signal.SIGKILL
    most_pages: int | None = None
    busy_milliseconds: int | None = None


def run(life: Life) -> int:
    """Run the command as a person would; return its exit code."""
    os.environ["PAMELA_BILLING_LEDGER__URL"] = life.ledger_url
    # Each ledger is remembered by itself, as if it had settings of its own.
    memory = f"{sha256(life.ledger_url.encode()).hexdigest()[:16]}.trail"
    os.environ["PAMELA_BILLING_AUDIT__MEMORY"] = memory
    try:
        main([*life.command.split(), "--json", "--settings", life.settings])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


def live(life: Life) -> None:
    """Run the command; ends the process, by its own exit code or by the strike."""
    output = os.open(life.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for stream in (1, 2):
        os.dup2(output, stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    _confine(life)
    if life.point is not None:
        striker = Striker(life.point, life.nth, signal.Signals(life.sign))
        watch_database(striker)
        watch_wire(striker)
        watch_source(striker)
    code = 1
    try:
        code = run(life)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _confine(life: Life) -> None:
    """Give a SQLite file so many pages at most, and locks so much patience."""
    pragmas = {
        "max_page_count": life.most_pages,
        "busy_timeout": life.busy_milliseconds,
    }

    def connected(connection: sqlite3.Connection, _record: object) -> None:
        for name, value in pragmas.items():
            if value is not None:
                connection.execute(f"PRAGMA {name} = {value}")

    if any(value is not None for value in pragmas.values()):
        event.listen(Engine, "connect", connected)
