"""Cells as text: exact, the same in a terminal, in CSV and on a page."""

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from billing.domain.money import format_micro, minor_per_unit
from billing.domain.rating import MICRO
from billing.reports.sheets.formatting import Document, spell
from billing.reports.sheets.sheet import (
    Cell,
    Column,
    Kind,
    Row,
    Sheet,
    Totals,
    Unknown,
    value_of,
)

# What nobody knows, as people see it.
UNKNOWN = "\N{EN DASH}"
_HUNDREDTHS = Decimal("0.01")
# Counts of these are read as amounts; a number that names a row is not.
_FIGURES = frozenset({Kind.COUNT, Kind.MINUTES, Kind.SECONDS})


def format_cell(column: Column, cell: Cell, currency: str) -> str:
    """Format a cell; an amount never rounds, an empty cell is the empty text."""
    value = value_of(cell)
    match value:
        case None:
            return ""
        case datetime():
            return spell(value) or ""
        case date():
            return value.isoformat()
        case Decimal():
            return format(value, "f")
        case Fraction():
            return format(percent(value), "f")
        case int() if column.kind is Kind.MONEY:
            return format_micro(value, currency)
        case _:
            return str(value)


def percent(share: Fraction) -> Decimal:
    """Return a share in percent to two places, halves away from zero."""
    hundredths = Decimal(share.numerator * 100) / Decimal(share.denominator)
    return hundredths.quantize(_HUNDREDTHS, rounding=ROUND_HALF_UP)


def text_rows(sheet: Sheet) -> list[list[str]]:
    """Return a sheet's rows as texts, the total last when it has one."""
    totals = Totals(sheet)
    rows = [row for block in totals.watch(sheet.rows) for row in block]
    if sheet.total:
        rows.append(totals.row())
    return [
        [
            format_cell(column, cell, sheet.currency)
            for column, cell in zip(sheet.columns, row, strict=True)
        ]
        for row in rows
    ]


def screen_rows(sheet: Sheet) -> list[list[str]]:
    """Return a sheet's rows for people: thousands set apart, amounts in usual places.

    What nobody knows is a dash, and so is a sum over it.
    """
    totals = Totals(sheet)
    rows = [list(row) for block in totals.watch(sheet.rows) for row in block]
    if sheet.total and rows:
        total = totals.row()
        for at, cells in enumerate(zip(*rows, strict=True)):
            if any(isinstance(cell, Unknown) for cell in cells):
                total[at] = Unknown(value_of(total[at]))
        rows.append(total)
    return [
        [
            screen_cell(column, cell, sheet.currency)
            for column, cell in zip(sheet.columns, row, strict=True)
        ]
        for row in rows
    ]


def screen_cell(column: Column, cell: Cell, currency: str) -> str:
    """Format a cell for people to read."""
    if isinstance(cell, Unknown):
        return UNKNOWN
    value = value_of(cell)
    if not isinstance(value, int):
        return format_cell(column, cell, currency)
    if column.kind is Kind.MONEY:
        return format_amount(value, currency)
    is_figure = column.kind in _FIGURES and column.added
    return f"{value:,}" if is_figure else str(value)


def format_amount(amount_micro: int, currency: str) -> str:
    """Format an amount for people, rounded to the currency's own decimals."""
    places = len(f"{minor_per_unit(currency)}") - 1
    least = Decimal(1).scaleb(-places)
    amount = (Decimal(amount_micro) / MICRO).quantize(least, rounding=ROUND_HALF_UP)
    return f"{amount or abs(amount):,}"


def document_of(sheet: Sheet) -> Document:
    """Return a sheet's rows with stable names; amounts and shares are texts."""
    totals = Totals(sheet)
    rows = [row for block in totals.watch(sheet.rows) for row in block]
    document: Document = {
        "provisional": sheet.provisional,
        "rows": [_named(sheet, row) for row in rows],
        "notes": list(sheet.notes),
    }
    if sheet.total:
        total = _named(sheet, totals.row())
        document["total"] = {
            column.name: total[column.name] for column in sheet.columns if column.adds
        }
    return document


def _named(sheet: Sheet, row: Row) -> Document:
    named: Document = {}
    for column, cell in zip(sheet.columns, row, strict=True):
        value = None if isinstance(cell, Unknown) else value_of(cell)
        if value is not None and not (type(value) is int and column.is_whole):
            value = format_cell(column, cell, sheet.currency)
        named[column.name] = value
    return named


def grouped(number: str) -> str:
    """Set the thousands of a decimal text apart: 1234.5 is 1,234.5."""
    whole, dot, rest = number.partition(".")
    return f"{int(whole):,}{dot}{rest}" if whole != "-0" else number
