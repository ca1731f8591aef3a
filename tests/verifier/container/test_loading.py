"""Loading keeps what counts, and holds little of it at once."""

import os
import sqlite3
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from billing.verifier.chain import follow_chain
from billing.verifier.covers import Months
from billing.verifier.findings import BadRecord
from billing.verifier.loading import RowLoader
from billing.verifier.shapes import SHAPES
from billing.verifier.workspace import columns_of, open_workspace
from tests.verifier.paper import Paper, Row
from tests.verifier.signing import TestKey

HELD = "SELECT COUNT(*) FROM held"
MOST_AT_ONCE = 2**16 // len(b'[1,"acme",1,"then","kim",null]\n')


class Counting:
    """A connection that says how many rows each of its inserts brought."""

    def __init__(self, work: sqlite3.Connection) -> None:
        self._work, self.parts = work, list[int]()

    def executemany(self, statement: str, rows: Iterable[Row]) -> None:
        listed = list(rows)
        if "INTO held" in statement:
            self.parts.append(len(listed))
        self._work.executemany(statement, listed)

    def execute(self, *statement: object) -> sqlite3.Cursor:
        return self._work.execute(*statement)  # type: ignore[arg-type]


def holding(number: int) -> Paper:
    """Write a ledger whose sends were held so often."""
    paper = Paper(TestKey())
    paper.register_key()
    rows: list[Row] = [
        [each, "acme", 1, "then", "kim", None] for each in range(1, number + 1)
    ]
    paper.commit("send.held", {"send_hold": rows})
    return paper


@pytest.mark.parametrize("number", [0, 1, 999, 4_000])
def test_rows_with_a_digest_each_are_kept_in_parts(number: int) -> None:
    paper = holding(number)
    with open_workspace() as work:
        counting = Counting(work)
        chain = follow_chain(paper, work)
        loader = RowLoader(paper, counting, chain, Months(None))  # type: ignore[arg-type]
        loader._load("send_hold")
        assert sum(counting.parts) == number
        assert max(counting.parts, default=0) <= MOST_AT_ONCE
        assert work.execute(HELD).fetchone() == (number,)


def test_a_row_that_is_there_twice_is_one_sentence() -> None:
    paper = holding(2)
    paper.rows["send_hold"][3] = paper.rows["send_hold"][2]
    with open_workspace() as work:
        loader = RowLoader(paper, work, follow_chain(paper, work), Months(None))
        with pytest.raises(BadRecord, match="a row is there twice, or its rows are"):
            loader.load_all()


def test_the_columns_that_are_kept_are_columns_of_the_table() -> None:
    with open_workspace() as work:
        kept = {name: columns_of(work, name) for name in SHAPES}
    assert not kept["send_hold"]
    assert kept["pull"] == ["id"]
    for name, columns in kept.items():
        assert set(columns) <= set(SHAPES[name].columns)


def test_a_workspace_is_gone_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with open_workspace() as work:
        [folder] = tmp_path.iterdir()
        assert folder.name.startswith("verify-")
        assert (folder / "work.db").exists()
        assert work.execute("PRAGMA synchronous").fetchone() == (0,)
        assert work.execute("PRAGMA journal_mode").fetchone() == ("off",)
        assert work.execute("PRAGMA cache_size").fetchone() == (-65_536,)
        assert work.in_transaction
    assert not list(tmp_path.iterdir())
    with pytest.raises(sqlite3.ProgrammingError):
        work.execute("SELECT 1")


def test_a_folder_that_cannot_be_removed_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it was opened for is done; a virus scanner may still hold a file."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def refuse(*_: object, **__: object) -> None:
        raise OSError("somebody holds it")

    with open_workspace():
        for name in ("unlink", "rmdir"):
            monkeypatch.setattr(os, name, refuse)
    monkeypatch.undo()
    [left] = tmp_path.iterdir()
    assert (left / "work.db").exists()
