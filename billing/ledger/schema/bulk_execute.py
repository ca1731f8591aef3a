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
    ColumnElement,
    Connection,
    Executable,
    Table,
    Text,
    bindparam,
    func,
    literal_column,
)
from sqlalchemy.types import TypeEngine

from billing.ledger.schema.columns import format_time

_ROWS = func.json_each(bindparam("rows", type_=Text())).table_valued(
    "value", name="given"
)


@dataclass(frozen=True, slots=True)
class Given:
    """A row among those that are given, as it stands in a statement."""

    on_sqlite: bool

    def field(self, name: str, kind: TypeEngine[Any]) -> ColumnElement[Any]:
        """Return a field of the row, of a type."""
        if not self.on_sqlite:
            return bindparam(_bound(name), type_=kind)
        path: ColumnElement[str] = literal_column(f"'$.{name}'")
        return func.json_extract(_ROWS.c.value, path, type_=kind)

    def fields(
        self, table: Table, names: Sequence[str]
    ) -> dict[str, ColumnElement[Any]]:
        """Return the fields that are named as columns of a table are."""
        return {name: self.field(name, table.c[name].type) for name in names}


Statement = Callable[[Given], Executable]


def execute_for_all(
    connection: Connection, statement: Statement, rows: Sequence[Mapping[str, object]]
) -> int:
    """Execute a statement for all rows; return how many rows of a table it wrote."""
    on_sqlite = connection.dialect.name == "sqlite"
    made = _made(statement, on_sqlite=on_sqlite)
    if on_sqlite:
        found = connection.execute(made, {"rows": json.dumps(rows, default=_spelled)})
    else:
        bound = [{_bound(name): row[name] for name in row} for row in rows]
        found = connection.execute(made, bound)
    return found.rowcount


@lru_cache
def _made(statement: Statement, *, on_sqlite: bool) -> Executable:
    """Build a statement once for each database."""
    return statement(Given(on_sqlite))


def _bound(name: str) -> str:
    """Return the name of a bound value; a column's own is SQLAlchemy's."""
    return f"given_{name}"


def _spelled(moment: object) -> str:
    if not isinstance(moment, datetime):
        raise TypeError(f"a row holds words, integers and times, got {moment!r}")
    return format_time(moment.astimezone(UTC))
