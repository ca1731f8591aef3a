"""A lake from the command line: written, asked, or refused in one sentence."""

import sys
from datetime import timedelta
from pathlib import Path

import pytest

from tests.cli.desk import LAST, PRESENT, Desk


@pytest.fixture
def desk(run_desk: Desk) -> Desk:
    """Give a desk whose last month is closed."""
    run_desk.sandbox.stripe.rules.invoice_grace = timedelta(hours=72)
    assert run_desk.json("close", LAST)["closed"]
    return run_desk


def test_a_closed_month_is_written_once_and_asked_for_the_same_bytes(
    desk: Desk, tmp_path: Path
) -> None:
    lake = str(tmp_path / "lake")
    digest = desk.json("close", LAST)["digest"]
    [month] = desk.json("export", "lake", lake)["months"]
    assert (month["period"], month["already"]) == (LAST, False)
    assert month["close_digest"] == digest
    assert "there already" in desk.done("export", "lake", lake)
    engine = "--engine", "duckdb", "--lake", lake
    questions = [(), ("--by", "account"), ("--by", "day"), ("--by", "hour")]
    questions += [("--to", LAST), ("--to", LAST, "--by", "month")]
    for question in questions:
        line = "report", "usage", LAST, *question
        for form in ("--json", "--csv"):
            assert desk.done(*line, *engine, form) == desk.done(*line, form)
        assert desk.done(*line, *engine) == desk.done(*line)


def test_a_ledger_that_closed_nothing_says_so(run_desk: Desk, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    assert "No month is closed yet" in run_desk.done("export", "lake", str(lake))
    assert run_desk.json("export", "lake", str(lake))["months"] == []
    assert not lake.exists()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (f"{LAST} --engine duckdb", "go together; give both"),
        (f"{LAST} --lake lake", "go together; give both"),
        (f"{LAST} --engine duck --lake lake", "did you mean duckdb?"),
        (f"{LAST} --engine duckdb --lake nowhere", "there is none"),
        (f"{PRESENT} --engine duckdb --lake lake", "2026-03 is not closed"),
        (f"{LAST} --to {PRESENT} --engine duckdb --lake lake", "2026-03 is not closed"),
        (f"{PRESENT} --to {LAST}", "--to 2026-02 is before 2026-03"),
        (f"{LAST} --by month", "not summed by month"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(
    line: str, words: str, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(desk.folder)
    desk.done("export", "lake", "lake")
    result = desk("report", "usage", *line.split())
    assert result.exit_code == 2
    assert words in " ".join(result.output.split())


@pytest.mark.parametrize(
    ("missing", "line", "words"),
    [
        ("pyarrow", "export lake {}", "a lake needs pyarrow: pip install"),
        (
            "duckdb",
            f"report usage {LAST} --engine duckdb --lake {{}}",
            "--engine duckdb needs DuckDB: pip install 'pamela-billing[lake]'",
        ),
    ],
)
def test_without_the_extra_it_is_named(
    missing: str,
    line: str,
    words: str,
    desk: Desk,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    result = desk(*line.format(tmp_path / "lake").split())
    assert result.exit_code == 2
    assert words in result.output
    assert not list(tmp_path.glob("lake/usage/*"))
