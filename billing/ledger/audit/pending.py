"""What a transaction will leave in the trail: its notes, and the rows it touched."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, Table

from billing.ledger.audit.covered_tables import BINDING, TABLES
from billing.ledger.audit.events import ChainTip, chain_tip
from billing.ledger.audit.recorded.comparison import refuse_altered
from billing.ledger.audit.recorded.own_rows import refuse_uncovered
from billing.ledger.audit.row_reader import Condition, among, among_earlier

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

    def __init__(self, actor: Actor | None, *, migrates: bool = False) -> None:
        self.actor = actor
        self.migrates = migrates  # then rows are changed as a whole, and not compared
        self.notes: list[Note] = []
        self.inserted: set[str] = set()
        self.updated: set[str] = set()
        self.touched: dict[str, set[int | str]] = {}
        # The digests of touched rows as they were found, which was as recorded.
        self.before: dict[str, dict[int | str, str]] = defaultdict(dict)
        # The end of the trail, once the tables were seen to end with it.
        self.tip: ChainTip | None = None

    def look(self, connection: Connection) -> None:
        """See that nothing came past the trail; raises UncoveredRows."""
        if self.tip is None and not self.migrates:
            tip = chain_tip(connection)
            refuse_uncovered(connection, tip.state)
            self.tip = tip

    def changed(self, verb: str, table: str) -> None:
        """Take note that rows of a table are added or changed."""
        (self.inserted if verb == "INSERT" else self.updated).add(table)

    def touch(
        self, connection: Connection, name: str, keys: Iterable[int | str]
    ) -> None:
        """Name rows that are to change, each as recorded; raises AlteredRows."""
        known = self.touched.setdefault(name, set())
        news = set(keys) - known
        known |= news
        if not news or self.migrates:
            return
        self.look(connection)
        for condition in self._conditions(connection, name, news):
            self.before[name] |= refuse_altered(connection, name, condition)

    def _conditions(
        self, connection: Connection, name: str, keys: Collection[int | str]
    ) -> Iterator[Condition]:
        """Name the rows that were there before this transaction."""
        last = self.tip.state.last if self.tip else {}
        if name == BINDING:
            # What it staged itself carried nothing before.
            end = last.get("meter_event", 0)
            old = [key for key in keys if int(key) <= end]
            yield from among(connection, "e.id", old)
            return
        yield from among_earlier(connection, TABLES[name], keys, last.get(name, 0))

    def covered_by(self, tip: ChainTip | None) -> None:
        """Forget what the trail has by now, and go on from its end."""
        for part in (self.notes, self.inserted, self.updated, self.touched):
            part.clear()
        self.before.clear()
        self.tip = tip or self.tip


def pending(connection: Connection) -> Pending | None:
    """Return what a transaction will leave; None when it only reads."""
    changes: Pending | None = connection.get_execution_options().get(OPTION)
    return changes


def watch(
    connection: Connection, _cursor: object, statement: str, *_more: object
) -> None:
    """Note which tables a statement changes, before it runs; raises UncoveredRows."""
    if statement.startswith(("INSERT", "UPDATE", "DELETE")):
        tokens = statement.split(None, 3)
        table = tokens[1 if tokens[0] == "UPDATE" else 2]
        _changed(connection, tokens[0], table)


def loading(connection: Connection, table: Table) -> None:
    """Take note of rows that are about to be loaded past all statements."""
    _changed(connection, "INSERT", table.name)


def _changed(connection: Connection, verb: str, table: str) -> None:
    changes = pending(connection)
    if changes is not None and table in TABLES:
        changes.look(connection)
        changes.changed(verb, table)


def touch(connection: Connection, table: Table, keys: Iterable[int | str]) -> None:
    """Name rows before they change, by what they are found by; raises AlteredRows.

    Each has to be as the trail recorded it last.
    """
    changes = pending(connection)
    if changes is not None:
        changes.touch(connection, table.name, keys)


def touch_binding(connection: Connection, events: Iterable[int]) -> None:
    """Name the meter events that rows are to be bound to, or freed from."""
    changes = pending(connection)
    if changes is not None:
        changes.touch(connection, BINDING, events)
