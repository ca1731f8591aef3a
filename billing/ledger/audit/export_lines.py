"""Export lines: those of every table, of the chain and of its signed heads."""

from collections.abc import Iterator

from sqlalchemy import Connection, select

from billing.ledger.audit.covered_tables import BINDING, TABLES, Covered
from billing.ledger.audit.events import event_lines
from billing.ledger.audit.row_lines import (
    RowLine,
    binding_lines,
    line_parts,
    lines,
)
from billing.ledger.audit.signed_heads import SignedHead
from billing.ledger.schema.tables import audit_head

__all__ = [
    "BINDING",
    "TABLES",
    "Covered",
    "RowLine",
    "binding_lines",
    "event_lines",
    "head_lines",
    "line_parts",
    "lines",
]

_AT_ONCE = 2_000


def head_lines(connection: Connection) -> Iterator[SignedHead]:
    """Yield the signed heads, oldest first."""
    column = audit_head.c
    query = select(audit_head).order_by(column.number)
    streamed = query.execution_options(yield_per=_AT_ONCE)
    with connection.execute(streamed) as result:
        for row in result:
            yield SignedHead.of(row)
