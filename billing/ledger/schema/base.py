"""The schema's common ground: names of constraints, strict tables, column kinds."""

from typing import Any

from sqlalchemy import Column, Index, MetaData, Table, Text
from sqlalchemy.schema import SchemaItem

from billing.ledger.schema.columns import ExactInteger, UtcTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def table(name: str, *parts: SchemaItem, sqlite_with_rowid: bool = True) -> Table:
    """Declare a table; STRICT makes SQLite refuse values of another type."""
    return Table(
        name,
        metadata,
        *parts,
        sqlite_strict=True,
        sqlite_with_rowid=sqlite_with_rowid,
    )


def key() -> Column[int]:
    """Declare the row's own number."""
    return Column("id", ExactInteger, primary_key=True)


def text_column(
    name: str, *parts: Any, null: bool = False, primary_key: bool = False
) -> Column[str]:
    """Declare a text."""
    return Column(name, Text, *parts, nullable=null, primary_key=primary_key)


def number(
    name: str, *parts: Any, null: bool = False, primary_key: bool = False
) -> Column[int]:
    """Declare an exact integer."""
    return Column(name, ExactInteger, *parts, nullable=null, primary_key=primary_key)


def time(name: str, *, null: bool = False) -> Column[Any]:
    """Declare a moment in UTC."""
    return Column(name, UtcTime, nullable=null)


def partial_index(name: str, *columns: str, where: str) -> Index:
    """Declare an index over the rows that meet a condition, on both databases."""
    # As an option of a dialect it would load both of them, whichever is in use.
    return Index(name, *columns, info={"where": where})
