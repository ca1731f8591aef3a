"""Pairs: a call that was said once, and the row of usage that was written with it.

They are rated as they come, and need not be brought into order. Of whatever is more
than a pair, or not right, every row is kept: that is rated after the others.
"""

import sqlite3
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, compress, islice, repeat
from operator import eq
from typing import Any, NamedTuple

from billing.verifier.call_history import Name, Revision, Usage
from billing.verifier.calls import DECIDED, Rating, Record
from billing.verifier.closes import Closes
from billing.verifier.covers import Months
from billing.verifier.findings import BadRecord
from billing.verifier.prices import PriceList
from billing.verifier.rows import LineSource, read_lines
from billing.verifier.shapes import SHAPES, TABLE_FILES, read_json

# So many calls wait for their rows, which come in the same order.
_MOST_WAITING = 20_000
# More calls than that are no exceptions; and of more rows no hashes are held.
_MOST_APART, _MOST_ROWS = 100_000, 6_000_000
_SORTED_AT_ONCE = 2**18
_BOUND = 2**63
_OF_REVISION = [SHAPES["call"].place(name) for name in Revision._fields]
_OF_USAGE = [
    SHAPES["b2b_usage"].place("billed_minutes" if name == "minutes" else name)
    for name in Usage._fields
]
_TELLING = ("revision", "status", "not_billable")
# The values of some rows, column by column.
Columns = Sequence[Sequence[Any]]
_PERIOD = Usage._fields.index("period")
# A call that waits for its row: where among all it is, and what was said of it.
_Waiting = tuple[int, Record]
_revision, _usage = partial(tuple.__new__, Revision), partial(tuple.__new__, Usage)


class Compared(NamedTuple):
    """Some rows that were compared with the chain, column by column.

    Plain are those in which no text is spelled by the numbers of its signs.
    """

    columns: Columns
    plain: bool


