"""One statement for many rows, the way each database likes best.

On SQLite the rows are one JSON list: the driver takes Python's lock anew at each row of
an `executemany`, and among busy threads each time is a wait. PostgreSQL's driver sends
an `executemany` at once, and the server plans it by its indexes.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Executable,
    Row,
    Table,
    Text,
    bindparam,
    func,
    insert,
    literal_column,
    select,
)
from sqlalchemy.types import TypeEngine

from billing.ledger.schema.columns import format_time

_ROWS = func.json_each(bindparam("rows", type_=Text())).table_valued(
    "value", name="bound"
)


@dataclass(frozen=True, slots=True)
class BoundRow:
    """One of the rows that a statement is executed for, as it stands in it."""

    on_sqlite: bool

    def field(self, name: str, kind: TypeEngine[Any]) -> ColumnElement[Any]:
        """Return a field of the row, of a type."""
        if not self.on_sqlite:
            return bindparam(_bound_name(name), type_=kind)
        path: ColumnElement[str] = literal_column(f"'$.{name}'")
        return func.json_extract(_ROWS.c.value, path, type_=kind)

    def fields(
        self, table: Table, names: Sequence[str]
    ) -> dict[str, ColumnElement[Any]]:
        """Return the fields that are named as columns of a table are."""
        return {name: self.field(name, table.c[name].type) for name in names}


Statement = Callable[[BoundRow], Executable]


def execute_for_all(
    connection: Connection, statement: Statement, rows: Sequence[Mapping[str, object]]
) -> int:
    """Execute a statement for all rows; return how many rows of the table it wrote."""
    on_sqlite = connection.dialect.name == "sqlite"
    executable = _built(statement, on_sqlite=on_sqlite)
    if on_sqlite:
        result = connection.execute(executable, _json(rows))
    else:
        bound = [{_bound_name(name): row[name] for name in row} for row in rows]
        result = connection.execute(executable, bound)
    return result.rowcount


def insert_for_all(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, object]],
    *returning: Column[Any],
) -> Sequence[Row[Any]]:
    """Insert rows that name the same columns; return columns of all that were made."""
    on_sqlite = connection.dialect.name == "sqlite"
    executable = _insert(table, tuple(rows[0]), returning, on_sqlite=on_sqlite)
    result = connection.execute(executable, _json(rows) if on_sqlite else [*rows])
    return result.all() if returning else ()


@lru_cache
def _insert(
    table: Table,
    names: tuple[str, ...],
    returning: tuple[Column[Any], ...],
    *,
    on_sqlite: bool,
) -> Executable:
    statement = insert(table)
    if on_sqlite:
        fields = BoundRow(on_sqlite).fields(table, names)
        statement = statement.from_select([*fields], select(*fields.values()))
    return statement.returning(*returning) if returning else statement


@lru_cache
def _built(statement: Statement, *, on_sqlite: bool) -> Executable:
    """Build a statement once for each database."""
    return statement(BoundRow(on_sqlite))


def _bound_name(name: str) -> str:
    """Return the name of a bound value; a column's own is SQLAlchemy's."""
    return f"bound_{name}"


def _json(rows: Sequence[Mapping[str, object]]) -> dict[str, str]:
    return {"rows": json.dumps(rows, default=_time_text)}


def _time_text(moment: object) -> str:
    if not isinstance(moment, datetime):
        raise TypeError(f"a row holds words, integers and times, got {moment!r}")
    return format_time(moment.astimezone(UTC))
