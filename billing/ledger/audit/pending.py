"""What a transaction will leave in the trail: its notes, and the rows it touched."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, Table

from billing.ledger.audit.covered_tables import BINDING, TABLES

OPTION = "ledger_trail"


class Actor(NamedTuple):
    """Who acts, and when."""

    name: str
    at: datetime


class AuditSession(NamedTuple):
    """Who works on a ledger, for changes that name nobody, and whose clock counts."""

    name: str
    now: Callable[[], datetime]


class Note(NamedTuple):
    """What was done, to what, and why; who, where that is somebody else."""

    action: str
    subject: str
    detail: Mapping[str, object]
    reason: str | None
    actor: Actor | None


class Pending:
    """The notes of one transaction, and which rows of which tables it changed."""

    def __init__(self, actor: Actor | None) -> None:
        self.actor = actor
        self.notes: list[Note] = []
        self.inserted: set[str] = set()
        self.updated: set[str] = set()
        self.touched: dict[str, set[int]] = defaultdict(set)

    def changed(self, verb: str, table: str) -> None:
        """Take note that rows of a table were added or changed."""
        if table in TABLES:
            (self.inserted if verb == "INSERT" else self.updated).add(table)

    def forget(self) -> None:
        """Forget what the trail has by now."""
        for part in (self.notes, self.inserted, self.updated, self.touched):
            part.clear()


def pending(connection: Connection) -> Pending | None:
    """Return what a transaction will leave; None when it only reads."""
    changes: Pending | None = connection.get_execution_options().get(OPTION)
    return changes


def watch(
    connection: Connection, _cursor: object, statement: str, *_more: object
) -> None:
    """Note which tables a statement changes, before it runs."""
    if statement.startswith(("INSERT", "UPDATE", "DELETE")):
        changes = pending(connection)
        if changes is not None:
            tokens = statement.split(None, 3)
            changes.changed(tokens[0], tokens[1 if tokens[0] == "UPDATE" else 2])


def loaded(connection: Connection, table: Table) -> None:
    """Take note of rows that were loaded past all statements."""
    changes = pending(connection)
    if changes is not None:
        changes.changed("INSERT", table.name)


def touch(connection: Connection, table: Table, numbers: Iterable[int]) -> None:
    """Name the rows that a transaction changes, by the number they are found by."""
    changes = pending(connection)
    if changes is not None:
        changes.touched[table.name].update(numbers)


def touch_binding(connection: Connection, events: Iterable[int]) -> None:
    """Name the meter events that a transaction binds rows to, or frees rows from."""
    changes = pending(connection)
    if changes is not None:
        changes.touched[BINDING].update(events)
