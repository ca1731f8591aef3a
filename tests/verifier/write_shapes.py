"""Writes the verifier's table shapes from the schema, when it is run as a module.

`python -m tests.verifier.write_shapes`: the verifier is one file that needs only the
standard library, so it cannot read the schema itself.
"""

import re
from pathlib import Path
from textwrap import wrap

from billing.ledger.audit.covered_tables import TABLES, Covered
from billing.ledger.schema.columns import ExactInteger
from billing.ledger.schema.tables import metadata
from billing.verifier import shapes
from billing.verifier.shapes import SHAPES, Shape

FILE = Path(shapes.__file__)
_BLOCK = re.compile(r"^SHAPES = \{\n.*?^\}\n", re.DOTALL | re.MULTILINE)
_WIDTH = 77  # of a line of columns, so that the whole line has 88


def schema_shapes() -> dict[str, Shape]:
    """Return the shapes as the schema has them; new tables follow the old ones."""
    names = [*SHAPES, *(name for name in TABLES if name not in SHAPES)]
    return {name: _shape_of(TABLES[name]) for name in names}


def with_shapes(text: str) -> str:
    """Return the text of the verifier's module with the schema's shapes in it."""
    entries = "".join(_entry(name, shape) for name, shape in schema_shapes().items())
    written, count = _BLOCK.subn(f"SHAPES = {{\n{entries}}}\n", text)
    if count != 1:
        raise ValueError(f"{FILE.name} has {count} blocks of shapes, not one")
    return written


def _shape_of(covered: Covered) -> Shape:
    columns = [metadata.tables[covered.name].columns[name] for name in covered.columns]
    kinds = [
        "i" if isinstance(column.type, ExactInteger) else "t" for column in columns
    ]
    return Shape(
        columns=covered.columns,
        kinds="".join(
            kind.upper() if column.nullable else kind
            for kind, column in zip(kinds, columns, strict=True)
        ),
        key=covered.key,
        together=not covered.each,
        month=_month_column(covered),
    )


def _month_column(covered: Covered) -> str:
    """Name the column that leads to a row's month: its own, or another table's key."""
    if covered.joined:
        return covered.joined.rpartition("t.")[2]
    return "period" if covered.period == "t.period" else ""


def _entry(name: str, shape: Shape) -> str:
    pairs = zip(shape.columns, shape.kinds, strict=True)
    columns = wrap(" ".join(f"{column}:{kind}" for column, kind in pairs), _WIDTH)
    parts = [f'"{line} "' for line in columns[:-1]] + [f'"{columns[-1]}",']
    parts += [f'"{shape.key}",'] if shape.key != "id" else []
    parts += ["together=True,"] if shape.together else []
    parts += [f'month="{shape.month}",'] if shape.month != "period" else []
    body = "".join(f"        {part}\n" for part in parts)
    return f'    "{name}": _shape(\n{body}    ),\n'


if __name__ == "__main__":
    FILE.write_text(with_shapes(FILE.read_text(encoding="utf-8")), encoding="utf-8")
