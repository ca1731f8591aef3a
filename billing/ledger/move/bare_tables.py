"""Bare tables: indexes, triggers and references are taken off for a load, and put back.

What is put back is what the database itself says it had, so the schema is the same.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, text

# On SQLite the index of a unique key is part of its table, and stays.
_SQLITE = """
    SELECT 'DROP ' || type || ' ' || name, sql FROM sqlite_master
    WHERE type IN ('index', 'trigger') AND sql IS NOT NULL
    AND tbl_name <> 'ledger_move' ORDER BY type, name
"""
_POSTGRESQL = """
    SELECT off, back FROM (
        SELECT CASE contype WHEN 'f' THEN 1 ELSE 2 END AS turn,
               format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname)
                   AS off,
               format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass,
                      conname, pg_get_constraintdef(oid)) AS back
        FROM pg_constraint
        WHERE contype IN ('f', 'p', 'u')
        AND connamespace = current_schema()::regnamespace
        UNION ALL
        SELECT 3, format('DROP INDEX %s', i.indexrelid::regclass),
               pg_get_indexdef(i.indexrelid)
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE c.relnamespace = current_schema()::regnamespace
        AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)
        UNION ALL
        SELECT DISTINCT 4,
               format('ALTER TABLE %s DISABLE TRIGGER USER', t.tgrelid::regclass),
               format('ALTER TABLE %s ENABLE TRIGGER USER', t.tgrelid::regclass)
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE NOT t.tgisinternal AND c.relnamespace = current_schema()::regnamespace
    ) parts ORDER BY turn, off
"""


class Part(NamedTuple):
    """An index, a reference or a table's triggers: how it is taken off and put back."""

    off: str
    back: str


def strip(connection: Connection) -> Sequence[Part]:
    """Take everything off that would look at each row that is loaded."""
    query = _SQLITE if connection.dialect.name == "sqlite" else _POSTGRESQL
    parts = [Part(*row) for row in connection.execute(text(query))]
    for part in parts:
        connection.exec_driver_sql(part.off)
    return parts


def put_back(connection: Connection, parts: Sequence[Part]) -> None:
    """Put back what was taken off; references are checked against all rows."""
    for part in reversed(parts):
        connection.exec_driver_sql(part.back)
