"""Reports are written as files from the command line, or refused in a sentence."""

import csv
import json
import zipfile
from pathlib import Path

import pytest

from tests.cli.desk import LAST, Desk

FORMS = ("csv", "xlsx", "json", "parquet")


@pytest.fixture
def desk(run_desk: Desk) -> Desk:
    """Give a desk with two months of usage, the last one reported."""
    return run_desk


def test_every_report_is_written_in_every_form(desk: Desk, tmp_path: Path) -> None:
    whole = {
        "usage": "usage-2026-02",
        "statement": "statement-2026-02-hazel-travel",
        "rounding": "rounding-2026-02",
        "what-if": "what-if-2026-02",
    }
    for report, name in whole.items():
        whose = ["hazel-travel"] if report == "statement" else []
        for form in FORMS:
            place = ["--format", form, "--output", str(tmp_path)]
            said = desk.done("report", report, LAST, *whose, *place)
            file = tmp_path / f"{name}.{form}"
            assert said.strip() == str(file)
            assert file.stat().st_size > 100
    with zipfile.ZipFile(tmp_path / "usage-2026-02.xlsx") as book:
        assert book.testzip() is None
    document = json.loads((tmp_path / "rounding-2026-02.json").read_text())
    assert document["provisional"] is True


def test_all_statements_come_into_a_folder_at_once(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "statements"
    place = "--all", "--format", "pdf", "--output", str(folder)
    answer = desk.json("report", "statement", LAST, *place)
    rows = desk.json("report", "usage", LAST)["rows"]
    assert len(answer["files"]) == len(rows)
    assert sorted(map(str, folder.iterdir())) == sorted(answer["files"])
    for file in folder.iterdir():
        assert file.read_bytes().startswith(b"%PDF-")


def test_usage_rows_add_up_to_the_usage(desk: Desk, tmp_path: Path) -> None:
    printed = desk.done("export", "usage", LAST)
    lines = list(csv.DictReader(printed.splitlines()))
    total = desk.json("report", "usage", LAST)["total"]["billed_minutes"]
    assert sum(int(line["minutes"]) for line in lines) == total
    for form in ("csv", "xlsx", "parquet"):
        file = tmp_path / f"rows.{form}"
        place = "--format", form, "--output", str(file)
        assert desk.json("export", "usage", LAST, *place)["file"] == str(file)
    assert (tmp_path / "rows.csv").read_text().splitlines() == printed.splitlines()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("usage 2031-01", "holds nothing of 2031-01"),
        ("usage 2026-2", "a period is written 2026-10, last or this"),
        ("usage 2026-02 --by colour", "not summed by colour"),
        ("usage 2026-02 --format xlsx", "not for the screen; give --output FILE"),
        ("usage 2026-02 --csv --json", "not more than one"),
        ("usage 2026-02 --output {}/nowhere/a.csv", "no such file or directory"),
        ("usage 2026-02 --output {}/a.doc", "does not say its form"),
        ("usage 2026-02 --format pdf --output {}/a.pdf", "'pdf' is not one of"),
        ("usage 2026-02 --output {}/a.pdf", "only the statement has pages"),
        ("statement 2026-02", "name a customer, or give --all"),
        ("statement 2026-02 nobody --all", "name a customer, or give --all"),
        ("statement 2026-02 --all", "give --output FOLDER"),
        ("statement 2026-02 --all --output {}/billing.toml", "file exists"),
        ("statement 2026-02 nobody", "there is no customer nobody"),
        ("statement 2031-01 hazel-travel", "holds nothing of 2031-01"),
        ("rounding 2031-01", "holds nothing of 2031-01"),
        ("what-if 2031-01", "holds nothing of 2031-01"),
        ("what-if 2026-02 --price free", "a price is a number such as 0.12"),
        ("what-if 2026-02 --step 0", "a step is a second at least"),
        ("what-if 2026-02 --calls --json", "not for JSON"),
    ],
)
def test_what_cannot_be_reported_is_one_sentence(
    desk: Desk, line: str, words: str
) -> None:
    result = desk("report", *line.format(desk.folder).split())
    assert result.exit_code == 2
    assert words in result.output
    assert not list(desk.folder.glob("*.part"))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("2031-01", "holds nothing of 2031-01"),
        ("2026-02 --format xlsx", "give --output FILE"),
        ("2026-02 --output {}/nowhere/a.csv", "no such file or directory"),
    ],
)
def test_rows_that_cannot_be_exported_are_one_sentence(
    desk: Desk, line: str, words: str
) -> None:
    result = desk("export", "usage", *line.format(desk.folder).split())
    assert result.exit_code == 2
    assert words in result.output
