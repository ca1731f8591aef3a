"""The lock session: one session of PostgreSQL that holds every lock of this process.

Its locks are freed by the server when the process dies. It is in autocommit, so that no
transaction is open while work is done, and threads take turns at it.
"""

from collections.abc import Callable
from hashlib import sha256
from threading import Lock
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from billing.ledger.database import as_ledger_faults

T = TypeVar("T")
_TAKE = text("SELECT pg_try_advisory_lock(:n), pg_backend_pid()")
_FREE = text("SELECT pg_advisory_unlock(:n)")
# Shared locks have two numbers, so that nobody takes them for work that is underway.
_JOIN = text("SELECT pg_try_advisory_lock_shared(:space, :n), pg_backend_pid()")
_LEAVE = text("SELECT pg_advisory_unlock_shared(:space, :n)")
_COUNT = text("""
    SELECT count(DISTINCT pid) FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND objsubid = 2
    AND classid = CAST(:space AS oid) AND objid = CAST(:n AS oid)
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
""")
_SPACE = 1_885_433_699
BACK_END = "SELECT pg_backend_pid()"


class Grant(NamedTuple):
    """Where a lock was taken: in which of our sessions, and at which back end."""

    session: int
    back_end: int


class LockSession:
    """Takes and frees locks for all threads; a session that ended is replaced."""

    def __init__(self, engine: Engine) -> None:
        """Open the session when it is first needed."""
        self._engine = engine
        self._turn = Lock()
        self._connection: Connection | None = None
        self._sessions = 0  # so many were opened
        self._checks = 0  # so many were begun
        self._present: Grant | None = None  # as the last check saw it

    def take(self, number: int) -> Grant | None:
        """Take a lock if no session holds it; raises LedgerFault."""
        with self._turn:
            ours, back_end = self._ask_for_sure(
                lambda connection: connection.execute(_TAKE, {"n": number}).one()
            )
            return Grant(self._sessions, back_end) if ours else None

    def free(self, number: int, grant: Grant) -> bool:
        """Free a lock; False when it is not there, though its session lives."""
        with self._turn:
            if grant.session != self._sessions or self._connection is None:
                return True  # the server freed it when the session ended
            freed = self._ask(
                lambda connection: connection.execute(_FREE, {"n": number}).scalar_one()
            )
            return freed is None or bool(freed)

    def holds(self, grant: Grant) -> bool:
        """Ask the session that took a lock whether it is still the same.

        One answer is everybody's who asked before it was asked for.
        """
        begun = self._checks
        with self._turn:
            if self._checks == begun:
                self._checks += 1
                back_end = self._ask(
                    lambda connection: connection.exec_driver_sql(BACK_END).scalar_one()
                )
                self._present = back_end and Grant(self._sessions, back_end)
            return self._present == grant

    def join(self, number: int) -> Grant | None:
        """Take a lock that many may share; raises LedgerFault."""
        shared = {"space": _SPACE, "n": number}
        with self._turn:
            ours, back_end = self._ask_for_sure(
                lambda connection: connection.execute(_JOIN, shared).one()
            )
            return Grant(self._sessions, back_end) if ours else None

    def leave(self, number: int, grant: Grant) -> None:
        """Free a lock that many share."""
        shared = {"space": _SPACE, "n": number}
        with self._turn:
            if grant.session == self._sessions:
                self._ask(
                    lambda connection: connection.execute(_LEAVE, shared).scalar_one()
                )

    def sharers(self, number: int, grant: Grant) -> int | None:
        """Count the sessions that share a lock; None when ours has ended."""
        shared = {"space": _SPACE, "n": number}
        with self._turn:
            if grant.session != self._sessions:
                return None
            return self._ask(
                lambda connection: int(connection.execute(_COUNT, shared).scalar_one())
            )

    def close(self) -> None:
        """End the session, and with it every lock."""
        with self._turn:
            self._end()

    def _ask_for_sure(self, ask: Callable[[Connection], Any]) -> Any:
        """Ask, in a new session where the last one has ended."""
        with as_ledger_faults(self._engine):
            if self._connection is not None:
                answer = self._ask(ask)
                if answer is not None:
                    return answer
            self._open()
            return ask(self._opened())

    def _ask(self, ask: Callable[[Connection], T]) -> T | None:
        """Ask the session; None when it has ended."""
        if self._connection is None:
            return None
        try:
            return ask(self._connection)
        except DBAPIError:
            # SQLAlchemy would go on with a new session, which holds nothing.
            self._end()
            return None

    def _open(self) -> None:
        plain = self._engine.connect()
        self._connection = plain.execution_options(isolation_level="AUTOCOMMIT")
        self._sessions += 1

    def _opened(self) -> Connection:
        if self._connection is None:
            raise RuntimeError("there is no session")
        return self._connection

    def _end(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            # Nothing of it goes back into the pool: it may still hold what we took.
            connection.invalidate()
            connection.close()


def lock_number(subject: str) -> int:
    """Return the number that PostgreSQL knows a subject by."""
    digest = sha256(subject.encode()).digest()[:8]
    return int.from_bytes(digest, "big", signed=True)


def share_number(subject: str) -> int:
    """Return the number of a subject that many share."""
    return int.from_bytes(sha256(subject.encode()).digest()[:4], "big") >> 1
