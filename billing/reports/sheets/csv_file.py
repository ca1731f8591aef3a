"""CSV by RFC 4180: numbers stay numbers, and no text is ever taken for a formula."""

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TextIO, cast

from billing.domain.foreign_text import visible
from billing.files.atomic_file import whole_file
from billing.reports.sheets.cells import format_cell
from billing.reports.sheets.sheet import NUMBERS, Cell, Column, Kind, Row, Sheet, Totals

# What a spreadsheet takes for a formula, full-width signs too.
_RISKY = frozenset("=+-@\t\r\n＝＋－＠")  # noqa: RUF001
# In half the world a spreadsheet parts cells at semicolons, quoted or not.
_NEXT_CELL = re.compile(rf";(?=[\s\"]*[{re.escape(''.join(_RISKY))}])")
_KEPT = 50_000
_Format = Callable[[Sequence[Cell]], Iterable[str | None]]


def write_csv_file(sheet: Sheet, target: Path) -> None:
    """Write a sheet to a file. Raises UnfitTarget or FileFault."""
    with (
        whole_file(target) as part,
        part.open("w", encoding="utf-8", newline="") as stream,
    ):
        write_csv(sheet, stream)


def write_csv(sheet: Sheet, stream: TextIO) -> None:
    """Write a sheet as CSV; a month that is not closed is provisional in every row."""
    writer = csv.writer(stream, lineterminator="\r\n")
    formatters = [_formatter(column, sheet.currency) for column in sheet.columns]
    headings = [column.name for column in sheet.columns]
    marks = [] if sheet.provisional is None else ["yes" if sheet.provisional else "no"]
    writer.writerow([*headings, *(["provisional"] if marks else [])])
    totals = Totals(sheet)

    def write(block: Sequence[Row]) -> None:
        columns: list[Iterable[str | None]] = [
            form(cells)
            for form, cells in zip(formatters, zip(*block, strict=True), strict=True)
        ]
        columns += [[mark] * len(block) for mark in marks]
        writer.writerows(zip(*columns, strict=True))

    for block in totals.watch(sheet.rows):
        write(block)
    if sheet.total:
        write([totals.row()])


def harmless(text: str) -> str:
    """Return a text that a spreadsheet shows, does not reckon with, and cannot act."""
    text = _NEXT_CELL.sub(";'", visible(text))
    return f"'{text}" if text[:1] in _RISKY else text


def _is_plain(text: str) -> bool:
    return text.isprintable() and text[:1] not in _RISKY and ";" not in text


class _Formatted(dict[Cell, str]):
    """Spelled cells of a column: most come again soon."""

    def __init__(self, column: Column, currency: str) -> None:
        super().__init__()
        self._column, self._currency = column, currency

    def __missing__(self, cell: Cell) -> str:
        if len(self) > _KEPT:
            self.clear()
        text = format_cell(self._column, cell, self._currency)
        if self._column.kind not in NUMBERS:
            text = harmless(text)
        self[cell] = text
        return text


def _formatter(column: Column, currency: str) -> _Format:
    if column.kind is Kind.TEXT:
        return lambda cells: [
            # A column of texts holds nothing else, and this is done for each cell.
            text if text is None or _is_plain(text) else harmless(text)
            for text in cast("Sequence[str | None]", cells)
        ]
    formatted = _Formatted(column, currency)
    return lambda cells: map(formatted.__getitem__, cells)
