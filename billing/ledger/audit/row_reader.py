"""Row reader: the rows that are to be covered, read back as each database likes it.

SQLite's driver gives Python's lock away at every row, and among busy threads each time
is a wait; so there a whole part is one JSON text, and several parts are one question.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection

from billing.ledger.audit.covered_tables import Covered

_AT_ONCE = _KEYS_AT_ONCE = 10_000
Rows = Sequence[Sequence[Any]]


class Condition(NamedTuple):
    """What rows have to meet: SQL over `t`, the table, and the values of its marks.

    Where it is always of the same words, a database reads and plans it once.
    """

    sql: str
    values: tuple[Any, ...] = ()

    def also(self, other: "Condition") -> "Condition":
        """Return the condition that both are met."""
        return Condition(f"{self.sql} AND {other.sql}", self.values + other.values)


class Selection(NamedTuple):
    """The rows of a covered table that meet a condition; `more` is one more column."""

    covered: Covered
    condition: Condition
    more: str = ""


def among(
    connection: Connection, column: str, keys: Collection[Any]
) -> Iterator[Condition]:
    """Yield conditions that together name all of these keys: numbers, or texts."""
    in_order = sorted(keys)
    for first in range(0, len(in_order), _KEYS_AT_ONCE):
        part = in_order[first : first + _KEYS_AT_ONCE]
        if connection.dialect.name == "sqlite":
            listed = json.dumps(part)
            among_listed = f"{column} IN (SELECT value FROM json_each(?))"  # noqa: S608 # names are ours
            yield Condition(among_listed, (listed,))
        else:
            kind = "bigint" if isinstance(part[0], int) else "text"
            yield Condition(f"{column} = ANY(CAST(%s AS {kind}[]))", (part,))


def among_earlier(
    connection: Connection, covered: Covered, keys: Collection[Any], last: int
) -> Iterator[Condition]:
    """Yield conditions that name rows of a table, of numbered ones up to the last."""
    for condition in among(connection, f"t.{covered.found_by}", keys):
        if covered.numbered:
            yield condition.also(number_is(connection, "<=", last))
        else:
            yield condition


def number_is(connection: Connection, sign: str, other: int) -> Condition:
    """Return the condition that a row's number is less or more than another."""
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    return Condition(f"t.id {sign} {mark}", (other,))


def gather(
    connection: Connection, selections: Sequence[Selection], *, most: int = -1
) -> list[Rows]:
    """Return the rows of each selection, each with its month, and what is asked more.

    Of each selection at most so many rows.
    """
    if connection.dialect.name != "sqlite":
        limit = "" if most < 0 else f" LIMIT {most}"
        return [
            ask(connection, f"{covered.query(sql, more=more)}{limit}", values or None)
            for covered, (sql, values), more in selections
        ]
    if not selections:
        return []
    packed = ", ".join(f"({_packed(selection, most)})" for selection in selections)
    values = [value for each in selections for value in each.condition.values]
    (parts,) = ask(connection, f"SELECT {packed}", values)
    return [orjson.loads(part) for part in parts]


def gather_new(
    connection: Connection, covered: Covered, last: int, more: str
) -> Iterator[Rows]:
    """Yield the rows after a number, some thousands at once, in their order."""
    while True:
        selection = Selection(covered, number_is(connection, ">", last), more)
        (part,) = gather(connection, [selection], most=_AT_ONCE)
        if part:
            yield part
        if len(part) < _AT_ONCE:
            return
        last = part[-1][0]


def _packed(selection: Selection, most: int) -> str:
    covered, condition, more = selection
    query = covered.query(condition.sql, packed=True, more=more)
    return f"SELECT json_group_array(json(packed)) FROM ({query} LIMIT {most})"  # noqa: S608 # names and conditions are ours


def ask(
    connection: Connection, query: str, values: Sequence[Any] | None = None
) -> list[tuple[Any, ...]]:
    """Ask the driver itself, past SQLAlchemy: every transaction that writes does.

    What has values, be they none, is asked in the same words again.
    """
    cursor: Any = connection.connection.cursor()
    is_prepared = values is not None and connection.dialect.name != "sqlite"
    prepared = {"prepare": True} if is_prepared else {}
    try:
        cursor.execute(query, values or (), **prepared)
        rows: list[tuple[Any, ...]] = cursor.fetchall() if cursor.description else []
        return rows
    finally:
        cursor.close()
