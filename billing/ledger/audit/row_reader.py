"""Row reader: the rows that are to be covered, read back as each database likes it.

SQLite's driver gives Python's lock away at every row, and among busy threads each time
is a wait; so there a whole part is one JSON text, and several parts are one question.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection

from billing.ledger.audit.covered_tables import Covered

_AT_ONCE = _KEYS_AT_ONCE = 10_000
Rows = Sequence[Sequence[Any]]


class Selection(NamedTuple):
    """The rows of a covered table that meet a condition, in SQL over `t`."""

    covered: Covered
    condition: str


def among(column: str, keys: Collection[Any]) -> Iterator[str]:
    """Yield conditions that together name all of these keys: numbers, or texts."""
    in_order = sorted(keys)
    for first in range(0, len(in_order), _KEYS_AT_ONCE):
        part = in_order[first : first + _KEYS_AT_ONCE]
        yield f"{column} IN ({', '.join(map(_literal, part))})"


def _literal(key: int | str) -> str:
    return str(key) if isinstance(key, int) else "'" + key.replace("'", "''") + "'"


def gather(
    connection: Connection, selections: Sequence[Selection], *, most: int = -1
) -> list[Rows]:
    """Return the rows of each selection, months last; of each at most so many."""
    if connection.dialect.name != "sqlite":
        limit = "" if most < 0 else f" LIMIT {most}"
        return [
            ask(connection, f"{covered.query(condition)}{limit}")
            for covered, condition in selections
        ]
    if not selections:
        return []
    packed = ", ".join(f"({_packed(selection, most)})" for selection in selections)
    (parts,) = ask(connection, f"SELECT {packed}")
    return [orjson.loads(part) for part in parts]


def gather_new(connection: Connection, covered: Covered, last: int) -> Iterator[Rows]:
    """Yield the rows after a number, some thousands at once, in their order."""
    while True:
        selection = Selection(covered, f"t.id > {last}")
        (part,) = gather(connection, [selection], most=_AT_ONCE)
        if part:
            yield part
        if len(part) < _AT_ONCE:
            return
        last = part[-1][0]


def _packed(selection: Selection, most: int) -> str:
    covered, condition = selection
    return (
        "SELECT json_group_array(json(packed)) FROM "  # noqa: S608 # names and conditions are ours
        f"({covered.query(condition, packed=True)} LIMIT {most})"
    )


def ask(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    """Ask the driver itself, past SQLAlchemy: every transaction that writes does."""
    cursor: Any = connection.connection.cursor()
    try:
        cursor.execute(query)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
    finally:
        cursor.close()
