"""The looks of a workbook: formats by what a column holds, and widths that fit."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

from billing.domain.money import minor_per_unit
from billing.reports.sheets.cells import format_cell
from billing.reports.sheets.sheet import NUMBERS, Column, Kind, Sheet

_MEASURED = 500
_WIDEST, _NARROWEST = 60, 9
_WHOLE = "#,##0;[Red]-#,##0"
_FORMATS = {
    Kind.TEXT: "@",
    Kind.COUNT: _WHOLE,
    Kind.MINUTES: _WHOLE,
    Kind.SECONDS: _WHOLE,
    Kind.PRICE: "0.00##########",
    Kind.DAY: "yyyy-mm-dd",
    Kind.MOMENT: "yyyy-mm-dd hh:mm:ss",
    Kind.SHARE: "0.00%",
}
FONT = {"font_name": "Arial", "font_size": 10}
INK, PAPER, ALARM = "#1F3A5F", "#EEF2F7", "#B3261E"


class Looks:
    """The formats of one workbook; each is made once."""

    def __init__(self, book: Any) -> None:
        """Make what does not depend on a column."""
        self._book = book
        self._made: dict[tuple[str, bool], Any] = {}
        self.title = book.add_format(
            {**FONT, "bold": True, "font_size": 14, "font_color": INK}
        )
        self.note = book.add_format({**FONT, "font_color": "#555555"})
        self.alarm = book.add_format({**FONT, "bold": True, "font_color": ALARM})
        heading = {
            **FONT,
            "bold": True,
            "font_color": "white",
            "bg_color": INK,
            "text_wrap": True,
            "valign": "vcenter",
        }
        self.heading = book.add_format(heading)
        self.number_heading = book.add_format({**heading, "align": "right"})

    def of(self, column: Column, currency: str, *, total: bool = False) -> Any:
        """Return the format of a column's cells, or of its total."""
        if column.kind is Kind.TEXT and not total:
            return None  # the workbook's own, which costs nothing in each cell
        form = _number_format(column.kind, currency)
        if (form, total) not in self._made:
            look: dict[str, object] = {**FONT, "num_format": form}
            if column.kind in {Kind.DAY, Kind.MOMENT}:
                look["align"] = "left"
            if total:
                look |= {"bold": True, "top": 1, "bottom": 6, "bg_color": PAPER}
            self._made[form, total] = self._book.add_format(look)
        return self._made[form, total]

    def of_heading(self, column: Column) -> Any:
        """Return the format of a heading: above numbers it stands to the right."""
        return self.number_heading if column.kind in NUMBERS else self.heading


def widths(sheet: Sheet) -> list[int]:
    """Return how wide the columns are, by their first rows where they are at hand."""
    rows = (
        list(islice(sheet.rows, _MEASURED)) if isinstance(sheet.rows, Sequence) else []
    )
    chosen = []
    for at, column in enumerate(sheet.columns):
        usual = {Kind.MOMENT: 20, Kind.DAY: 12, Kind.TEXT: 14}.get(column.kind, 12)
        longest = max(len(word) for word in column.heading.split() or [""])
        texts = [len(format_cell(column, row[at], sheet.currency)) for row in rows]
        wanted = max([usual, longest + 2, *(length + 3 for length in texts)])
        chosen.append(min(max(wanted, _NARROWEST), _WIDEST))
    return chosen


def _number_format(kind: Kind, currency: str) -> str:
    if kind is not Kind.MONEY:
        return _FORMATS[kind]
    places = {1: "#,##0.######", 100: "#,##0.00####", 1_000: "#,##0.000###"}
    form = places[minor_per_unit(currency)]
    return f"{form};[Red]-{form}"
