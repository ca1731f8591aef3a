"""Sessions: the database server's own locks, and a pooler that exchanges back ends."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import URL, Dialect, Engine, make_url
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.exc import OperationalError

from billing.ledger.database import Hold
from billing.ledger.locking.locks import AdvisoryLocks
from billing.ledger.locking.session import lock_number
from tests.simulation.trace import Violation
from tests.simulation.world.catalogue import Fault
from tests.simulation.world.machine import Machine

URL_OF_SERVER = make_url("postgresql://server/ledger")
DIALECT: Dialect = sqlite_dialect(dbapi=sqlite3)


class ServerLocks:
    """The product's way to lock on a server, on a server that is played here."""

    def __init__(self, machine: Machine) -> None:
        self._subjects: dict[int, str] = {}
        engine = cast("Engine", _Engine(machine, self._subjects))
        self._locks = AdvisoryLocks(engine)

    @contextmanager
    def hold(self, subject: str) -> Iterator[Hold | None]:
        """Hold a subject over the process's session; None when another holds it."""
        self._subjects[lock_number(subject)] = subject
        with self._locks.hold(subject) as hold:
            yield hold


@dataclass(frozen=True, slots=True)
class _Engine:
    machine: Machine
    subjects: Mapping[int, str]
    url: URL = URL_OF_SERVER
    dialect: Dialect = DIALECT

    def connect(self) -> "_Session":
        return _Session(self.machine, self.subjects)


class _Session:
    """One session: it goes on at another back end when the pooler has it so."""

    def __init__(self, machine: Machine, subjects: Mapping[int, str]) -> None:
        self._machine = machine
        self._subjects = subjects
        self._back_end = 1
        self._held: dict[str, int] = {}  # at which back end each was taken

    def execution_options(self, **_options: object) -> "_Session":
        return self

    def invalidate(self) -> None:
        """Forget the connection: what it held is free, as the server frees it."""

    def close(self) -> None:
        """End it."""

    def exec_driver_sql(self, query: str) -> Any:
        return self.execute(query)

    def execute(self, query: object, values: Mapping[str, int] | None = None) -> Any:
        words = str(query)
        subject = self._subjects[values["n"]] if values else None
        if subject is not None and "pg_try_advisory_lock" in words:
            return _Answer((self._lock(subject), self._back_end))
        self._machine.process.must_live()
        for held in list(self._held):
            holder = self._machine.table.holders.get(held)
            if holder is not self._machine.process:
                self._machine.schedule.trace.sometimes("a lock was lost")
                self._let_go()
                raise OperationalError(words, None, Exception("the session has ended"))
        if self._machine.weather.strikes(Fault.SESSION_MOVED):
            self._back_end += 1
        if subject is not None and "pg_advisory_unlock" in words:
            return _Answer((self._unlock(subject),))
        return _Answer((self._back_end,))

    def _let_go(self) -> None:
        """Free what the session held: it has ended."""
        for held in self._held:
            if self._machine.table.holders.get(held) is self._machine.process:
                del self._machine.table.holders[held]
        self._held.clear()

    def _lock(self, subject: str) -> bool:
        machine, holders = self._machine, self._machine.table.holders
        machine.boundary(f"locks {subject}", Fault.DIES_AT_LOCK)
        holder = holders.get(subject)
        if holder is not None and not (holder.ended or holder.dead):
            machine.schedule.trace.sometimes("a lock is held by another")
            return False
        holders[subject] = machine.process
        self._held[subject] = self._back_end
        return True

    def _unlock(self, subject: str) -> bool:
        """Free the lock, unless it stands at a back end that is not met any more."""
        if self._held.pop(subject, 0) == self._back_end:
            del self._machine.table.holders[subject]
            return True
        self._machine.schedule.note(f"the lock on {subject} stays behind")
        self._machine.left_behind.append(subject)
        self._machine.table.left_behind.add(subject)
        return False


@dataclass(frozen=True, slots=True)
class _Answer:
    row: tuple[object, ...]

    def one(self) -> tuple[object, ...]:
        return self.row

    def scalar_one(self) -> object:
        return self.row[0]


def judge_left_behind(machine: Machine, *, told: bool) -> None:
    """A lock that stays behind starves its customer: it has to be told."""
    left, machine.left_behind = machine.left_behind, []
    if left and not told:
        raise Violation("I43", f"the lock on {left[0]} stays, and nothing says so")
    if left:
        machine.schedule.trace.sometimes("a lock stays behind")
