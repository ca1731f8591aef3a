"""The ledger's file in the simulation: migrated once, fresh for each seed."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError

from billing.ledger.database import Ledger, as_ledger_faults, open_ledger
from billing.ledger.migration import upgrade
from tests.simulation.world.borders.sessions import ServerLocks
from tests.simulation.world.catalogue import Fault
from tests.simulation.world.machine import Machine
from tests.simulation.world.schedule import Killed, Schedule

SHARED_MEMORY = Path("/dev/shm")
_WRITES = ("INSERT", "UPDATE", "DELETE")


class Storage:
    """One engine over one file, which is put back to the template for each seed."""

    def __init__(self) -> None:
        memory = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None
        self._folder = tempfile.TemporaryDirectory(prefix="simulation-", dir=memory)
        folder = Path(self._folder.name)
        self._template = folder / "template.db"
        self.file = folder / "ledger.db"
        upgrade(f"sqlite:///{self._template}")
        self.engine = open_ledger(f"sqlite:///{self.file}").engine
        self.touched: set[str] = set()
        self.schedule: Schedule | None = None
        event.listen(self.engine, "connect", _stay_in_memory)
        event.listen(self.engine, "before_cursor_execute", self._watch)

    def renew(self, schedule: Schedule) -> sqlite3.Connection:
        """Empty the ledger; returns a connection of nobody's, for looking only."""
        self.schedule = schedule
        return self.put(self._template)

    def put(self, file: Path) -> sqlite3.Connection:
        """Let the ledger be another file; returns a connection for looking only."""
        self.engine.dispose()
        for ending in ("", "-wal", "-shm"):
            Path(f"{self.file}{ending}").unlink(missing_ok=True)
        shutil.copyfile(file, self.file)
        self.touched.clear()
        return sqlite3.connect(self.file, isolation_level=None)

    @property
    def empty(self) -> Path:
        """A ledger that holds nothing."""
        return self._template

    def back_up(self) -> Path:
        """Copy the ledger as it stands; returns the copy."""
        copy = self.file.with_name("backup.db")
        copy.unlink(missing_ok=True)
        with closing(sqlite3.connect(copy)) as target:
            with closing(sqlite3.connect(self.file)) as source:
                source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")
        return copy

    @cached_property
    def beside(self) -> "Storage":
        """A second place, where a copy of the ledger runs on."""
        return Storage()

    def close(self) -> None:
        """Remove everything."""
        if "beside" in self.__dict__:
            self.beside.close()
        self.engine.dispose()
        self._folder.cleanup()

    def _watch(self, _c: object, _r: object, statement: str, *_more: object) -> None:
        process = self.schedule and self.schedule.current
        if process and process.dead:
            raise Killed
        if statement.startswith(_WRITES):
            words = statement.split(None, 3)
            self.touched.add(words[1] if words[0] == "UPDATE" else words[2])


def _stay_in_memory(connection: sqlite3.Connection, _record: object) -> None:
    # Only here: no power is lost in the simulation, so nothing has to reach a disk.
    connection.execute("PRAGMA synchronous = OFF")


class StoredLedger(Ledger):
    """A process's ledger: its transactions are places to die and to fail."""

    def __init__(
        self, storage: Storage, machine: Machine, committed: Callable[[], None]
    ) -> None:
        on_server = machine.weather.may_have(Fault.SESSION_MOVED)
        locks = ServerLocks(machine) if on_server else machine
        super().__init__(storage.engine, locks)
        self._storage = storage
        self._machine = machine
        self._committed = committed

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction; it may be lost before, in, or after its commit."""
        machine, weather = self._machine, self._machine.weather
        machine.boundary("begins", Fault.DIES_BEFORE_BEGIN)
        if weather.strikes(Fault.DB_LOCKED):
            self._fail(self.engine, "database is locked")
        self._storage.touched.clear()
        with super().writing() as connection:
            machine.process.transactions += 1
            try:
                yield connection
                self._before_commit(connection)
            finally:
                machine.process.transactions -= 1
        machine.schedule.note("committed")
        self._committed()
        if weather.strikes(Fault.DB_LOST_IN_COMMIT):
            self._fail(self.engine, "connection lost in the commit")
        machine.boundary("goes on", Fault.DIES_AFTER_COMMIT)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that reads."""
        process = self._machine.process
        process.must_live()
        with super().reading() as connection:
            process.transactions += 1
            try:
                yield connection
            finally:
                process.transactions -= 1

    def _before_commit(self, connection: Connection) -> None:
        machine, weather = self._machine, self._machine.weather
        machine.process.must_live()
        if weather.strikes(Fault.DIES_BEFORE_COMMIT):
            # Severed first: nothing that unwinds from here can reach the database.
            driver: Any = connection.connection.driver_connection
            driver.rollback()
            machine.die(Fault.DIES_BEFORE_COMMIT)
        if weather.strikes(Fault.DB_FULL):
            self._fail(self.engine, "database or disk is full")
        if weather.strikes(Fault.DB_LOST_BEFORE_COMMIT):
            self._fail(self.engine, "connection lost before the commit")

    def _fail(self, engine: Engine, words: str) -> None:
        self._machine.schedule.note(f"database: {words}")
        with as_ledger_faults(engine):
            raise OperationalError("", None, sqlite3.OperationalError(words))
