"""Closes: the digest of what was frozen, computed again from the rows."""

import json
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from hashlib import sha256
from typing import Any

from billing.verifier.call_history import Revision, Usage
from billing.verifier.findings import NONSENSE, BadRecord
from billing.verifier.prices import PriceList
from billing.verifier.shapes import TABLE_FILES

_FORMAT = "pamela-billing close 1"
_format = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_CUSTOMERS = """
SELECT customer, currency, COUNT(*), SUM(billed_minutes), SUM(amount_micro)
FROM b2b_usage WHERE period = ? GROUP BY customer, currency ORDER BY customer, currency
"""
_FROZEN = "SELECT period, line FROM frozen ORDER BY period, account, call_id, rowid"
_LINES_AT_ONCE = 1_000
_NAMES = ("customer", "currency", "rows", "minutes", "amount_micro")


def customer_sums(work: sqlite3.Connection, period: str) -> list[tuple[Any, ...]]:
    """Return (customer, currency, rows, minutes, micro-units) of a month."""
    return work.execute(_CUSTOMERS, (period,)).fetchall()


class Closes:
    """The closed months of a source, and what their digests are made of.

    The lines of calls come in any order, and are brought into theirs at the end.
    """

    def __init__(self, work: sqlite3.Connection, prices: PriceList) -> None:
        self._work, self._prices = work, prices
        query = "SELECT period, digest, totals FROM period_close ORDER BY period"
        self.closed = {row[0]: (row[1], row[2]) for row in work.execute(query)}
        self._lines: list[tuple[str, str, str, int | None, str]] = []

    def add(
        self,
        revisions: Sequence[Revision],
        rows: Sequence[Usage],
        name: int | None = None,
    ) -> None:
        """Add the rows of a call; by a hash of its name they can be left out again."""
        for row in rows:
            if row.period not in self.closed:
                continue
            extracts = [
                revision.extract_sha256
                for revision in revisions
                if revision.revision == row.call_revision
            ]
            price = self._prices.by_id.get(row.price_id or 0)
            corrected = next((r for r in rows if r.id == row.corrects), None)
            line = (
                "usage",
                *row[:5],
                row.type,
                *row[8:12],
                row.posted_at,
                price and price.effective_from,
                *(corrected[2:5] if corrected else (None, None, None)),
                extracts[0] if extracts else None,
            )
            self._lines.append((row.period, *row[:2], name, _format(line)))
        if len(self._lines) > _LINES_AT_ONCE:
            self._keep()

    def _keep(self) -> None:
        self._work.executemany("INSERT INTO frozen VALUES (?, ?, ?, ?, ?)", self._lines)
        self._lines.clear()

    def leave_out(self, names: Collection[int] | None) -> None:
        """Leave out the rows of calls that come again; of all where None."""
        self._keep()
        if names is None:
            self._work.execute("DELETE FROM frozen")
        elif self.closed and names:
            self._work.execute("CREATE TABLE left_out (name INTEGER PRIMARY KEY)")
            self._work.executemany(
                "INSERT INTO left_out VALUES (?)", ((name,) for name in names)
            )
            self._work.execute(
                "DELETE FROM frozen WHERE name IN (SELECT name FROM left_out)"
            )

    def finish(self, periods: Sequence[str]) -> None:
        """Compare the digest and the totals of each month; raises BadRecord."""
        self._keep()
        digests = {period: sha256() for period in self.closed}
        for period in periods:
            for opening in self._opening(period):
                digests[period].update(f"{_format(opening)}\n".encode())
        for period, line in self._work.execute(_FROZEN):
            digests[period].update(f"{line}\n".encode())
        for period in periods:
            where = f"{TABLE_FILES['period_close']}, {period}"
            sums = customer_sums(self._work, period)
            for total in sums:
                digests[period].update(f"{_format(('total', *total))}\n".encode())
            frozen, totals = self.closed[period]
            if digests[period].hexdigest() != frozen:
                raise BadRecord(
                    where, "its rows have another digest than the one it froze"
                )
            try:
                named = json.loads(totals or "{}").get("customers", [])
            except NONSENSE as fault:
                raise BadRecord(where, f"its totals are none ({fault!r:.80})") from None
            if totals and named != [dict(zip(_NAMES, s, strict=True)) for s in sums]:
                raise BadRecord(where, "its totals are not those of its rows")

    def _opening(self, period: str) -> Iterator[tuple[str, ...]]:
        """Yield what stands before the rows: the month, and the prices they name."""
        yield _FORMAT, period
        query = "SELECT DISTINCT price_id FROM b2b_usage WHERE period = ?"
        named = {number for (number,) in self._work.execute(query, (period,))}
        for price in self._prices.listed:
            if price.id in named:
                yield "price", *price[1:4]
