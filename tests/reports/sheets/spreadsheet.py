"""A small spreadsheet: reckons the formulas of a workbook again, exactly."""

import re
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from openpyxl import load_workbook

_SUM = re.compile(r"SUM\((?P<range>[^()]+)\)")
_SUMIF = re.compile(
    r'SUMIF\((?P<keys>[^,]+),"(?P<text>(?:[^"]|"")*)",(?P<range>[^()]+)\)'
)
_ROUND = re.compile(r"ROUND\((?P<inner>.*),6\)")


class Spreadsheet:
    """A workbook as a spreadsheet program has it: formulas, and what was stored."""

    def __init__(self, file: Path) -> None:
        self.formulas = load_workbook(file)
        self.stored = load_workbook(file, data_only=True)

    def recalculated(self) -> dict[tuple[str, str], tuple[Decimal, Decimal]]:
        """Return what each formula comes to, and what is stored with it."""
        found = {}
        for sheet in self.formulas:
            for row in sheet.iter_rows():
                for cell in row:
                    if isinstance(cell.value, str) and cell.data_type == "f":
                        stored = self.stored[sheet.title][cell.coordinate].value
                        value = self._reckon(sheet.title, cell.value.removeprefix("="))
                        place = sheet.title, cell.coordinate
                        found[place] = value, Decimal(str(stored))
        return found

    def _reckon(self, sheet: str, formula: str) -> Decimal:
        if rounded := _ROUND.fullmatch(formula):
            value = self._reckon(sheet, rounded["inner"])
            return value.quantize(Decimal("0.000001"), rounding=ROUND_HALF_UP)
        if added := _SUM.fullmatch(formula):
            return sum(map(_number, self._cells(sheet, added["range"])), Decimal(0))
        if chosen := _SUMIF.fullmatch(formula):
            text = chosen["text"].replace('""', '"')
            keys = self._cells(sheet, chosen["keys"])
            values = self._cells(sheet, chosen["range"])
            pairs = zip(keys, values, strict=True)
            return sum((_number(v) for k, v in pairs if k == text), Decimal(0))
        raise AssertionError(f"no such formula here: {formula}")

    def _cells(self, sheet: str, where: str) -> list[Any]:
        if "!" in where:
            quoted, _, where = where.rpartition("!")
            sheet = quoted.strip("'").replace("''", "'")
        cells = self.formulas[sheet][where.replace("$", "")]
        rows = cells if isinstance(cells, tuple) else ((cells,),)
        values = []
        for (cell,) in rows:
            value = cell.value
            if cell.data_type == "f":
                value = self._reckon(sheet, value.removeprefix("="))
            values.append(value)
        return values


def _number(value: Any) -> Decimal:
    return (
        Decimal(str(value)) if isinstance(value, int | float | Decimal) else Decimal(0)
    )
