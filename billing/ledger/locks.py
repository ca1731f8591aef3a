"""Who works on what: locks that die with their holder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from billing.errors import AnotherProcess, LedgerFault
from billing.ledger.database import Hold, Ledger, Locks, as_ledger_faults
from billing.ledger.sqlite_files import OWNER_ONLY


@contextmanager
def exclusive_process(ledger: Ledger) -> Iterator[None]:
    """Hold a SQLite ledger for this process; raises AnotherProcess.

    PostgreSQL needs no such lock: there, work is divided by `try_lock`.
    """
    if ledger.file is None:
        yield
        return
    path = Path(f"{ledger.file}.lock")
    with open(path, "a", opener=_private) as handle:  # Path.open has none
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AnotherProcess(str(path)) from None
        yield


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, OWNER_ONLY)


@contextmanager
def try_lock(ledger: Ledger, subject: str) -> Iterator[Hold | None]:
    """Hold a subject, such as a customer, over all daemons; None when another does."""
    by_default: Locks = _HeldByFile() if ledger.on_sqlite else _Advisory(ledger)
    locks = ledger.locks or by_default
    with locks.hold(subject) as hold:
        yield hold


class _HeldByFile:
    """On SQLite one process holds the file, and so everything in it."""

    @contextmanager
    def hold(self, subject: str) -> Iterator[Hold | None]:
        """Hold what the process holds already."""
        yield self

    def still_held(self) -> bool:
        """Say yes: the system frees the file only when the process ends."""
        return True


class _Advisory:
    """PostgreSQL's session-level advisory locks: freed when the holder dies.

    Each keeps a connection of its own, in autocommit, so no transaction is open
    meanwhile.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @contextmanager
    def hold(self, subject: str) -> Iterator[Hold | None]:
        """Take the lock if it is free."""
        digest = sha256(subject.encode()).digest()[:8]
        name = int.from_bytes(digest, "big", signed=True)
        engine = self._ledger.engine
        with as_ledger_faults(engine), engine.connect() as plain:
            connection = plain.execution_options(isolation_level="AUTOCOMMIT")
            query = text("SELECT pg_try_advisory_lock(:n), pg_backend_pid()")
            ours, back_end = connection.execute(query, {"n": name}).one()
            if not ours:
                yield None
                return
            hold = _SessionHold(connection, back_end)
            try:
                yield hold
            finally:
                freed = hold.release(name)
            if not freed:
                raise LedgerFault(
                    f"the lock on {subject} was not held to its end: its session met "
                    "another back end of the server; connect to the server itself, or "
                    "set the pooler to session mode"
                )


class _SessionHold:
    """A lock of a session: it is held while the session lives."""

    def __init__(self, connection: Connection, back_end: int) -> None:
        self._connection = connection
        self._back_end = back_end
        self._ended = False

    def still_held(self) -> bool:
        """Ask the session that took the lock whether it is still the same."""
        return self._asked() == self._back_end

    def release(self, name: int) -> bool:
        """Free the lock; False when it is not there, though its session lives."""
        if self._asked() is None:
            return True  # the server freed it when the session ended
        unlock = text("SELECT pg_advisory_unlock(:n)")
        return bool(self._connection.execute(unlock, {"n": name}).scalar_one())

    def _asked(self) -> int | None:
        # SQLAlchemy would go on with a new session, which holds nothing.
        if self._ended:
            return None
        try:
            query = "SELECT pg_backend_pid()"
            number: int = self._connection.exec_driver_sql(query).scalar_one()
        except DBAPIError:
            self._ended = True
            return None
        return number
