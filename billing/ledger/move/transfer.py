"""Transfer: every table goes over, is read back there, and must be the same text."""

from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from typing import NamedTuple

from sqlalchemy import Connection, Table

from billing.errors import LedgerFault
from billing.ledger.database import as_ledger_faults
from billing.ledger.move.row_text import RowText, copied_tables, count_rows, read_text
from billing.ledger.move.targets import Target

Progress = Callable[[int, int], None]


class TableDigest(NamedTuple):
    """How many rows a table has, and the SHA-256 of their text."""

    rows: int
    sha256: str


Digests = Mapping[str, TableDigest]


def counts(connection: Connection) -> dict[str, int]:
    """Return how many rows of each table there are to copy."""
    return {table.name: count_rows(connection, table) for table in copied_tables()}


def transfer(source: Connection, target: Target, progress: Progress) -> Digests:
    """Load all rows into a target; returns what was read of each table."""
    read = _TableReader(sum(counts(source).values()), progress)
    for table in copied_tables():
        target.load(table, read.texts(source, table))
    return read.digests


def compare(target: Target, digests: Digests, progress: Progress) -> None:
    """Read all rows back; raises LedgerFault for a table that is not the same."""
    read = _TableReader(sum(digest.rows for digest in digests.values()), progress)
    for table in copied_tables():
        for _ in read.texts(target.connection, table):
            pass
    different = [name for name in digests if digests[name] != read.digests[name]]
    if different:
        raise LedgerFault(
            f"the copy at {target.address} is not the same in {', '.join(different)}, "
            "so nothing was copied; run `pamela-billing db check`"
        )


class _TableReader:
    """Reads tables one after another, with their digests, and shows how far it is."""

    def __init__(self, total: int, progress: Progress) -> None:
        self.digests: dict[str, TableDigest] = {}
        self._total, self._progress = total, progress
        self._done = 0

    def texts(self, connection: Connection, table: Table) -> Iterator[RowText]:
        digest, rows = sha256(), 0
        with as_ledger_faults(connection.engine):
            for text in read_text(connection, table):
                digest.update(text.lines)
                rows += text.rows
                yield text
                self._progress(self._done + rows, self._total)
        self._done += rows
        self.digests[table.name] = TableDigest(rows, digest.hexdigest())
