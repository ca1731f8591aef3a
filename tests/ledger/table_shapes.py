"""The shapes of a ledger's tables, as the database itself tells them."""

from sqlalchemy import inspect

from billing.ledger.database import Ledger


def keys_of(ledger: Ledger, table: str) -> list[tuple[str, ...]]:
    """List the unique keys of a table, the primary one first."""
    with ledger.reading() as connection:
        inspector = inspect(connection)
        primary = inspector.get_pk_constraint(table)["constrained_columns"]
        unique = inspector.get_unique_constraints(table)
    return [
        tuple(primary),
        *(tuple(constraint["column_names"]) for constraint in unique),
    ]


def columns_of(ledger: Ledger, table: str) -> list[str]:
    """List the columns of a table."""
    with ledger.reading() as connection:
        return [column["name"] for column in inspect(connection).get_columns(table)]
