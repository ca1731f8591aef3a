"""The contents of a bundle: the ledger's rows under the names of a bundle's files."""

from collections.abc import Iterator

from billing.ledger.audit.month_extract import EVENTS as EVENT_ROWS
from billing.ledger.audit.month_extract import HEADS as HEAD_ROWS
from billing.ledger.audit.month_extract import Excerpt
from billing.verifier.shapes import (
    BINDING,
    BINDING_COLUMNS,
    EVENTS,
    HEADS,
    SHAPES,
    TABLE_FILES,
    canonical,
)

_WITHOUT_COLUMNS = {EVENTS: EVENT_ROWS, HEADS: HEAD_ROWS}
_TABLES = {file: name for name, file in TABLE_FILES.items()}


class LedgerContents:
    """The files of a bundle, read from the ledger as they are asked for."""

    def __init__(self, excerpt: Excerpt) -> None:
        self.excerpt = excerpt

    def parts(self, file: str) -> Iterator[bytes]:
        """Yield the lines of a file, each with its end, some thousands at once."""
        if file in _WITHOUT_COLUMNS:
            yield from self.excerpt.parts(_WITHOUT_COLUMNS[file])
            return
        name = _TABLES[file]
        columns = BINDING_COLUMNS if name == BINDING else list(SHAPES[name].columns)
        yield canonical(columns) + b"\n"
        yield from self.excerpt.parts(name)
