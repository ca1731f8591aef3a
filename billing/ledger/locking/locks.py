"""Who works on what: locks that die with their holder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from sqlalchemy import Engine

from billing.errors import AnotherProcess, LedgerFault
from billing.ledger.database import Hold, Ledger, Locks
from billing.ledger.locking.session import Grant, LockSession, lock_number
from billing.ledger.sqlite_files import OWNER_ONLY

_MAKING = Lock()


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
    with locks_of(ledger).hold(subject) as hold:
        yield hold


def locks_of(ledger: Ledger) -> Locks:
    """Return the locks of a ledger, which are the database's own unless others are."""
    with _MAKING:
        if ledger.locks is None:
            ledger.locks = FileLocks() if ledger.on_sqlite else _advisory(ledger)
        return ledger.locks


def _advisory(ledger: Ledger) -> "AdvisoryLocks":
    locks = AdvisoryLocks(ledger.engine)
    ledger.at_close.append(locks.session.close)
    return locks


class _Subjects:
    """What threads of this process hold: each subject is one thread's at a time."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._held: set[str] = set()

    @contextmanager
    def taken(self, subject: str) -> Iterator[bool]:
        """Take a subject, if no other thread has it."""
        with self._guard:
            is_free = subject not in self._held
            self._held.add(subject)
        try:
            yield is_free
        finally:
            if is_free:
                with self._guard:
                    self._held.discard(subject)


class FileLocks:
    """On SQLite one process holds the file, and its threads divide what is in it."""

    def __init__(self) -> None:
        self._subjects = _Subjects()

    @contextmanager
    def hold(self, subject: str) -> Iterator[Hold | None]:
        """Hold a subject, if no other thread does."""
        with self._subjects.taken(subject) as is_ours:
            yield self if is_ours else None

    def still_held(self) -> bool:
        """Say yes: the system frees the file only when the process ends."""
        return True


class AdvisoryLocks:
    """PostgreSQL's session-level advisory locks, all of them held by one session."""

    def __init__(self, engine: Engine) -> None:
        self.session = LockSession(engine)
        # A session takes a lock as often as it asks for it, so threads divide it here.
        self._subjects = _Subjects()

    @contextmanager
    def hold(self, subject: str) -> Iterator[Hold | None]:
        """Take the lock if it is free; raises LedgerFault."""
        number = lock_number(subject)
        with self._subjects.taken(subject) as is_ours:
            grant = self.session.take(number) if is_ours else None
            if grant is None:
                yield None
                return
            try:
                yield _SessionHold(self.session, grant)
            finally:
                freed = self.session.free(number, grant)
            if not freed:
                raise LedgerFault(
                    f"the lock on {subject} was not held to its end: its session met "
                    "another back end of the server; connect to the server itself, or "
                    "set the pooler to session mode"
                )


@dataclass(slots=True)
class _SessionHold:
    """A lock of a session: it is held while the session lives."""

    session: LockSession
    grant: Grant
    lost: bool = False

    def still_held(self) -> bool:
        """Ask whether the session is still the one that took it."""
        self.lost = self.lost or not self.session.holds(self.grant)
        return not self.lost
