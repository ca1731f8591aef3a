"""Loading: each row is compared with the chain, and what counts is kept."""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from itertools import islice

from billing.verifier.call_history import read_decisions
from billing.verifier.chain import Balance, Chain
from billing.verifier.covers import MonthRanges, Months, NumberRuns
from billing.verifier.entries import hold
from billing.verifier.findings import NONSENSE, BadRecord
from billing.verifier.pairs import Columns, Compared, Pairs
from billing.verifier.rows import LineSource, read_parts
from billing.verifier.shapes import SHAPES, TABLE_FILES
from billing.verifier.workspace import columns_of

_PAIRED = ("call", "b2b_usage")
# What of a row of usage is needed once its call was rated.
_METERED = (
    "id",
    "customer",
    "period",
    "hour",
    "billed_minutes",
    "amount_micro",
    "currency",
    "price_id",
    "pull_id",
)
_APART_AT_ONCE = 250
_LEAST, _GREATEST = -(2**63), 2**63 - 1
_TWICE = "a row is there twice, or its rows are out of order"


class RowLoader:
    """Reads the tables of a source, compares them with the chain, keeps what counts.

    Calls and usage are rated as they come, as far as they are pairs.
    """

    def __init__(
        self,
        source: LineSource,
        work: sqlite3.Connection,
        chain: Chain,
        months: Months,
        asked: str | None = None,
    ) -> None:
        self._source, self._work, self._chain = source, work, chain
        self._months, self._asked = months, asked
        self._runs: dict[int, str] = {}
        self.pairs: Pairs | None = None

    def load_all(self) -> None:
        """Load every table; raises BadRecord at the first row that is not as it was."""
        for name in SHAPES:
            with _named(name):
                if name == "call":
                    self.pairs = self._new_pairs()
                if self.pairs is None or name not in _PAIRED:
                    self._load(name)
                elif name == "call":
                    self._load_pairs(self.pairs)

    def _new_pairs(self) -> Pairs | None:
        try:
            return Pairs(self._work, self._months, self._asked)
        except BadRecord:
            # A price that is none is named when all rows are known to be as they were.
            return None

    def _load_pairs(self, pairs: Pairs) -> None:
        calls = self._compared_calls()
        try:
            pairs.take(calls, self._compared_usage())
        except BadRecord:
            # What is wrong with a call comes before what is wrong with a row of usage.
            for _ in calls:
                pass
            raise

    def _compared_calls(self) -> Iterator[Compared]:
        """Yield calls, each there once; raises BadRecord."""
        numbers, check = NumberRuns(), self._bounds("call")
        for part in self._compared("call"):
            check(part)
            numbers.add(part.columns[0])
            yield part
        if numbers.overlap():
            raise BadRecord(TABLE_FILES["call"], _TWICE)

    def _compared_usage(self) -> Iterator[Compared]:
        """Yield rows of usage, once what the meter and the totals need is kept."""
        with _named("b2b_usage"):
            check, keep = self._bounds("b2b_usage"), self._keeper("b2b_usage", _METERED)
            for part in self._compared("b2b_usage"):
                check(part)
                keep(part.columns)
                yield part

    def _bounds(self, name: str) -> Callable[[Compared], None]:
        """Return what asks the database for rows that it may not be able to hold."""
        kept = columns_of(self._work, name)
        places = [SHAPES[name].place(column) for column in kept]
        numbers = [place for place in places if SHAPES[name].kinds[place] in "iI"]
        query = f"SELECT {', '.join('?' * len(kept))}"

        def check(part: Compared) -> None:
            every = {0}.union(*map(part.columns.__getitem__, numbers)) - {None}
            if part.plain and _LEAST <= min(every) <= max(every) <= _GREATEST:
                return
            for row in zip(*map(part.columns.__getitem__, places), strict=True):
                self._work.execute(query, row)

        return check

    def keep_apart(self) -> tuple[int, int]:
        """Keep the rows that are not rated yet; returns how many calls and rows are."""
        if self.pairs is None:
            return 0, 0
        rated = self.pairs.finish(read_decisions(self._work))
        for name in _PAIRED:
            with _named(name):
                # Of a row of usage a part is there already.
                verb = "REPLACE" if name == "b2b_usage" else "INSERT"
                keep = self._keeper(name, verb=verb)
                rows = self.pairs.rows_apart(self._source, name)
                for part in iter(lambda: [*islice(rows, _APART_AT_ONCE)], []):  # noqa: B023 # used at once
                    keep([*zip(*part, strict=True)])
        return rated

    def _load(self, name: str) -> None:
        if SHAPES[name].together:
            keep = self._keeper(name)
            for part in self._compared(name):
                keep(part.columns)
        else:
            self._load_each(name)
        if name == "reconciliation_run":
            query = "SELECT id, period FROM reconciliation_run"
            self._runs = dict(self._work.execute(query))

    def _compared(self, name: str) -> Iterator[Compared]:
        """Yield the rows of a table whose rows have digests by ranges."""
        months_of = self._months_of(name)
        ranges = MonthRanges(self._work, name, self._wanted(name))
        sums = _Sums() if name == "b2b_usage" else None
        for lines, rows, plain in read_parts(self._source, name):
            columns = [*zip(*rows, strict=True)]
            end = 0
            try:
                for first, end, sequence in ranges.take(
                    columns[0], months_of(columns), lines
                ):
                    if sums is not None:
                        sums.add(sequence, columns, first, end)
            except BadRecord:
                # Those before the one that is refused may be worse in other ways.
                yield Compared([column[:end] for column in columns], plain)
                raise
            yield Compared(columns, plain)
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
        for lines, rows, _ in read_parts(self._source, name):
            keep([*zip(*rows, strict=True)])
            hold(
                self._work,
                [
                    (name, row[place], sha256(line).digest())
                    for row, line in zip(rows, lines, strict=True)
                ],
            )

    def _keeper(
        self, name: str, chosen: Sequence[str] = (), verb: str = "INSERT"
    ) -> Callable[[Columns], None]:
        """Return what keeps rows of a table, in the columns that count."""
        kept = chosen or columns_of(self._work, name)
        places = [SHAPES[name].place(column) for column in kept]
        marks = ", ".join("?" * len(kept))
        whole = f"{name} ({', '.join(kept)})"
        insert = f"{verb} INTO {whole} VALUES ({marks})"  # names of ours

        def keep(columns: Columns) -> None:
            if places and columns:
                self._work.executemany(
                    insert, zip(*map(columns.__getitem__, places), strict=True)
                )

        return keep


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Say of which table a fault is; raises BadRecord."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.DataError):
        raise BadRecord(TABLE_FILES[name], _TWICE) from None
    except NONSENSE as fault:
        why = f"a row is out of all bounds ({fault!r:.80})"
        raise BadRecord(TABLE_FILES[name], why) from None


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
