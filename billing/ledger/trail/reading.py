"""Reading for proof: the lines of every table, of the chain and of its heads."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, select, text

from billing.ledger.tables import audit_head
from billing.ledger.trail.canonical import spell_row
from billing.ledger.trail.events import event_lines
from billing.ledger.trail.sealing import bindings
from billing.ledger.trail.signing import SignedHead
from billing.ledger.trail.tables import BINDING, TABLES, Covered

__all__ = [
    "BINDING",
    "TABLES",
    "Covered",
    "Line",
    "binding_lines",
    "event_lines",
    "head_lines",
    "lines",
]

_AT_ONCE = 2_000


class Line(NamedTuple):
    """A row as it is covered: its key, its month, and its canonical form."""

    key: int | str
    period: str
    line: bytes


def lines(
    connection: Connection, name: str, condition: str = "1 = 1", **values: Any
) -> Iterator[Line]:
    """Stream the rows of a table of the trail in the order of their keys.

    The condition is SQL over `t`, the table; its :names are given as values.
    """
    covered = TABLES[name]
    place = covered.key_place
    query = text(covered.query(condition)).execution_options(yield_per=_AT_ONCE)
    with connection.execute(query, values) as result:
        for part in result.partitions():
            for found in part:
                *row, month = found
                yield Line(row[place], month, spell_row(row))


def binding_lines(connection: Connection, condition: str = "1 = 1") -> Iterator[Line]:
    """Stream which rows each meter event carries: (event, month, JSON array of ids).

    The condition is SQL over `e`, the meter event.
    """
    for number, month, rows in bindings(connection, condition):
        yield Line(number, month, rows)


def head_lines(connection: Connection) -> Iterator[SignedHead]:
    """Yield the signed heads, oldest first."""
    column = audit_head.c
    query = select(audit_head).order_by(column.number)
    streamed = query.execution_options(yield_per=_AT_ONCE)
    with connection.execute(streamed) as result:
        for row in result:
            yield SignedHead.of(row)
