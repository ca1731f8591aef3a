"""XLSX: a sheet for each question, with formulas that add its figures up again."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from billing.domain.foreign_text import visible
from billing.files.atomic_file import whole_file
from billing.reports.sheets.sheet import (
    Added,
    Cell,
    Kind,
    Sheet,
    Totals,
    Unknown,
    Value,
)
from billing.reports.sheets.xlsx_formulas import (
    CellPlace,
    places,
    refuse_too_many,
    tie_formula,
    total_formula,
)
from billing.reports.sheets.xlsx_styles import FONT, Looks, widths

# A workbook says when it was made: always the same, so that two can be compared.
_MADE = datetime(2000, 1, 1)  # noqa: DTZ001
_PLACES = 6
_LANDSCAPE_FROM = 7
_Write = Callable[..., Any]


def write_xlsx_file(sheets: Sequence[Sheet], target: Path) -> None:
    """Write a workbook. Raises BadInput (too many rows), UnfitTarget or FileFault."""
    by_name = places(sheets)
    with whole_file(target) as part, _workbook(part) as book:
        looks = Looks(book)
        for sheet in sheets:
            _SheetWriter(book, looks, sheet, by_name).write()


@contextmanager
def _workbook(part: Path) -> Iterator[Any]:
    # Loaded only for a file of this form.
    from xlsxwriter import Workbook  # noqa: PLC0415
    from xlsxwriter.exceptions import FileCreateError  # noqa: PLC0415

    options = {"constant_memory": True, "default_format_properties": dict(FONT)}
    book = Workbook(str(part), options)
    book.set_properties({"created": _MADE, "author": "pamela-billing"})
    book.set_calc_mode("auto")
    try:
        yield book
        book.close()
    except FileCreateError as fault:
        raise OSError(*getattr(fault.args[0], "args", fault.args)) from fault
    finally:
        # What broke off leaves no open file behind.
        book.fileclosed = True
        for sheet in book.worksheets():
            if not sheet.fh.closed:
                sheet.fh.close()


class _SheetWriter:
    """One sheet on its way into a workbook."""

    def __init__(
        self, book: Any, looks: Looks, sheet: Sheet, by_name: dict[str, CellPlace]
    ) -> None:
        self._page = book.add_worksheet(sheet.name)
        self._looks, self._sheet, self._by_name = looks, sheet, by_name
        self._place = by_name[sheet.name]

    def write(self) -> None:
        """Write title, notes, headings, rows and total; freeze what is above rows."""
        self._set_up()
        self._head()
        totals = Totals(self._sheet)
        row = self._place.first
        writers = [self._writer(at) for at in range(totals.width)]
        for block in totals.watch(self._sheet.rows):
            refuse_too_many(row + len(block))
            for cells in block:
                for write, cell in zip(writers, cells, strict=True):
                    in_files = cell.in_files if isinstance(cell, Unknown) else cell
                    if in_files is not None:
                        write(row - 1, in_files)
                row += 1
        if self._sheet.total:
            self._total(totals, row)
        if row > self._place.first:
            self._page.autofilter(self._place.header - 1, 0, row - 2, totals.width - 1)

    def _set_up(self) -> None:
        page = self._page
        for at, width in enumerate(widths(self._sheet)):
            page.set_column(at, at, width)
        page.freeze_panes(self._place.header, 1)
        page.hide_gridlines(2)
        page.set_paper(9)
        if len(self._sheet.columns) >= _LANDSCAPE_FROM:
            page.set_landscape()
        page.fit_to_pages(1, 0)
        page.repeat_rows(self._place.header - 1)
        mark = "Provisional   " if self._sheet.provisional else ""
        page.set_footer(f"&L&8{mark}&A&R&8Page &P of &N")

    def _head(self) -> None:
        page, sheet = self._page, self._sheet
        page.write_string(0, 0, visible(sheet.title), self._looks.title)
        for at, note in enumerate(sheet.caveats, start=1):
            is_alarm = bool(sheet.provisional) and at == 1
            look = self._looks.alarm if is_alarm else self._looks.note
            page.write_string(at, 0, visible(note), look)
        for at, column in enumerate(sheet.columns):
            look = self._looks.of_heading(column)
            page.write_string(
                self._place.header - 1, at, column.heading.capitalize(), look
            )

    def _writer(self, at: int) -> Callable[[int, Any], None]:
        """Return what writes a column's cells, found out once for all rows."""
        column, page = self._sheet.columns[at], self._page
        look = self._looks.of(column, self._sheet.currency)
        method: _Write = page.write_number
        value: Callable[[Any], Any] = _VALUES.get(column.kind, _as_it_is)
        if column.kind is Kind.TEXT:
            method = page.write_string
        elif column.kind in {Kind.DAY, Kind.MOMENT}:
            method = page.write_datetime

        def write(row: int, cell: Cell) -> None:
            if isinstance(cell, Added):
                formula = tie_formula(cell, column.kind, self._by_name)
                page.write_formula(row, at, formula, look, value(cell.value))
            else:
                method(row, at, value(cell), look)

        return write

    def _total(self, totals: Totals, row: int) -> None:
        for at, cell in enumerate(totals.row()):
            column = self._sheet.columns[at]
            look = self._looks.of(column, self._sheet.currency, total=True)
            if isinstance(cell, int):
                last = max(row - 1, self._place.first)
                formula = total_formula(column, at, self._place, last)
                value = _VALUES.get(column.kind, _as_it_is)(cell)
                self._page.write_formula(row - 1, at, formula, look, value)
            elif cell is None:
                self._page.write_blank(row - 1, at, None, look)
            else:
                self._page.write_string(row - 1, at, str(cell), look)


def _as_it_is(value: Value) -> Value:
    return value


@lru_cache(10_000)
def _units(micro: int) -> Decimal:
    return Decimal(micro).scaleb(-_PLACES)


@lru_cache(10_000)
def _share(share: Any) -> Decimal:
    return Decimal(share.numerator) / Decimal(share.denominator)


@lru_cache(10_000)
def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


_VALUES: dict[Kind, Callable[[Any], Any]] = {
    Kind.TEXT: visible,
    Kind.MONEY: _units,
    Kind.SHARE: _share,
    Kind.MOMENT: _in_utc,
}
