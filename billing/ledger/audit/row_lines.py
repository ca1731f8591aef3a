"""Row lines: the covered rows, streamed in their canonical form."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from billing.ledger.audit.canonical_json import format_row, format_rows
from billing.ledger.audit.covered_tables import TABLES

_AT_ONCE = 2_000
# What is read together is held several times: more than a cache holds takes longer.
_IN_PART = 250
_BINDINGS = """
SELECT u.id, e.id, e.period FROM meter_event e
LEFT JOIN b2b_usage u ON u.meter_event_id = e.id
WHERE {condition} ORDER BY e.id, u.id
"""


class RowLine(NamedTuple):
    """A row as it is covered: its key, its month, and its canonical form."""

    key: int | str
    period: str
    line: bytes


def lines(
    connection: Connection, name: str, condition: str = "1 = 1", **values: Any
) -> Iterator[RowLine]:
    """Stream the rows of a table of the trail in the order of their keys.

    The condition is SQL over `t`, the table; its :names are given as values.
    """
    covered = TABLES[name]
    place = covered.key_place
    query = text(covered.query(condition)).execution_options(yield_per=_AT_ONCE)
    with connection.execute(query, values) as result:
        for part in result.partitions(_IN_PART):
            for *row, month in part:
                yield RowLine(row[place], month, format_row(row))


def line_parts(
    connection: Connection, name: str, condition: str = "1 = 1", **values: Any
) -> Iterator[bytes]:
    """Stream the same rows as lines with their ends, some thousands at once."""
    query = text(TABLES[name].query(condition)).execution_options(yield_per=_AT_ONCE)
    with connection.execute(query, values) as result:
        for part in result.partitions(_IN_PART):
            yield format_rows([row[:-1] for row in part])


def binding_lines(
    connection: Connection, condition: str = "1 = 1", **values: Any
) -> Iterator[RowLine]:
    """Stream which rows each meter event carries: (event, month, JSON array of ids).

    The condition is SQL over `e`, the meter event; its :names are given as values.
    """
    streamed = text(bindings(condition)).execution_options(yield_per=_AT_ONCE)
    with connection.execute(streamed, values) as pairs:
        yield from by_event(chain.from_iterable(pairs.partitions(_IN_PART)))


def bindings(condition: str) -> str:
    """Return the SELECT of what meter events carry: (row, event, month), in order."""
    return _BINDINGS.format(condition=condition)


def by_event(pairs: Iterable[Sequence[Any]]) -> Iterator[RowLine]:
    """Yield a line for each event of `bindings`."""
    for (event, month), same in groupby(pairs, itemgetter(1, 2)):
        rows = [row[0] for row in same if row[0] is not None]
        yield RowLine(event, month, format_row(rows))
