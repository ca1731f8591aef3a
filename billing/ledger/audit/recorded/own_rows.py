"""Own rows: what a transaction covers came since it began, and from itself.

Transactions that write take turns. So before one has written, each table ends with the
row that the trail ends with; whatever differs came past the ledger's door.
"""

from collections.abc import Iterator

from sqlalchemy import Connection

from billing.errors import UncoveredRows
from billing.ledger.audit.covered_tables import TABLES
from billing.ledger.audit.events import State
from billing.ledger.audit.row_reader import ask

_NUMBERED = [name for name, covered in TABLES.items() if covered.numbered]
_ENDS = "SELECT " + ", ".join(f"(SELECT max(id) FROM {name})" for name in _NUMBERED)  # noqa: S608 # names are ours
# On PostgreSQL a session that takes no turns may commit rows in the midst of one.
_FOREIGN = (
    "SELECT min(id), max(id) FROM {name} WHERE id > %s "
    "AND xmin <> CAST(pg_current_xact_id() AS xid)"
)


def uncovered(connection: Connection, state: State) -> Iterator[str]:
    """Say which tables end with another row than the trail does."""
    (ends,) = ask(connection, _ENDS)
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


def refuse_foreign(connection: Connection, name: str, last: int) -> None:
    """Refuse to cover new rows that are another transaction's; raises UncoveredRows."""
    if connection.dialect.name == "sqlite":
        return  # whoever writes holds the file
    ((first, end),) = ask(connection, _FOREIGN.format(name=name), (last,))
    if first is not None:
        raise UncoveredRows(
            [f"rows {first} to {end} of {name} came from somewhere else meanwhile"]
        )
