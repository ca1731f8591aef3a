"""A SQLite ledger's file: opened to be written where it may be, else to be read."""

import os
import sqlite3
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, event

from billing.errors import LedgerFault

OWNER_ONLY = 0o600
# SQLite rows are immutable under REPLACE only when deletes by REPLACE fire triggers.
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA recursive_triggers = ON",
    # What is erased is overwritten, and not only taken out of sight.
    "PRAGMA secure_delete = ON",
)
_TRIES = 3  # a writer that starts or ends meanwhile makes or removes its log
_STATE = "state of a file that nobody was writing"


def set_up_files(engine: Engine) -> None:
    """Have each connection of an engine write if it may, and otherwise read."""

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Any, record: Any, args: Any, named: Any) -> sqlite3.Connection:
        file = Path(args[0])
        if may_write(file):
            with suppress(OSError):  # it is there, or cannot be: SQLite says why
                os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, OWNER_ONLY))
            connection: sqlite3.Connection = dialect.connect(*args, **named)
            pragmas: tuple[str, ...] = _PRAGMAS
        else:
            connection = _open_to_read(file, dialect, record, named)
            pragmas = ()
        # SQLAlchemy's hooks decide when a transaction begins, not the driver.
        connection.isolation_level = None
        with ExitStack() as if_unfit:
            if_unfit.callback(connection.close)
            for pragma in pragmas:
                connection.execute(pragma)
            if_unfit.pop_all()
        return connection


def may_write(file: Path) -> bool:
    """Say whether a ledger could be written: its file, and the log beside it."""
    if not file.exists():
        return True
    logs = [Path(f"{file}-wal"), Path(f"{file}-shm")]
    return _writable(file) and (_writable(file.parent) or all(map(_writable, logs)))


def refuse_changed(connection: Connection) -> None:
    """Refuse what was read of a file as unchanging that changed; raises LedgerFault."""
    state = connection.info.get(_STATE)
    file = Path(str(connection.engine.url.database))
    if state is not None and state != _state_of(file):
        raise LedgerFault(f"the ledger {file} was written meanwhile; run again")


def _open_to_read(
    file: Path, dialect: Any, record: Any, named: Any
) -> sqlite3.Connection:
    address = f"file:{quote(str(file.absolute()))}?mode=ro"
    for tries_left in reversed(range(_TRIES)):
        try:
            return _probed(dialect, address, named)
        except sqlite3.OperationalError:
            # Without a log nobody writes; and SQLite, which must have one to share a
            # file, cannot make it here.
            state = _state_of(file)
            if not state[-1] and not _writable(file.parent):
                record.info[_STATE] = state
                return _probed(dialect, f"{address}&immutable=1", named)
            if not tries_left:
                raise
    raise AssertionError


def _probed(dialect: Any, address: str, named: Any) -> sqlite3.Connection:
    with ExitStack() as if_unfit:
        connection: sqlite3.Connection = dialect.connect(address, uri=True, **named)
        if_unfit.callback(connection.close)
        connection.execute("SELECT count(*) FROM sqlite_schema")
        if_unfit.pop_all()
    return connection


def _state_of(file: Path) -> tuple[int, int, int]:
    """Return when a file was changed, how long it is, and how long its log is."""
    state = file.stat()
    try:
        log = Path(f"{file}-wal").stat().st_size
    except FileNotFoundError:
        log = 0
    return state.st_mtime_ns, state.st_size, log


def _writable(path: Path) -> bool:
    by_effect = os.access in os.supports_effective_ids
    return os.access(path, os.W_OK, effective_ids=by_effect)
