"""Closes: the digest of what was frozen, computed again from the rows."""

import json
import sqlite3
from collections.abc import Sequence
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
_NAMES = ("customer", "currency", "rows", "minutes", "amount_micro")


def customer_sums(work: sqlite3.Connection, period: str) -> list[tuple[Any, ...]]:
    """Return (customer, currency, rows, minutes, micro-units) of a month."""
    return work.execute(_CUSTOMERS, (period,)).fetchall()


class Closes:
    """The closed months of a source, and their digests as far as they have come."""

    def __init__(self, work: sqlite3.Connection, prices: PriceList) -> None:
        self._work, self._prices = work, prices
        query = "SELECT period, digest, totals FROM period_close ORDER BY period"
        self.closed = {row[0]: (row[1], row[2]) for row in work.execute(query)}
        self._digests = {period: sha256() for period in self.closed}
        for period in self.closed:
            self._add(period, _FORMAT, period)
            named = self._named_prices(period)
            for price in prices.listed:
                if price.id in named:
                    self._add(period, "price", *price[1:4])

    def _named_prices(self, period: str) -> set[int]:
        query = "SELECT DISTINCT price_id FROM b2b_usage WHERE period = ?"
        return {number for (number,) in self._work.execute(query, (period,))}

    def _add(self, period: str, *line: Any) -> None:
        self._digests[period].update(f"{_format(line)}\n".encode())

    def add(self, revisions: Sequence[Revision], rows: Sequence[Usage]) -> None:
        """Add the rows of the next call, in the order of accounts and calls."""
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
            self._add(
                row.period,
                "usage",
                *row[:5],
                row.type,
                *row[8:12],
                row.posted_at,
                price and price.effective_from,
                *(corrected[2:5] if corrected else (None, None, None)),
                extracts[0] if extracts else None,
            )

    def finish(self, periods: Sequence[str]) -> None:
        """Compare the digest and the totals of each month; raises BadRecord."""
        for period in periods:
            where = f"{TABLE_FILES['period_close']}, {period}"
            sums = customer_sums(self._work, period)
            for line in sums:
                self._add(period, "total", *line)
            digest, totals = self.closed[period]
            if self._digests[period].hexdigest() != digest:
                raise BadRecord(
                    where, "its rows have another digest than the one it froze"
                )
            try:
                named = json.loads(totals or "{}").get("customers", [])
            except NONSENSE as fault:
                raise BadRecord(where, f"its totals are none ({fault!r:.80})") from None
            if totals and named != [dict(zip(_NAMES, s, strict=True)) for s in sums]:
                raise BadRecord(where, "its totals are not those of its rows")
