"""Covers: what events say of ranges of rows, compared with the rows themselves."""

import sqlite3
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import count, islice, pairwise
from operator import eq, lt
from typing import NoReturn

from billing.verifier.findings import BadRecord
from billing.verifier.shapes import TABLE_FILES

_COVERS = (
    "SELECT first, last, rows, sha, sequence FROM cover "
    "WHERE tbl = ? AND period = ? ORDER BY first"
)
_END = (1 << 63, 1 << 63, 0, "", 0)


class Months:
    """The months whose rows must all be there; every month where none is named."""

    def __init__(self, period: str | None) -> None:
        self.period = period
        self._wanted = frozenset({"", period})

    def __contains__(self, period: str) -> bool:
        return self.period is None or period in self._wanted

    def condition(self, column: str) -> str:
        """Return the same in SQL."""
        return "1" if self.period is None else f"{column} IN ('', '{self.period}')"


class RowRanges:
    """The ranges of one table and month, each compared with the rows in it."""

    def __init__(
        self, work: sqlite3.Connection, table: str, period: str, *, whole: bool
    ) -> None:
        self._table, self._period, self._whole = table, period, whole
        self._covers = iter(work.execute(_COVERS, (table, period)))
        self._before = 0
        self._next()

    def _next(self) -> None:
        cover: tuple[int, int, int, str, int] = next(self._covers, _END)
        self.first, self.last, self._rows, self._sha, self.sequence = cover
        self._found, self._digest = 0, sha256()

    def take(
        self, numbers: Sequence[int], lines: Sequence[bytes], first: int, until: int
    ) -> int:
        """Take rows of the month, as many as one event covers; returns where they end.

        Their numbers rise up to `until`, and there is one at least. Raises BadRecord.
        """
        self.add(numbers[first], lines[first])
        end = bisect_right(numbers, self.last, first + 1, until)
        if end > first + 1:
            self._before = numbers[end - 1]
            self._found += end - first - 1
            self._digest.update(b"\n".join(lines[first + 1 : end]) + b"\n")
        return end

    def add(self, number: int, line: bytes) -> None:
        """Take the next row of the month; raises BadRecord."""
        if not self._before < number < _END[0]:
            self._refuse(number, "it is out of order, or there twice")
        self._before = number
        while number > self.last:
            self.end()
            self._next()
        if number < self.first:
            self._refuse(number, "no audit event covers it; it was added past them")
        self._found += 1
        self._digest.update(line + b"\n")

    def _refuse(self, number: int, why: str) -> NoReturn:
        raise BadRecord(f"{TABLE_FILES[self._table]}, row {number}", why)

    def end(self) -> None:
        """Compare a range that is over; raises BadRecord."""
        if not self._found and not self._whole:
            return
        of = f"rows {self.first} to {self.last} of {self._period or 'no month'}"
        where = f"{TABLE_FILES[self._table]}, {of}"
        if self._found != self._rows:
            recorded = f"audit event {self.sequence} covers {self._rows}"
            raise BadRecord(where, f"{self._found} rows are there, {recorded}")
        if self._digest.hexdigest() != self._sha:
            why = f"they are not as audit event {self.sequence} recorded them"
            raise BadRecord(where, why)

    def finish(self) -> None:
        """Compare the ranges that are left."""
        while self.first != _END[0]:
            self.end()
            self._next()


class MonthRanges:
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


class NumberRuns:
    """The numbers of rows as runs without a gap, so that each is there once."""

    def __init__(self) -> None:
        self._ends: dict[int, int] = {}
        self._first = self._last = 0
        self._is_twice = False

    def add(self, numbers: Sequence[int]) -> None:
        """Take the next numbers."""
        if numbers and numbers[0] == self._last + 1 and _are_one_run(numbers):
            self._last = numbers[-1]
            return
        for number in numbers:
            if number != self._last + 1:
                self._end()
                self._first = number
            self._last = number

    def _end(self) -> None:
        self._is_twice = self._is_twice or self._first in self._ends
        self._ends[self._first] = self._last

    def overlap(self) -> bool:
        """Say whether a number was there twice."""
        self._end()
        runs = sorted(self._ends.items())
        return self._is_twice or any(
            first <= before for (_, before), (first, _) in pairwise(runs)
        )


def _are_one_run(numbers: Sequence[int]) -> bool:
    return all(map(eq, numbers, count(numbers[0])))
