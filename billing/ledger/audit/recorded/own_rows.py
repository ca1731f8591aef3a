"""Own rows: what a transaction covers came since it began, and from itself.

Transactions that write take turns. So before one has written, each table ends with the
row that the trail ends with; whatever differs came past the ledger's door.
"""

from collections.abc import Iterator

from sqlalchemy import Connection

from billing.errors import UncoveredRows
from billing.ledger.audit.covered_tables import TABLES
from billing.ledger.audit.events import State
from billing.ledger.audit.row_reader import Rows, ask

_NUMBERED = [name for name, covered in TABLES.items() if covered.numbered]
_ENDS = "SELECT " + ", ".join(f"(SELECT max(id) FROM {name})" for name in _NUMBERED)  # noqa: S608 # names are ours
# On PostgreSQL a session that takes no turns may commit rows in the midst of one.
_IS_OWN = "t.xmin = CAST(pg_current_xact_id() AS xid)"


def uncovered(connection: Connection, state: State) -> Iterator[str]:
    """Say which tables end with another row than the trail does."""
    (ends,) = ask(connection, _ENDS, ())
    for name, found in zip(_NUMBERED, ends, strict=True):
        end, last = found or 0, state.last.get(name, 0)
        if end > last:
            rows = f"row {end}" if end == last + 1 else f"rows {last + 1} to {end}"
            yield f"no audit event covers {rows} of {name}"
        elif end < last:
            yield f"{name} ends with row {end}, and its trail with row {last}"


def refuse_uncovered(connection: Connection, state: State) -> None:
    """Refuse to write where rows came or went past the door; raises UncoveredRows."""
    words = list(uncovered(connection, state))
    if words:
        raise UncoveredRows(words)


def own_mark(connection: Connection) -> str:
    """Return the SQL of whether a row of `t` is this transaction's; it may need none.

    Whoever writes to SQLite holds the file.
    """
    return "" if connection.dialect.name == "sqlite" else _IS_OWN


def only_own(name: str, rows: Rows, mark: str) -> Rows:
    """Return new rows without their marks; raises UncoveredRows for another's."""
    if not mark:
        return rows
    foreign = [row[0] for row in rows if not row[-1]]
    if foreign:
        numbers = f"{min(foreign)} to {max(foreign)}"
        words = f"rows {numbers} of {name} came from somewhere else meanwhile"
        raise UncoveredRows([words])
    return [row[:-1] for row in rows]