class Pairs:
    """The calls and rows of a source, as far as they are pairs.

    Names of calls are held as hashes: of two names with the same one, neither is taken
    for a pair.
    """

    def __init__(
        self, work: sqlite3.Connection, months: Months, asked: str | None
    ) -> None:
        """Prices and closes are loaded. Of a call that is asked for all rows are kept.

        Raises BadRecord for what is no price.
        """
        prices = PriceList(work)
        self.closes = Closes(work, prices)
        self._months, self._asked = months, asked
        self._rating = Rating(prices, months, self.closes.closed, {})
        self._waiting: dict[Name, _Waiting] = {}
        self._names = {"call": array("q"), "b2b_usage": array("q")}
        # Of each call: 1 where it was rated, 2 where it was so with a row.
        self._rated = bytearray()
        self._apart: set[int] = set()
        self._all_apart = False

    def take(self, calls: Iterator[Compared], usage: Iterable[Compared]) -> None:
        """Rate what are pairs, while both tables are read."""
        for columns, plain in usage:
            if self._has_enough():
                continue
            names = self._named("b2b_usage", columns)
            for name, row in zip(names, _records(columns, _OF_USAGE), strict=True):
                call = self._waiting.pop(name, None) or self._awaited(name, calls)
                if call is None or not plain:
                    self.put_apart(name)
                else:
                    self._rate(name, call, row)
        for part in calls:
            self._take_calls(part)
        self._let_go()

    def _has_enough(self) -> bool:
        """Say whether pairs are no longer looked for."""
        if len(self._names["call"]) + len(self._names["b2b_usage"]) > _MOST_ROWS:
            self._all_apart = True
        return self._all_apart

    def _named(self, table: str, columns: Columns) -> list[Name]:
        shape = SHAPES[table]
        account, call_id = shape.place("account"), shape.place("call_id")
        names = [*zip(columns[account], columns[call_id], strict=True)]
        self._names[table].extend(map(hash, names))
        if self._asked is not None and self._asked in columns[call_id]:
            for name in names:
                if name[1] == self._asked:
                    self.put_apart(name)
        return names

    def _awaited(self, name: Name, calls: Iterator[Compared]) -> _Waiting | None:
        """Return the call that waits for a row, once it is read."""
        while name not in self._waiting:
            part = next(calls, None) if len(self._waiting) < _MOST_WAITING else None
            if part is None:
                return None
            self._take_calls(part)
        return self._waiting.pop(name)

    def _take_calls(self, part: Compared) -> None:
        if self._has_enough():
            return
        columns = part.columns
        names, first = self._named("call", columns), len(self._rated)
        self._rated.extend(bytes(len(names)))
        calls = enumerate(_records(columns, _OF_REVISION), first)
        waiting = zip(names, calls, strict=True)
        if part.plain and _are_said_once(columns):
            self._waiting.update(waiting)
            return
        for name, call in waiting:
            revision = _revision(call[1])
            is_first = revision.revision == 1 and revision.status != DECIDED
            if not (part.plain and is_first):
                self.put_apart(name)
            elif revision.not_billable is None:
                self._waiting[name] = call
            else:
                self._rate(name, call, None)

    def _rate(self, name: Name, call: _Waiting, row: Record | None) -> None:
        """Rate a call with the row that came to it, or without one."""
        place, values = call
        if row is not None and self._rating.is_plain_pair(values, row):
            self._rated[place] = 2 if row[_PERIOD] in self._months else 0
            if row[_PERIOD] in self.closes.closed:
                self.closes.add((_revision(values),), (_usage(row),), hash(name))
            return
        revision, rows = _revision(values), () if row is None else (_usage(row),)
        try:
            if self._rating.concerns((revision,), rows):
                self._rating.check((revision,), rows)
                self._rated[place] = 1 + len(rows)
                self.closes.add((revision,), rows, hash(name))
        except BadRecord:
            # Which record is the first bad one is seen in the order of all calls.
            self.put_apart(name)

    def put_apart(self, name: Name) -> None:
        """Let every row of a call be kept."""
        self._apart.add(hash(name))
        if len(self._apart) > _MOST_APART:
            self._all_apart = True

    def _let_go(self) -> None:
        """Rate the calls to which no row came."""
        for name, call in self._waiting.items():
            self._rate(name, call, None)
        self._waiting.clear()

    def finish(self, decided: Iterable[Name]) -> tuple[int, int]:
        """Return how many calls and rows were rated, without those that are kept."""
        for name in decided:
            self.put_apart(name)
        self._apart.update(_twice(self._names["call"]))
        self._all_apart = self._all_apart or len(self._apart) > _MOST_APART
        self.closes.leave_out(None if self._all_apart else self._apart)
        if self._all_apart:
            return 0, 0
        if self._apart:
            for place, hashed in enumerate(self._names["call"]):
                if hashed in self._apart:
                    self._rated[place] = 0
        with_row = self._rated.count(2)
        return self._rated.count(1) + with_row, with_row

    def rows_apart(self, source: LineSource, table: str) -> Iterator[list[Any]]:
        """Yield the rows that are kept, once they are read again."""
        is_apart = map(self._apart.__contains__, self._names[table])
        lines = islice(read_lines(source, TABLE_FILES[table]), 1, None)
        chosen = compress(lines, repeat(True) if self._all_apart else is_apart)
        return map(read_json, chosen) if self._all_apart or self._apart else iter(())


def _records(columns: Columns, places: Sequence[int]) -> Iterator[Record]:
    return zip(*map(columns.__getitem__, places), strict=True)


def _are_said_once(columns: Columns) -> bool:
    """Say whether calls were said once, as far as they say, and are to be billed."""
    of = {name: columns[SHAPES["call"].place(name)] for name in _TELLING}
    return (
        {*of["revision"]} == {1}
        and {*of["not_billable"]} == {None}
        and DECIDED not in of["status"]
    )


def _twice(names: "array[int]") -> Iterator[int]:
    """Yield the hashes that are there twice; some thousands are sorted at once."""
    runs = []
    for first in range(0, len(names), _SORTED_AT_ONCE):
        run = sorted(names[first : first + _SORTED_AT_ONCE])
        yield from _neighbours(run)
        runs.append(array("q", dict.fromkeys(run)))
    step = 2 * _BOUND // max(len(runs), 1)
    for low in range(-_BOUND, _BOUND, step) if len(runs) > 1 else ():
        of_runs = [
            run[bisect_left(run, low) : bisect_left(run, low + step)] for run in runs
        ]
        yield from _neighbours(sorted(chain.from_iterable(of_runs)))


def _neighbours(run: Sequence[int]) -> Iterator[int]:
    """Yield what equals the number after it."""
    return compress(run, map(eq, run, islice(run, 1, None)))
