"""Loading: each row is compared with the chain, and what counts is kept."""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import islice
from operator import lt
from typing import Any

from billing.verifier.chain import Balance, Chain
from billing.verifier.covers import Months, RowRanges
from billing.verifier.entries import hold
from billing.verifier.findings import NONSENSE, BadRecord
from billing.verifier.rows import LineSource, read_parts
from billing.verifier.shapes import SHAPES, TABLE_FILES
from billing.verifier.workspace import columns_of

# The values of some rows, column by column.
Columns = Sequence[Sequence[Any]]


class RowLoader:
    """Reads the tables of a source, compares them with the chain, keeps what counts."""

    def __init__(
        self, source: LineSource, work: sqlite3.Connection, chain: Chain, months: Months
    ) -> None:
        self._source, self._work, self._chain = source, work, chain
        self._months = months
        self._runs: dict[int, str] = {}

    def load_all(self) -> None:
        """Load every table; raises BadRecord at the first row that is not as it was."""
        for name in SHAPES:
            try:
                self._load(name)
            except (sqlite3.IntegrityError, sqlite3.DataError):
                why = "a row is there twice, or its rows are out of order"
                raise BadRecord(TABLE_FILES[name], why) from None
            except NONSENSE as fault:
                why = f"a row is out of all bounds ({fault!r:.80})"
                raise BadRecord(TABLE_FILES[name], why) from None

    def _load(self, name: str) -> None:
        if SHAPES[name].together:
            self._load_together(name)
        else:
            self._load_each(name)
        if name == "reconciliation_run":
            query = "SELECT id, period FROM reconciliation_run"
            self._runs = dict(self._work.execute(query))

    def _load_together(self, name: str) -> None:
        """Load a table whose rows have digests by ranges."""
        months_of, keep = self._months_of(name), self._keeper(name)
        ranges = _MonthRanges(self._work, name, self._wanted(name))
        sums = _Sums() if name == "b2b_usage" else None
        for lines, rows in read_parts(self._source, name):
            columns = [*zip(*rows, strict=True)]
            end = 0
            try:
                for first, end, sequence in ranges.take(
                    columns[0], months_of(columns), lines
                ):
                    if sums is not None:
                        sums.add(sequence, columns, first, end)
            finally:
                # Where a row is refused, those before it were kept till then.
                keep(columns, end)
        ranges.finish()
        if sums is not None:
            sums.compare(self._chain.gains)

    def _wanted(self, name: str) -> list[str]:
        query = (
            "SELECT DISTINCT period FROM cover WHERE tbl = ? AND "  # noqa: S608 # a checked month
            f"{self._months.condition('period')}"
        )
        return [period for (period,) in self._work.execute(query, (name,))]

    def _months_of(self, name: str) -> Callable[[Columns], Sequence[str]]:
        if SHAPES[name].month == "run_id":
            run = SHAPES[name].place("run_id")
            return lambda columns: [
                self._runs.get(number, "no month") for number in columns[run]
            ]
        place = SHAPES[name].place("period")
        return lambda columns: columns[place]

    def _load_each(self, name: str) -> None:
        """Load a table whose rows have a digest each."""
        place, keep = SHAPES[name].place(SHAPES[name].key), self._keeper(name)
        for lines, rows in read_parts(self._source, name):
            keep([*zip(*rows, strict=True)], len(rows))
            hold(
                self._work,
                [
                    (name, row[place], sha256(line).digest())
                    for row, line in zip(rows, lines, strict=True)
                ],
            )

    def _keeper(self, name: str) -> Callable[[Columns, int], None]:
        """Return what keeps so many rows of a table, in the columns that count."""
        kept = columns_of(self._work, name)
        places = [SHAPES[name].place(column) for column in kept]
        marks = ", ".join("?" * len(kept))
        insert = f"INSERT INTO {name} VALUES ({marks})"  # noqa: S608 # names of ours

        def keep(columns: Columns, rows: int) -> None:
            if places:
                chosen = [columns[place][:rows] for place in places]
                self._work.executemany(insert, zip(*chosen, strict=True))

        return keep


class _MonthRanges:
    """The ranges of a table, of each month, compared with its rows as they come."""

    def __init__(
        self, work: sqlite3.Connection, table: str, wanted: Sequence[str]
    ) -> None:
        self._work, self._table = work, table
        self._open = {
            period: RowRanges(work, table, period, whole=True) for period in wanted
        }

    def take(
        self, numbers: Sequence[int], months: Sequence[str], lines: Sequence[bytes]
    ) -> Iterator[tuple[int, int, int]]:
        """Take the next rows; yields (first, end, event) for those of one event.

        Raises BadRecord.
        """
        rising = all(map(lt, numbers, islice(numbers, 1, None)))
        end = 0
        while end < len(numbers):
            first = end
            until = _end_of_month(months, first) if rising else first + 1
            of_month = self._of(months[first])
            end = of_month.take(numbers, lines, first, until)
            yield first, end, of_month.sequence

    def _of(self, month: str) -> RowRanges:
        of_month = self._open.get(month)
        if of_month is None:
            of_month = RowRanges(self._work, self._table, month, whole=False)
            self._open[month] = of_month
        return of_month

    def finish(self) -> None:
        """Compare the ranges that are left."""
        for _, of_month in sorted(self._open.items()):
            of_month.finish()


def _end_of_month(months: Sequence[str], first: int) -> int:
    """Return where rows of another month begin."""
    month, end = months[first], first + 1
    while end < len(months) and months[end] == month:
        end += 1
    return end


class _Sums:
    """What the rows of usage add up to that each event covers."""

    def __init__(self) -> None:
        shape = SHAPES["b2b_usage"]
        self._minutes = shape.place("billed_minutes")
        self._amount = shape.place("amount_micro")
        self._sums: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])

    def add(self, sequence: int, columns: Columns, first: int, end: int) -> None:
        """Add the rows from the first one up to the end."""
        sums = self._sums[sequence]
        sums[0] += end - first
        sums[1] += sum(columns[self._minutes][first:end])
        sums[2] += sum(columns[self._amount][first:end])

    def compare(self, gains: Mapping[int, Balance]) -> None:
        """Compare what rows add up to with what their event added to the balance."""
        for sequence, sums in sorted(self._sums.items()):
            gain = gains.get(sequence)
            if gain is not None and gain.rows == sums[0] and gain != Balance(*sums):
                why = f"audit event {sequence} adds {gain.minutes} minutes"
                raise BadRecord(TABLE_FILES["b2b_usage"], f"{why}, its rows {sums[1]}")
