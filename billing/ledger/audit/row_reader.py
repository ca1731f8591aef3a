"""Gathering: the rows that are to be covered, read back the way each database likes.

SQLite's driver gives Python's lock away at every row, and among busy threads each time
is a wait; so there a whole part is one JSON text, and several parts are one question.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection

from billing.ledger.audit.covered_tables import Covered

_AT_ONCE = 10_000
Rows = Sequence[Sequence[Any]]


def gather(
    connection: Connection, wanted: Sequence[tuple[Covered, str]], *, most: int = -1
) -> list[Rows]:
    """Return the rows (with their months, last) that meet each of some conditions.

    On SQLite at `most` so many of each, the first ones.
    """
    queries = [covered.query(condition) for covered, condition in wanted]
    if connection.dialect.name != "sqlite":
        return [ask(connection, query) for query in queries]
    if not queries:
        return []
    packed = ", ".join(
        f"({_packed(covered, condition, most)})" for covered, condition in wanted
    )
    (found,) = ask(connection, f"SELECT {packed}")
    return [orjson.loads(part) for part in found]


def gather_new(connection: Connection, covered: Covered, last: int) -> Iterator[Rows]:
    """Yield the rows after a number, some thousands at once, in their order."""
    while True:
        wanted = [(covered, f"t.id > {last}")]
        (part,) = gather(connection, wanted, most=_AT_ONCE)
        if part:
            yield part
        if len(part) < _AT_ONCE or connection.dialect.name != "sqlite":
            return
        last = part[-1][0]


def _packed(covered: Covered, condition: str, most: int) -> str:
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
