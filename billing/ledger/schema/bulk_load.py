"""Bulk loads: many rows in one statement, the way each database likes best."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table

from billing.ledger.schema.columns import UtcTime, format_time

# SQLite's limit of values bound to one statement, less a little.
_MOST_VALUES = 32_000


def load_rows(
    connection: Connection, table: Table, columns: Sequence[str], rows: list[Any]
) -> None:
    """Insert rows (sequences in the order of `columns`); times aware and in UTC."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        _load_sqlite(connection, table, columns, rows)
    else:
        _load_postgresql(connection, table, columns, rows)


def _load_postgresql(
    connection: Connection, table: Table, columns: Sequence[str], rows: list[Any]
) -> None:
    driver: Any = connection.connection.driver_connection
    names = ", ".join(columns)
    with (
        driver.cursor() as cursor,
        cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(row)


def _load_sqlite(
    connection: Connection, table: Table, columns: Sequence[str], rows: list[Any]
) -> None:
    # One long statement runs outside Python's lock; executemany takes it at each row.
    times = [i for i, name in enumerate(columns) if _is_time(table, name)]
    width = len(columns)
    most = _MOST_VALUES // width
    start = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES "  # noqa: S608 # names are ours
    group = f"({', '.join('?' * width)})"
    for first in range(0, len(rows), most):
        part = rows[first : first + most]
        values = [value for row in part for value in row]
        for column in times:
            moments: list[datetime | None] = values[column::width]
            values[column::width] = [
                moment and format_time(moment) for moment in moments
            ]
        statement = start + ", ".join([group] * len(part))
        connection.exec_driver_sql(statement, tuple(values))


def _is_time(table: Table, column: str) -> bool:
    return isinstance(table.c[column].type, UtcTime)
