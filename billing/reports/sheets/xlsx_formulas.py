"""Formulas: where a workbook's figures stand, and what adds them up again."""

from collections.abc import Sequence, Sized
from typing import NamedTuple

from billing.errors import BadInput
from billing.reports.sheets.sheet import Added, Column, Kind, Sheet

MOST_ROWS = 1_048_576


class CellPlace(NamedTuple):
    """Where a sheet's rows stand: numbers of rows as a workbook shows them."""

    sheet: Sheet
    header: int
    first: int

    def column(self, name: str) -> str:
        """Return the letters of a column."""
        names = [column.name for column in self.sheet.columns]
        return letters(names.index(name))

    def range(self, name: str) -> str:
        """Return the cells of a column, as another sheet names them."""
        if not isinstance(self.sheet.rows, Sized):
            raise TypeError(f"nothing can be tied to the stream {self.sheet.name}")
        column, last = self.column(name), self.first + len(self.sheet.rows) - 1
        quoted = self.sheet.name.replace("'", "''")
        cells = f"${column}${self.first}:${column}${max(last, self.first)}"
        return f"'{quoted}'!{cells}"


def places(sheets: Sequence[Sheet]) -> dict[str, CellPlace]:
    """Return where each sheet's rows stand: below title, notes, a gap, headings."""
    by_name = {}
    for sheet in sheets:
        header = 3 + len(sheet.caveats)
        by_name[sheet.name] = CellPlace(sheet, header, header + 1)
    return by_name


def total_formula(column: Column, at: int, place: CellPlace, last: int) -> str:
    """Return what adds a column up down to its last row."""
    name = letters(at)
    return _exact(f"SUM({name}{place.first}:{name}{last})", column.kind)


def tie_formula(cell: Added, kind: Kind, by_name: dict[str, CellPlace]) -> str:
    """Return what adds up the column of the sheet that a figure is tied to."""
    place = by_name[cell.sheet]
    figures = place.range(cell.column)
    if cell.where is None:
        return _exact(f"SUM({figures})", kind)
    column, text = cell.where
    quoted = text.replace('"', '""')
    return _exact(f'SUMIF({place.range(column)},"{quoted}",{figures})', kind)


def letters(at: int) -> str:
    """Return a column's letters: A, B, …, Z, AA."""
    name, at = "", at + 1
    while at:
        at, rest = divmod(at - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def refuse_too_many(row: int) -> None:
    """Raise BadInput for a row that no sheet of a workbook has."""
    if row > MOST_ROWS:
        raise BadInput(
            f"a sheet of a workbook holds {MOST_ROWS:,} rows at most, and there are "
            "more; take --format csv or parquet"
        )


def _exact(formula: str, kind: Kind) -> str:
    # Spreadsheets add in binary floats; a micro-unit is where ours end.
    return f"=ROUND({formula},6)" if kind is Kind.MONEY else f"={formula}"
