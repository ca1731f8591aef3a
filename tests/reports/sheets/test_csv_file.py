"""CSV is read back as it was written; numbers are numbers, and no text is a formula."""

import csv
import io
import tracemalloc
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.foreign_text import visible
from billing.reports.sheets.csv_file import write_csv, write_csv_file
from billing.reports.sheets.sheet import Cell, Column, Kind, Row, Sheet

COLUMNS = (
    Column("name"),
    Column("minutes", Kind.MINUTES),
    Column("amount", Kind.MONEY),
)
# A CSV reader of Python's takes no lone NUL, and no ledger holds one.
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
# What a ledger holds, on either database.
RISKY = set("=+-@\t\r\n＝＋－＠")  # noqa: RUF001 # signs of full width on purpose
COUNTS = st.integers(-(2**63), 2**63 - 1)
ROWS = st.lists(st.tuples(st.none() | TEXTS, COUNTS, st.none() | COUNTS), max_size=20)


def written(*rows: Row, total: bool = False, provisional: bool | None = None) -> str:
    sheet = Sheet(
        name="S",
        title="S",
        columns=COLUMNS,
        rows=rows,
        total=total,
        provisional=provisional,
    )
    stream = io.StringIO(newline="")
    write_csv(sheet, stream)
    return stream.getvalue()


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


@given(ROWS)
def test_what_is_written_is_read_back(rows: list[tuple[str, int, int]]) -> None:
    headings, *found = read(written(*rows))
    assert headings == ["name", "minutes", "amount"]
    for (name, minutes, micro), cells in zip(rows, found, strict=True):
        text = cells[0]
        shown = visible(name or "")
        if shown[:1] in RISKY:
            text = text.removeprefix("'")
        assert text.replace(";'", ";") == shown.replace(";'", ";")
        assert int(cells[1]) == minutes
        amount = Decimal(cells[2] or 0).scaleb(6) if cells[2] else None
        assert amount == (None if micro is None else Decimal(micro))


@given(ROWS)
def test_no_text_begins_as_a_formula_does(rows: list[tuple[str, int, int]]) -> None:
    for cells in read(written(*rows))[1:]:
        first, *others = cells[0].split(";")  # as half the world's spreadsheets do
        assert first[:1] not in RISKY
        assert not any(other.lstrip(' "')[:1] in RISKY for other in others if other)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+49", "'+49"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "\\t=1"),
        ("\r=1", "\\r=1"),
        ("\x1b]0;\x07\u202e", r"\x1b]0;\x07\u202e"),
        ("\uff1d1", "'\uff1d1"),
        ("a=1", "a=1"),
        ("a;=1+1;b", "a;'=1+1;b"),
        ('a; ""@SUM(A1);-1', "a;' \"\"@SUM(A1);'-1"),
        ("a;b", "a;b"),
        ("", ""),
    ],
)
def test_a_text_that_could_be_a_formula_has_an_apostrophe(text: str, cell: str) -> None:
    assert read(written([text, 1, 1]))[1][0] == cell


@pytest.mark.parametrize(
    ("kind", "cell"),
    [(Kind.TEXT, "'-1"), (Kind.DAY, "'-1"), (Kind.MOMENT, "'-1"), (Kind.COUNT, "-1")],
)
def test_what_is_no_number_is_a_text_in_whatever_column(kind: Kind, cell: str) -> None:
    sheet = Sheet(name="S", title="S", columns=(Column("c", kind),), rows=[["-1"]])
    stream = io.StringIO(newline="")
    write_csv(sheet, stream)
    assert read(stream.getvalue())[1] == [cell]


def test_a_negative_amount_is_a_number_still() -> None:
    assert read(written(["a", -3, -300_001]))[1] == ["a", "-3", "-0.300001"]


def test_lines_end_and_quotes_double_as_the_standard_says() -> None:
    assert written(['say "hi", twice', 1, 0]) == (
        'name,minutes,amount\r\n"say ""hi"", twice",1,0.00\r\n'
    )


def test_a_total_and_the_mark_of_an_open_month_are_in_the_file() -> None:
    lines = read(written(["a", 1, 10_000], ["b", 2, 5], total=True, provisional=True))
    assert lines[0][-1] == "provisional"
    assert lines[-1] == ["total", "3", "0.010005", "yes"]
    assert read(written(["a", 1, 1], provisional=False))[1][-1] == "no"


def test_a_file_holds_what_is_written(tmp_path: Path) -> None:
    rows: list[list[Cell]] = [["é=1", 1, 10_000], ["b\nc", 2, 5]]
    sheet = Sheet(name="S", title="S", columns=COLUMNS, rows=rows, total=True)
    write_csv_file(sheet, tmp_path / "sheet.csv")
    text = (tmp_path / "sheet.csv").read_bytes().decode()
    assert text == written(*rows, total=True)
    assert list(tmp_path.iterdir()) == [tmp_path / "sheet.csv"]


def test_a_stream_of_rows_takes_the_memory_of_a_few() -> None:
    class Nowhere(io.StringIO):
        def write(self, text: str) -> int:
            return len(text)

    def measure(count: int) -> int:
        rows = ((f"call {n}", n, n * 1_000) for n in range(count))
        tracemalloc.start()
        write_csv(
            Sheet(name="S", title="S", columns=COLUMNS, rows=rows, total=True),
            Nowhere(),
        )
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    measure(10)
    assert measure(150_000) < 20_000_000
