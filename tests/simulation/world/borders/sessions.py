"""Sessions: the database server's own locks, and a pooler that exchanges back ends."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import URL, Dialect, make_url
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.exc import OperationalError

from billing.ledger.database import Hold, Ledger
from billing.ledger.locks import _Advisory
from tests.simulation.trace import Violation
from tests.simulation.world.catalogue import Fault
from tests.simulation.world.machine import Machine

URL_OF_SERVER = make_url("postgresql://server/ledger")
DIALECT: Dialect = sqlite_dialect(dbapi=sqlite3)


class ServerLocks:
    """The product's way to lock on a server, on a server that is played here."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    @contextmanager
    def hold(self, subject: str) -> Iterator[Hold | None]:
        """Hold a subject over a session of its own; None when another holds it."""
        server = cast("Ledger", _Server(_Engine(self._machine, subject)))
        with _Advisory(server).hold(subject) as hold:
            yield hold


@dataclass(frozen=True, slots=True)
class _Engine:
    machine: Machine
    subject: str
    url: URL = URL_OF_SERVER
    dialect: Dialect = DIALECT

    def connect(self) -> AbstractContextManager["_Session"]:
        return _Session(self.machine, self.subject)


@dataclass(frozen=True, slots=True)
class _Server:
    engine: _Engine


class _Session(AbstractContextManager["_Session"]):
    """One session: it goes on at another back end when the pooler has it so."""

    def __init__(self, machine: Machine, subject: str) -> None:
        self._machine = machine
        self._subject = subject
        self._back_end = 1

    def __exit__(self, *_fault: object) -> None:
        pass

    def execution_options(self, **_options: object) -> "_Session":
        return self

    def exec_driver_sql(self, query: str) -> Any:
        return self.execute(query)

    def execute(self, query: object, _values: Mapping[str, int] | None = None) -> Any:
        words = str(query)
        if "pg_try_advisory_lock" in words:
            return _Answer((self._lock(), self._back_end))
        self._machine.process.must_live()
        holder = self._machine.table.holders.get(self._subject)
        if holder is not self._machine.process:
            self._machine.schedule.trace.sometimes("a lock was lost")
            raise OperationalError(words, None, Exception("the session has ended"))
        if self._machine.weather.strikes(Fault.SESSION_MOVED):
            self._back_end += 1
        if "pg_advisory_unlock" in words:
            return _Answer((self._unlock(),))
        return _Answer((self._back_end,))

    def _lock(self) -> bool:
        machine, holders = self._machine, self._machine.table.holders
        machine.boundary(f"locks {self._subject}", Fault.DIES_AT_LOCK)
        holder = holders.get(self._subject)
        if holder is not None and not (holder.ended or holder.dead):
            machine.schedule.trace.sometimes("a lock is held by another")
            return False
        holders[self._subject] = machine.process
        return True

    def _unlock(self) -> bool:
        """Free the lock, unless it stands at a back end that is not met any more."""
        if self._back_end == 1:
            del self._machine.table.holders[self._subject]
            return True
        self._machine.schedule.note(f"the lock on {self._subject} stays behind")
        self._machine.left_behind.append(self._subject)
        self._machine.table.left_behind.add(self._subject)
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
