"""Row text: all rows of a table as PostgreSQL's COPY writes them, on both databases.

It is the same text, byte for byte, wherever the rows are: columns and rows in one
order, times as ISO 8601 in UTC. So its digest decides whether a copy is exact.
"""

import re
from collections.abc import Iterator, Sequence
from secrets import token_hex
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, Text

from billing.ledger.schema.columns import UtcTime
from billing.ledger.schema.tables import ledger_move, metadata

# Small enough to wait at the server while the next rows are read.
_AT_ONCE = 500
_NULL = "\\N"
_ESCAPES = {
    "\\": "\\\\",
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\v": "\\v",
    "\f": "\\f",
    "\r": "\\r",
}
_ESCAPING = str.maketrans(_ESCAPES)
_UNUSUAL = set(_ESCAPES) - {"\t", "\n"}
_PLAIN = {escape[1]: character for character, escape in _ESCAPES.items()}
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class RowText(NamedTuple):
    """Some rows of a table: how many, and their lines."""

    rows: int
    lines: bytes


def copied_tables() -> list[Table]:
    """Return the tables of which a ledger consists, each after those it points to."""
    return [table for table in metadata.sorted_tables if table is not ledger_move]


def column_names(table: Table) -> list[str]:
    """Return the columns of a table, in the order of the text."""
    return [str(column.name) for column in table.columns]


def count_rows(connection: Connection, table: Table) -> int:
    """Count the rows of a table."""
    query = f"SELECT count(*) FROM {table.name}"  # noqa: S608 # names are ours
    return int(connection.exec_driver_sql(query).scalar_one())


def read_text(connection: Connection, table: Table) -> Iterator[RowText]:
    """Stream all rows of a table, in the order of its key."""
    if connection.dialect.name == "sqlite":
        return _read_sqlite(connection, table)
    return _read_postgresql(connection, table)


def split_rows(text: RowText) -> list[list[str | None]]:
    """Return the fields of each row; numbers stay texts."""
    return [
        [_unescaped(field) if "\\" in field else field for field in line.split("\t")]
        for line in text.lines.decode().split("\n")[:-1]
    ]


def _unescaped(field: str) -> str | None:
    if field == _NULL:
        return None
    return _ESCAPED.sub(lambda found: _PLAIN[found[1]], field)


def _read_sqlite(connection: Connection, table: Table) -> Iterator[RowText]:
    # Every field comes as text; what stands for NULL is like no text there is.
    null = token_hex(16)
    fields = ", ".join(
        f"ifnull(CAST(t.{name} AS TEXT), '{null}')" for name in column_names(table)
    )
    order = ", ".join(f"t.{column.name}" for column in table.primary_key)
    query = f"SELECT {fields} FROM {table.name} t ORDER BY {order}"  # noqa: S608 # names are ours
    cursor: Any = connection.connection.cursor()
    try:
        cursor.execute(query)
        while rows := cursor.fetchmany(_AT_ONCE):
            yield RowText(len(rows), _format(rows, null).encode())
    finally:
        cursor.close()


def _format(rows: Sequence[Sequence[str]], null: str) -> str:
    count, width = len(rows), len(rows[0])
    text = "\n".join(map("\t".join, rows)) + "\n"
    plain = text.count("\t") == count * (width - 1) and text.count("\n") == count
    if not plain or any(character in text for character in _UNUSUAL):
        text = "".join(
            "\t".join([field.translate(_ESCAPING) for field in row]) + "\n"
            for row in rows
        )
    return text.replace(null, _NULL)


def _read_postgresql(connection: Connection, table: Table) -> Iterator[RowText]:
    fields = ", ".join(
        _iso_time(str(column.name))
        if isinstance(column.type, UtcTime)
        else f"t.{column.name}"
        for column in table.columns
    )
    # Not in the order of a language, which another database does not have.
    order = ", ".join(
        f't.{column.name} COLLATE "C"'
        if isinstance(column.type, Text)
        else f"t.{column.name}"
        for column in table.primary_key
    )
    query = f"COPY (SELECT {fields} FROM {table.name} t ORDER BY {order}) TO STDOUT"  # noqa: S608 # names are ours
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(query) as copy:
        lines: list[bytes] = []
        for line in copy:
            lines.append(bytes(line))
            if len(lines) == _AT_ONCE:
                yield RowText(len(lines), b"".join(lines))
                lines = []
        if lines:
            yield RowText(len(lines), b"".join(lines))


def _iso_time(column: str) -> str:
    """Return the SQL of a time as SQLite's rows have it: with a fraction, or none."""
    time = f"t.{column}"
    return (
        f"to_char({time}, 'YYYY-MM-DD\"T\"HH24:MI:SS') || CASE date_trunc('second', "
        f"{time}) WHEN {time} THEN '' ELSE to_char({time}, '.US') END || '+00:00'"
    )
