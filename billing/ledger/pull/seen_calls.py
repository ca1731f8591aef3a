"""Seen calls: what became of each call of a pull, of however many, in little memory."""

import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

# So many are held as they are; more go into a file that nobody else sees.
MOST_HELD = 200_000
_AT_ONCE = 5_000
_TABLE = """
CREATE TABLE seen (
    name TEXT PRIMARY KEY, reason TEXT, month TEXT, placed_at TEXT, before INTEGER
) WITHOUT ROWID
"""
_KEEP = "INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?, ?)"
_AMONG = "name IN (SELECT value FROM json_each(?))"
_REASONS = "SELECT reason, count(*) FROM seen WHERE month IS NULL GROUP BY reason"
_MONTHS = """
SELECT month, count(*), max(before), min(placed_at), max(placed_at) FROM seen
WHERE month IS NOT NULL GROUP BY month ORDER BY month
"""


class Passing(NamedTuple):
    """A call of another month than the one that is pulled; its moment as a text."""

    month: str
    placed_at: str | None
    before_first_period: bool


class PassedMonth(NamedTuple):
    """The calls of another month: how many, and between which moments."""

    month: str
    calls: int
    before_first_period: bool  # any of them
    first_at: str | None
    last_at: str | None


# None: billed; a text: why it is not; or the month that it is of.
Outcome = str | Passing | None


class SeenCalls:
    """What became of each call, as it was seen last. One thread's own; close it."""

    def __init__(self, most_held: int = MOST_HELD) -> None:
        self._most = most_held
        self._held: dict[str, Outcome] = {}
        self._file: sqlite3.Connection | None = None

    def put(self, outcomes: Mapping[str, Outcome]) -> None:
        """Say what became of calls, in place of what was said before."""
        self._held.update(outcomes)
        if len(self._held) > self._most:
            self._spill()

    def drop(self, names: Collection[str]) -> None:
        """Forget calls."""
        for name in names:
            self._held.pop(name, None)
        if self._file is not None and names:
            self._file.execute(f"DELETE FROM seen WHERE {_AMONG}", _listed(names))  # noqa: S608 # ours

    def among(self, names: Iterable[str]) -> set[str]:
        """Return those of the names that were seen."""
        held, rest, found = self._held, iter(names), set[str]()
        while part := list(islice(rest, _AT_ONCE)):
            here = {name for name in part if name in held}
            found |= here
            if self._file is not None and len(here) < len(part):
                query = f"SELECT name FROM seen WHERE {_AMONG}"  # noqa: S608 # ours
                rows = self._file.execute(query, _listed(part))
                found.update(name for (name,) in rows.fetchall())
        return found

    def reasons(self) -> Counter[str | None]:
        """Count the calls of the month itself, by why they are not billed."""
        if self._file is not None:
            self._spill()
            return Counter(dict(self._file.execute(_REASONS).fetchall()))
        return Counter(
            outcome
            for outcome in self._held.values()
            if not isinstance(outcome, Passing)
        )

    def months(self) -> list[PassedMonth]:
        """Count the calls of other months."""
        file = self._file
        if file is not None:
            self._spill()
        else:
            file = _new_file(":memory:")
            _keep(file, self._passing())
        rows = file.execute(_MONTHS).fetchall()
        if file is not self._file:
            file.close()
        return [
            PassedMonth(
                month=month,
                calls=calls,
                before_first_period=bool(before),
                first_at=first,
                last_at=last,
            )
            for month, calls, before, first, last in rows
        ]

    def close(self) -> None:
        """Give up the file."""
        if self._file is not None:
            self._file.close()

    def _passing(self) -> Iterator["tuple[str, Outcome]"]:
        for name, outcome in self._held.items():
            if isinstance(outcome, Passing):
                yield name, outcome

    def _spill(self) -> None:
        if self._file is None:
            # Without a name it is temporary: beyond its cache, SQLite writes to disk.
            self._file = _new_file("")
        _keep(self._file, self._held.items())
        self._held.clear()


def _new_file(name: str) -> sqlite3.Connection:
    file = sqlite3.connect(name, isolation_level=None)
    file.execute(_TABLE)
    return file


def _keep(file: sqlite3.Connection, outcomes: Iterable["tuple[str, Outcome]"]) -> None:
    file.execute("BEGIN")
    file.executemany(
        _KEEP,
        (
            (name, None, *outcome)
            if isinstance(outcome, Passing)
            else (name, outcome, None, None, None)
            for name, outcome in outcomes
        ),
    )
    file.execute("COMMIT")


def _listed(names: Collection[str]) -> tuple[str]:
    return (json.dumps(list(names)),)
