"""Prices: which one holds at a moment, and what minutes cost by it."""

import re
import sqlite3
from bisect import bisect_right
from typing import NamedTuple

from billing.verifier.findings import BadRecord
from billing.verifier.shapes import TABLE_FILES

MICRO = 1_000_000
_PER_MINUTE = re.compile(r"([0-9]{1,20})(?:\.([0-9]{1,20}))?", re.ASCII)
# Such texts sort as the moments do.
_MOMENT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?\+00:00"
MOMENT = re.compile(_MOMENT, re.ASCII)


class ListedPrice(NamedTuple):
    """A price per minute: numerator over denominator, in micro-units."""

    id: int
    effective_from: str
    per_minute: str
    currency: str
    numerator: int
    denominator: int

    def amount_micro(self, minutes: int) -> int:
        """Return what minutes cost in micro-units; half a unit is rounded up."""
        twice = 2 * self.numerator * minutes + self.denominator
        return twice // (2 * self.denominator)


class PriceList:
    """All prices, in the order of their dates; each holds until the next begins."""

    def __init__(self, work: sqlite3.Connection) -> None:
        query = "SELECT id, effective_from, per_minute, currency FROM price ORDER BY 2"
        self.listed = [_read_price(*row) for row in work.execute(query)]
        self.by_id = {price.id: price for price in self.listed}
        self._dates = [price.effective_from for price in self.listed]

    def at(self, moment: str) -> ListedPrice | None:
        """Return the price that holds at a moment, if there is one."""
        place = bisect_right(self._dates, moment)
        return self.listed[place - 1] if place else None


def _read_price(
    number: int, effective_from: str, per_minute: str, currency: str
) -> ListedPrice:
    match = _PER_MINUTE.fullmatch(per_minute)
    if match is None or not MOMENT.fullmatch(effective_from):
        raise BadRecord(f"{TABLE_FILES['price']}, row {number}", "it is no price")
    places = match[2] or ""
    scale = 10 ** len(places)
    amount = int(match[1] + places) * MICRO
    return ListedPrice(
        id=number,
        effective_from=effective_from,
        per_minute=per_minute,
        currency=currency,
        numerator=amount,
        denominator=scale,
    )
