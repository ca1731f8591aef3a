"""Cells as text: exact, the same in a terminal, in CSV and on a page."""

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from billing.domain.money import format_micro
from billing.reports.sheets.formatting import Document, spell
from billing.reports.sheets.sheet import (
    Cell,
    Column,
    Kind,
    Row,
    Sheet,
    Totals,
    value_of,
)

_HUNDREDTHS = Decimal("0.01")


def format_cell(column: Column, cell: Cell, currency: str) -> str:
    """Spell a cell; an amount never rounds, an empty cell is the empty text."""
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
        value = value_of(cell)
        if value is not None and not (type(value) is int and column.is_whole):
            value = format_cell(column, cell, sheet.currency)
        named[column.name] = value
    return named


def grouped(number: str) -> str:
    """Set the thousands of a decimal text apart: 1234.5 is 1,234.5."""
    whole, dot, rest = number.partition(".")
    return f"{int(whole):,}{dot}{rest}" if whole != "-0" else number
