"""Parquet: decimals for money, dates and UTC times; needs the extra `parquet`."""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from billing.domain.foreign_text import visible
from billing.errors import BadInput
from billing.files.atomic_file import whole_file
from billing.reports.sheets.cells import percent
from billing.reports.sheets.sheet import (
    Added,
    Cell,
    Column,
    Kind,
    Sheet,
    Unknown,
    blocks,
    value_of,
)

_BLOCK, _BLOCKS_OF_A_GROUP = 5_000, 20
_MICRO = Decimal("0.000001")


def write_parquet_file(sheet: Sheet, target: Path) -> None:
    """Write a sheet's rows; a total would only be one more row, so there is none.

    Raises BadInput without pyarrow, UnfitTarget or FileFault.
    """
    arrow, parquet = _libraries()
    columns = list(sheet.columns)
    if sheet.provisional is not None:
        columns.append(Column("provisional"))
    fields = [(column.name, _type(arrow, column)) for column in columns]
    schema = arrow.schema(fields)
    with whole_file(target) as part, parquet.ParquetWriter(part, schema) as writer:
        batches = _batches(arrow, sheet, schema)
        while group := list(islice(batches, _BLOCKS_OF_A_GROUP)):
            writer.write_table(arrow.Table.from_batches(group, schema))


def _batches(arrow: Any, sheet: Sheet, schema: Any) -> Iterator[Any]:
    """Yield a sheet's rows in blocks that a processor keeps at hand."""
    makers = [_maker(arrow, column) for column in sheet.columns]
    for block in blocks(sheet.rows, _BLOCK):
        cells = zip(*block, strict=True)
        arrays = [make(column) for make, column in zip(makers, cells, strict=True)]
        if sheet.provisional is not None:
            word = "yes" if sheet.provisional else "no"
            arrays.append(arrow.repeat(word, len(block)))
        yield arrow.RecordBatch.from_arrays(arrays, schema=schema)


def _libraries() -> tuple[Any, Any]:
    # Loaded only for a file of this form: it is large, and need not be there.
    try:
        import pyarrow  # noqa: PLC0415
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError:
        raise BadInput(
            "Parquet needs pyarrow: pip install 'pamela-billing[parquet]'"
        ) from None
    return pyarrow, pyarrow.parquet


def _type(arrow: Any, column: Column) -> Any:
    match column.kind:
        case Kind.TEXT:
            return arrow.string()
        case Kind.MONEY:
            return arrow.decimal128(26, 6)
        case Kind.PRICE:
            return arrow.decimal128(38, 12)
        case Kind.SHARE:
            return arrow.decimal128(9, 2)
        case Kind.DAY:
            return arrow.date32()
        case Kind.MOMENT:
            return arrow.timestamp("us", tz="UTC")
        case _:
            return arrow.int64()


def _maker(arrow: Any, column: Column) -> Callable[[Sequence[Cell]], Any]:
    """Return what makes a column's array out of its cells."""
    form = _type(arrow, column)
    if column.kind is Kind.MONEY:
        scale = arrow.scalar(_MICRO, arrow.decimal128(6, 6))

        def money(cells: Sequence[Cell]) -> Any:
            # An integer times a millionth, both exact, for all rows at once.
            micro = arrow.array(_plain(cells), arrow.int64())
            whole = micro.cast(arrow.decimal128(19, 0))
            return arrow.compute.multiply(whole, scale)

        return money
    if column.kind is Kind.SHARE:
        return lambda cells: arrow.array([_percent(cell) for cell in cells], form)
    if column.kind is Kind.TEXT:
        return lambda cells: arrow.array(_visible(_plain(cells)), form)
    return lambda cells: arrow.array(_plain(cells), form)


def _plain(cells: Sequence[Cell]) -> Sequence[Cell]:
    # Few sheets have cells that are tied or not known, and none that is long.
    tied = len(cells) < _BLOCK and any(
        isinstance(cell, Added | Unknown) for cell in cells
    )
    return [value_of(cell) for cell in cells] if tied else cells


def _visible(cells: Sequence[Any]) -> Sequence[Cell]:
    # Nearly all texts are as they may be, and most columns hold nothing else.
    if all(text is None or text.isprintable() for text in cells):
        return cells
    return [text and visible(text) for text in cells]


def _percent(cell: Cell) -> Decimal | None:
    value = value_of(cell)
    return None if value is None else percent(value)  # type: ignore[arg-type]
