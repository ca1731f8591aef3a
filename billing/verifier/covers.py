"""Covers: what events say of ranges of rows, compared with the rows themselves."""

import sqlite3
from bisect import bisect_right
from collections.abc import Sequence
from hashlib import sha256
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
