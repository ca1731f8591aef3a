"""A workbook's formulas add up to what is stored, here and in LibreOffice."""

import csv
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from openpyxl import load_workbook

from billing.errors import BadInput
from billing.ledger.database import Ledger
from billing.reports.sheets import xlsx_formulas
from billing.reports.sheets.sheet import Added, Column, Kind, Row, Sheet
from billing.reports.sheets.xlsx_file import write_xlsx_file
from billing.reports.statement.statement import read_statement
from billing.reports.statement.statement_workbook import statement_report
from billing.reports.usage.report import read_usage
from billing.reports.usage.rounding import read_rounding
from billing.reports.usage.usage_workbook import usage_report
from tests.ledger.bookkeeping import MARCH, register
from tests.reports.bookkeeping import fill_awkwardly
from tests.reports.sheets.spreadsheet import Spreadsheet

COLUMNS = Column("name"), Column("minutes", Kind.MINUTES), Column("amount", Kind.MONEY)
LINES: list[Row] = [["a", 1, 100_000], ["b", 2, 200_001], ['say "x"', -1, -300_000]]


def workbook(file: Path) -> Path:
    lines = Sheet(
        name="It's",
        title="Lines",
        columns=COLUMNS,
        rows=LINES,
        total=True,
        provisional=True,
    )
    parts: list[Row] = [
        ["all", Added(2, "It's", "minutes"), Added(1, "It's", "amount")],
        ["one", Added(-1, "It's", "minutes", ("name", 'say "x"')), 5],
    ]
    write_xlsx_file(
        [
            Sheet(name="Sums", title="Sums", columns=COLUMNS, rows=parts, total=True),
            lines,
        ],
        file,
    )
    return file


def reports_of(ledger: Ledger, folder: Path) -> list[Path]:
    fill_awkwardly(ledger)
    files = []
    for report in (
        statement_report(read_statement(ledger, MARCH, "acme")),
        usage_report(read_usage(ledger, MARCH, "day", by_all=True)),
        read_rounding(ledger, MARCH),
    ):
        files.append(folder / f"{report.name}.xlsx")
        write_xlsx_file(report.sheets, files[-1])
    return files


def test_formulas_add_up_to_what_is_stored_with_them(
    sqlite_ledger: Ledger, tmp_path: Path
) -> None:
    register(sqlite_ledger)
    for file in [workbook(tmp_path / "w.xlsx"), *reports_of(sqlite_ledger, tmp_path)]:
        found = Spreadsheet(file).recalculated()
        assert found, file
        assert {place: one[0] for place, one in found.items()} == {
            place: one[1] for place, one in found.items()
        }


@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice is not installed")
def test_libreoffice_reckons_the_same_totals(tmp_path: Path) -> None:
    stored = workbook(tmp_path / "w.xlsx")
    bare = tmp_path / "bare.xlsx"
    # Without what is stored, it has to reckon.
    with zipfile.ZipFile(stored) as old, zipfile.ZipFile(bare, "w") as new:
        for name in old.namelist():
            text = old.read(name)
            if name.startswith("xl/worksheets/"):
                text = re.sub(rb"(</f>)<v>[^<]*</v>", rb"\1", text)
            new.writestr(name, text)
    profile = f"-env:UserInstallation=file://{tmp_path / 'profile'}"
    every = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,false,,,-1"
    subprocess.run(
        ["soffice", profile, "--headless", "--convert-to", every, bare.name],
        cwd=tmp_path,
        timeout=120,
        check=True,
        capture_output=True,
    )
    with (tmp_path / "bare-It's.csv").open(newline="") as lines:
        assert list(csv.reader(lines))[-1] == ["total", "2", "0.000001"]
    with (tmp_path / "bare-Sums.csv").open(newline="") as sums:
        assert list(csv.reader(sums))[-3:] == [
            ["all", "2", "0.000001"],
            ["one", "-1", "0.000005"],
            ["total", "1", "0.000006"],
        ]


def test_headings_are_frozen_and_cells_have_their_kind(tmp_path: Path) -> None:
    at = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    columns = [Column(kind.value, kind) for kind in Kind]
    row: Row = [
        "=1+1",
        1,
        2,
        3,
        4_000_001,
        Decimal("0.10"),
        at.date(),
        at,
        Fraction(1, 4),
    ]
    file = tmp_path / "kinds.xlsx"
    write_xlsx_file(
        [Sheet(name="Kinds", title="Kinds", columns=columns, rows=[row, [None] * 9])],
        file,
    )
    page = load_workbook(file)["Kinds"]
    assert page.freeze_panes == "B4"
    cells = [cell.value for cell in page[4]]
    assert page["A4"].data_type == "s"
    assert cells[:5] == ["=1+1", 1, 2, 3, 4.000001]
    assert cells[6:8] == [datetime(2026, 3, 1), datetime(2026, 3, 1, 12, 30)]  # noqa: DTZ001
    assert cells[8] == Decimal("0.25")
    assert page["E4"].number_format.startswith("#,##0.00####")
    assert not any(cell.value for cell in page[5])


def test_an_open_month_says_so_on_its_sheet(tmp_path: Path) -> None:
    book = load_workbook(workbook(tmp_path / "w.xlsx"))
    assert "Provisional" in book["It's"]["A2"].value
    assert "Provisional" in book["It's"].oddFooter.left.text


def test_rows_that_no_sheet_holds_are_refused_and_leave_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xlsx_formulas, "MOST_ROWS", 5)
    rows: Iterator[Row] = (["a", n, n] for n in range(10))
    with pytest.raises(BadInput, match="holds 5 rows at most"):
        write_xlsx_file(
            [Sheet(name="S", title="S", columns=COLUMNS, rows=rows)],
            tmp_path / "w.xlsx",
        )
    assert list(tmp_path.iterdir()) == []
