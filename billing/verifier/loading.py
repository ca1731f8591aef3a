"""Loading: each row is compared with the chain, and what counts is kept."""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

from billing.verifier.chain import Balance, Chain
from billing.verifier.covers import Months, RowRanges
from billing.verifier.entries import hold
from billing.verifier.findings import NONSENSE, BadRecord
from billing.verifier.shapes import SHAPES, TABLE_FILES, LineSource, read_rows
from billing.verifier.workspace import columns_of


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
        kept = columns_of(self._work, name)
        places = [SHAPES[name].place(column) for column in kept]
        rows = self._together(name) if SHAPES[name].together else self._each(name)
        if not kept:
            for _ in rows:
                pass
            return
        marks = ", ".join("?" * len(kept))
        insert = f"INSERT INTO {name} VALUES ({marks})"  # noqa: S608 # names of ours
        self._work.executemany(insert, ([row[at] for at in places] for row in rows))
        if name == "reconciliation_run":
            query = "SELECT id, period FROM reconciliation_run"
            self._runs = dict(self._work.execute(query))

    def _together(self, name: str) -> Iterator[list[Any]]:
        """Yield the rows of a table whose rows have digests by ranges."""
        month_of, add = self._month_of(name), self._adder(name)
        open_: dict[str, RowRanges] = {}
        for period in self._wanted(name):
            open_[period] = RowRanges(self._work, name, period, whole=True)
        for _, line, row in read_rows(self._source, name):
            number, month = row[0], month_of(row)
            row_ranges = open_.get(month)
            if row_ranges is None:
                row_ranges = RowRanges(self._work, name, month, whole=False)
                open_[month] = row_ranges
            row_ranges.add(number, line)
            if add:
                add(row_ranges.sequence, row)
            yield row
        for _, row_ranges in sorted(open_.items()):
            row_ranges.finish()
        if add:
            self._compare_gains()

    def _wanted(self, name: str) -> list[str]:
        query = (
            "SELECT DISTINCT period FROM cover WHERE tbl = ? AND "  # noqa: S608 # a checked month
            f"{self._months.condition('period')}"
        )
        return [period for (period,) in self._work.execute(query, (name,))]

    def _month_of(self, name: str) -> Callable[[list[Any]], str]:
        if SHAPES[name].month == "run_id":
            run = SHAPES[name].place("run_id")
            return lambda row: self._runs.get(row[run], "no month")
        place = SHAPES[name].place("period")
        return lambda row: str(row[place])

    def _adder(self, name: str) -> Callable[[int, list[Any]], None] | None:
        if name != "b2b_usage":
            return None
        shape = SHAPES[name]
        minutes, amount = shape.place("billed_minutes"), shape.place("amount_micro")
        self._sums: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])

        def add(sequence: int, row: list[Any]) -> None:
            sums = self._sums[sequence]
            sums[0] += 1
            sums[1] += row[minutes]
            sums[2] += row[amount]

        return add

    def _compare_gains(self) -> None:
        """Compare what rows add up to with what their event added to the balance."""
        for sequence, sums in sorted(self._sums.items()):
            gain = self._chain.gains.get(sequence)
            if gain is not None and gain.rows == sums[0] and gain != Balance(*sums):
                why = f"audit event {sequence} adds {gain.minutes} minutes"
                raise BadRecord(TABLE_FILES["b2b_usage"], f"{why}, its rows {sums[1]}")

    def _each(self, name: str) -> Iterator[list[Any]]:
        """Yield the rows of a table whose rows have a digest each."""
        place = SHAPES[name].place(SHAPES[name].key)
        part: list[tuple[str, Any, bytes]] = []
        for _, line, row in read_rows(self._source, name):
            part.append((name, row[place], sha256(line).digest()))
            if len(part) == 1_000:
                hold(self._work, part)
                part.clear()
            yield row
        hold(self._work, part)
