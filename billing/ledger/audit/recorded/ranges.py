"""Recorded ranges: rows that only come, compared with what their event recorded."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import NamedTuple

from sqlalchemy import Connection, select

from billing.ledger.audit.canonical_json import format_rows
from billing.ledger.audit.covered_tables import TABLES
from billing.ledger.audit.recorded.comparison import refuse_faults
from billing.ledger.audit.row_reader import Condition, Selection, gather
from billing.ledger.schema.tables import row_range

_column = row_range.c


class RecordedRange(NamedTuple):
    """Rows of a table and month that one event covers together."""

    period: str
    first: int
    last: int
    rows: int
    sha256: str


class Place(NamedTuple):
    """Where a row stands: its number, and its month."""

    number: int
    period: str


def recorded_ranges(
    connection: Connection, name: str, periods: Iterable[str]
) -> dict[str, list[RecordedRange]]:
    """Return the ranges of a table in some months, in the order of their rows."""
    columns = [_column[field] for field in RecordedRange._fields]
    query = select(*columns).where(_column.name == name, _column.period.in_([*periods]))
    ranges: dict[str, list[RecordedRange]] = defaultdict(list)
    for row in connection.execute(query.order_by(_column.period, _column.first)):
        ranges[row.period].append(RecordedRange(*row))
    return ranges


def range_faults(
    connection: Connection, name: str, ranges: Iterable[RecordedRange]
) -> Iterator[str]:
    """Say which ranges of a table hold other rows than were recorded."""
    covered = TABLES[name]
    for period, first, last, count, recorded in sorted(ranges, key=lambda r: r.first):
        condition = Condition(f"t.id BETWEEN {first} AND {last}")
        (found,) = gather(connection, [Selection(covered, condition)])
        rows = [list(row[:-1]) for row in found if row[-1] == period]
        where = (
            f"rows {first} to {last} of {name}"
            if last > first
            else f"row {first} of {name}"
        )
        if len(rows) != count:
            yield f"{where} are {len(rows)}, and the audit trail recorded {count}"
        elif sha256(format_rows(rows)).hexdigest() != recorded:
            yield f"{where}: not as the audit trail recorded it"


def place_faults(
    connection: Connection, name: str, places: Sequence[Place]
) -> Iterator[str]:
    """Say which of these rows, or their neighbours, are not as they were recorded."""
    ranges = recorded_ranges(connection, name, {place.period for place in places})
    begins = {
        period: [each.first for each in of_month] for period, of_month in ranges.items()
    }
    chosen: set[RecordedRange] = set()
    for number, period in places:
        following = bisect_right(begins.get(period, []), number)
        if following and number <= ranges[period][following - 1].last:
            chosen.add(ranges[period][following - 1])
        else:
            yield f"no audit event covers row {number} of {name}"
    yield from range_faults(connection, name, chosen)


def refuse_altered_places(
    connection: Connection, name: str, places: Sequence[Place]
) -> None:
    """Refuse to go on from rows that are not as they were recorded; AlteredRows."""
    if places:
        refuse_faults(place_faults(connection, name, places))
