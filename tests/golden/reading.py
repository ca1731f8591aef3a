"""Reading: files of any form become JSON values, down to cells, rows and lines."""

import hashlib
import io
import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

from openpyxl import load_workbook


def read_file(name: str, content: bytes) -> Any:
    """Return what a file says, beside the digest of its bytes."""
    ending = PurePath(name).suffix
    read = READERS.get(ending, read_lines)
    # A program's source is no output; that it is there, and runs, is.
    said = "source code" if ending == ".py" else read(content)
    return {"sha256": hashlib.sha256(content).hexdigest(), "says": said}


def read_lines(content: bytes) -> Any:
    """Return the lines of a text."""
    return content.decode().splitlines()


def read_json_lines(content: bytes) -> Any:
    """Return the documents of a file with one in each line."""
    return [json.loads(line) for line in content.splitlines()]


def read_workbook(content: bytes) -> Any:
    """Return each sheet's layout, and each cell's value, number format and weight."""
    book = load_workbook(io.BytesIO(content))
    return {
        sheet.title: {
            "freezes": sheet.freeze_panes,
            "widths": {k: v.width for k, v in sheet.column_dimensions.items()},
            "merged": sorted(map(str, sheet.merged_cells.ranges)),
            "cells": {
                cell.coordinate: [
                    f"{type(cell.value).__name__} {cell.value}",
                    cell.number_format,
                    "bold" if cell.font.b else "plain",
                ]
                for row in sheet.iter_rows()
                for cell in row
                if cell.value is not None
            },
        }
        for sheet in book.worksheets
    }


def read_parquet(content: bytes) -> Any:
    """Return columns with their types, what the file says of itself, and the rows."""
    from pyarrow import parquet

    table = parquet.read_table(io.BytesIO(content))
    about = table.schema.metadata or {}
    return {
        "columns": [f"{field.name} {field.type}" for field in table.schema],
        "about": {key.decode(): value.decode() for key, value in about.items()},
        "rows": [{k: str(v) for k, v in row.items()} for row in table.to_pylist()],
    }


def read_pdf(content: bytes) -> Any:
    """Return the text of a PDF as it stands on the pages, where it can be read."""
    program = shutil.which("pdftotext")
    if program is None:  # the digest of its bytes is kept all the same
        return "not read: there is no pdftotext here"
    line = [program, "-layout", "-", "-"]
    done = subprocess.run(line, input=content, capture_output=True, check=True)
    return read_lines(done.stdout)


def read_bundle(content: bytes) -> Any:
    """Return what each member of a ZIP file says."""
    with zipfile.ZipFile(io.BytesIO(content)) as bundle:
        return {name: read_file(name, bundle.read(name)) for name in bundle.namelist()}


READERS: dict[str, Callable[[bytes], Any]] = {
    ".json": json.loads,
    ".jsonl": read_json_lines,
    ".xlsx": read_workbook,
    ".parquet": read_parquet,
    ".pdf": read_pdf,
    ".zip": read_bundle,
}
