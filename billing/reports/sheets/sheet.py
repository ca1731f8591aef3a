"""Sheets: what a report says, as typed columns and exact rows, for every writer."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from itertools import islice

from billing.reports.sheets.formatting import Document

_BLOCK = 2_000
_LONGEST = 31


class Kind(Enum):
    """What a column holds; an empty cell is None in every kind."""

    TEXT = "text"
    COUNT = "count"
    MINUTES = "minutes"
    SECONDS = "seconds"
    MONEY = "money"  # an integer of micro-units of the sheet's currency
    PRICE = "price"  # a Decimal, per minute
    DAY = "day"  # a date
    MOMENT = "moment"  # an aware datetime
    SHARE = "share"  # a Fraction of one, shown as a percentage


_ADDING = frozenset({Kind.COUNT, Kind.MINUTES, Kind.SECONDS, Kind.MONEY})
NUMBERS = _ADDING | {Kind.PRICE, Kind.SHARE}


@dataclass(frozen=True, slots=True)
class Added:
    """A figure that a column of another sheet adds up to.

    Only a workbook keeps the tie, as a formula; `where` names a column of that sheet
    and the text that its rows have there.
    """

    value: int
    sheet: str
    column: str
    where: tuple[str, str] | None = None


Value = str | int | Decimal | date | datetime | Fraction | None


@dataclass(frozen=True, slots=True)
class Unknown:
    """A figure that nobody knows: a screen never shows it as zero, nor a sum of it.

    CSV and workbooks keep what they always had in its place.
    """

    in_files: Value | Added


Cell = Value | Added | Unknown
Row = Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its stable name, what it holds, and whether a total adds it up."""

    name: str
    kind: Kind = Kind.TEXT
    added: bool = True

    @property
    def heading(self) -> str:
        """The name as people read it."""
        return self.name.replace("_", " ")

    @property
    def is_whole(self) -> bool:
        """Whether a cell is an integer as it stands, and not one of micro-units."""
        return self.kind in _ADDING and self.kind is not Kind.MONEY

    @property
    def adds(self) -> bool:
        """Whether a total row has a figure here."""
        return self.added and self.kind in _ADDING


@dataclass(frozen=True, slots=True)
class Sheet:
    """One question and its answer; the rows may be a stream, to be read once."""

    name: str
    title: str
    columns: Sequence[Column]
    rows: Iterable[Row]
    currency: str = "usd"
    notes: Sequence[str] = ()
    total: bool = False
    # None where no month is spoken of, so nothing can be provisional.
    provisional: bool | None = None

    @property
    def caveats(self) -> list[str]:
        """The notes, after the one that a month which is not closed has."""
        open_month = [PROVISIONAL] if self.provisional else []
        return [*open_month, *self.notes]


PROVISIONAL = "Provisional: the month is not closed yet, and figures may still change."


@dataclass(frozen=True, slots=True)
class Report:
    """What a report command answers with, whatever form is asked for.

    `flat` is for forms that have one sheet only, `beside` what these have in files of
    their own, `shown` is what fits a screen (all sheets if it names none), and `page`
    makes a PDF.
    """

    name: str
    sheets: Sequence[Sheet]
    flat: Sheet
    beside: Sequence[Sheet] = ()
    document: Document = field(default_factory=dict)
    page: Callable[[], bytes] | None = None
    shown: Sequence[Sheet] = ()


def sheet_name(words: str) -> str:
    """Return a name that a workbook takes for a sheet: short, and without its signs."""
    return words.translate(dict.fromkeys(map(ord, "[]:*?/\\'"), "_"))[:_LONGEST]


def blocks(rows: Iterable[Row], size: int = _BLOCK) -> Iterator[list[Row]]:
    """Cut rows into lists, so that a stream of any length takes little memory."""
    stream = iter(rows)
    while block := list(islice(stream, size)):
        yield block


def value_of(cell: Cell) -> Value:
    """Return the value of a cell in files, also of one that is tied or not known."""
    if isinstance(cell, Unknown):
        return value_of(cell.in_files)
    return cell.value if isinstance(cell, Added) else cell


class Totals:
    """The sums of a sheet's columns, grown as its rows go by."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._places = [at for at, column in enumerate(sheet.columns) if column.adds]
        self._sums = dict.fromkeys(self._places, 0) if sheet.total else {}

    def watch(self, rows: Iterable[Row]) -> Iterator[list[Row]]:
        """Pass rows on in blocks, and add them up."""
        for block in blocks(rows):
            for place in self._sums:
                self._sums[place] += sum(_number(row[place]) for row in block)
            yield block

    def row(self) -> list[Cell]:
        """Return the total row: the word, then the sums under their columns."""
        row: list[Cell] = [self._sums.get(at) for at in range(self.width)]
        if not self._sheet.columns[0].adds:
            row[0] = "total"
        return row

    @property
    def width(self) -> int:
        """The number of columns."""
        return len(self._sheet.columns)


def _number(cell: Cell) -> int:
    value = value_of(cell)
    return value if isinstance(value, int) else 0
