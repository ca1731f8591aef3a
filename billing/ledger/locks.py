"""Who works on what: locks that die with their holder."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from sqlalchemy import text

from billing.errors import AnotherProcess
from billing.ledger.database import Ledger, said_clearly


@contextmanager
def sole_process(ledger: Ledger) -> Iterator[None]:
    """Hold a SQLite ledger for this process; raises AnotherProcess.

    PostgreSQL needs no such lock: there, work is divided by `try_lock`.
    """
    if ledger.file is None:
        yield
        return
    path = Path(f"{ledger.file}.lock")
    with path.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AnotherProcess(str(path)) from None
        yield


@contextmanager
def try_lock(ledger: Ledger, subject: str) -> Iterator[bool]:
    """Hold a subject, such as a customer, over all daemons; yields whether we do.

    The lock is PostgreSQL's session-level advisory lock: the server frees it when the
    holder dies. It keeps a connection of its own, in autocommit, so no transaction is
    open meanwhile. On SQLite the process holds the file already.
    """
    if ledger.on_sqlite:
        yield True
        return
    name = int.from_bytes(sha256(subject.encode()).digest()[:8], "big", signed=True)
    with said_clearly(ledger.engine), ledger.engine.connect() as plain:
        connection = plain.execution_options(isolation_level="AUTOCOMMIT")
        held = connection.execute(text("SELECT pg_try_advisory_lock(:n)"), {"n": name})
        if not held.scalar_one():
            yield False
            return
        try:
            yield True
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:n)"), {"n": name})
