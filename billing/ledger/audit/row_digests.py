"""Row ranges: neighbouring rows of one table and month, and their digest together."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from billing.ledger.audit.canonical_json import format_rows
from billing.ledger.audit.row_reader import Rows


class RowRange:
    """The rows that one transaction added to a table, of one month."""

    def __init__(self, table: str, period: str) -> None:
        self._table, self._period = table, period
        self._first = self._last = self._rows = 0
        self._digest = sha256()

    def add(self, rows: Rows) -> None:
        """Add rows in the order of their numbers, which stand first in them."""
        self._first = self._first or rows[0][0]
        self._last = rows[-1][0]
        self._rows += len(rows)
        self._digest.update(format_rows(rows))

    def coverage(self) -> Mapping[str, Any]:
        """Return what an event says of them."""
        return {
            "table": self._table,
            "period": self._period,
            "first": self._first,
            "last": self._last,
            "rows": self._rows,
            "sha256": self._digest.hexdigest(),
        }
