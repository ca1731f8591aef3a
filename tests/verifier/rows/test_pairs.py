"""Pairs are rated as they come; whatever is more than a pair is rated in order."""

import random
from array import array
from typing import Any

import pytest

from billing.verifier import pairs
from billing.verifier.covers import Months, NumberRuns
from billing.verifier.findings import BadRecord
from billing.verifier.pairs import _twice
from billing.verifier.verification import BundleSummary, verify_in_workspace
from tests.verifier.paper import Paper, Row
from tests.verifier.stories import ledger_on_paper
from tests.verifier.story import Story

EVERYTHING = Months(None)
# Each makes pairs of other calls, or of none at all; nothing that is said may change.
LIMITS = [
    ("_MOST_ROWS", 0),
    ("_MOST_ROWS", 9),
    ("_MOST_APART", 0),
    ("_MOST_APART", 2),
    ("_MOST_WAITING", 0),
    ("_MOST_WAITING", 1),
    ("_SORTED_AT_ONCE", 2),
]


def verdict(paper: Paper, months: Months) -> BundleSummary | str:
    """Return what is shown of a ledger, or the sentence about its first bad record."""
    try:
        return verify_in_workspace(paper, months)
    except BadRecord as bad:
        return str(bad)


@pytest.mark.parametrize(("limit", "number"), LIMITS)
@pytest.mark.parametrize("seed", range(1, 5))
def test_it_does_not_matter_which_calls_are_pairs(
    monkeypatch: pytest.MonkeyPatch, limit: str, number: int, seed: int
) -> None:
    papers = [ledger_on_paper(seed, closed=closed) for closed in (True, False)]
    months = EVERYTHING, Months("2026-03"), Months("2026-04")
    before = [verdict(paper, month) for paper in papers for month in months]
    monkeypatch.setattr(pairs, limit, number)
    assert before == [verdict(paper, month) for paper in papers for month in months]
    assert isinstance(before[0], BundleSummary)
    assert before[0].calls == 12


def edited(seed: int, table: str) -> Paper:
    """Tell a story in which some rows of a table are recorded wrongly."""
    chance, story = random.Random(seed), Story(seed, calls=8)
    honest = story.paper.commit

    def commit(
        action: str,
        rows: dict[str, list[Row]] | None = None,
        bindings: dict[int, list[int]] | None = None,
        detail: dict[str, Any] | None = None,
    ) -> None:
        for row in (rows or {}).get(table, []):
            if chance.random() < 0.3:
                place = chance.randrange(1, len(row))
                others = [each[place] for each in story.paper.rows[table].values()]
                more = [0, 2**63] if isinstance(row[place], int) else ["x", "\n"]
                row[place] = chance.choice([*others, *more])
        honest(action, rows, bindings, detail)

    story.begin()
    story.paper.commit = commit  # type: ignore[method-assign,assignment]
    story.pull(story.names[:4])
    story.pull(story.names[2:])
    return story.paper


@pytest.mark.parametrize("table", ["call", "b2b_usage"])
@pytest.mark.parametrize("seed", range(30))
def test_the_first_bad_record_is_the_same_without_pairs(
    monkeypatch: pytest.MonkeyPatch, seed: int, table: str
) -> None:
    paper = edited(seed, table)
    before = verdict(paper, EVERYTHING)
    monkeypatch.setattr(pairs, "_MOST_ROWS", -1)
    assert verdict(paper, EVERYTHING) == before


def test_a_call_that_is_there_twice_is_no_pair() -> None:
    """Its second row is the first revision of the same name, and has no row."""
    story = Story(5, calls=4)
    story.begin()
    story.pull(story.names)
    calls = story.paper.rows["call"]
    again = [*calls[1]]
    again[0] = len(calls) + 1
    story.paper.commit("pulled", {"call": [again]})
    sentence = f"tables/call.jsonl, row {again[0]}: it is revision 1, not 2"
    assert verdict(story.paper, EVERYTHING) == sentence


def test_a_call_that_is_asked_for_is_kept_whole() -> None:
    paper = ledger_on_paper(3)
    name = next(iter(paper.rows["call"].values()))[2]
    shown = verify_in_workspace(paper, EVERYTHING)
    assert shown == verify_in_workspace(paper, EVERYTHING, name)


@pytest.mark.parametrize(
    "numbers", [[], [1], [1, 2, 3], [7, -1, 2**62], list(range(20)), [5, 1, 9, 3, 7]]
)
def test_what_is_there_once_is_not_twice(numbers: list[int]) -> None:
    assert list(_twice(array("q", numbers))) == []


@pytest.mark.parametrize("apart", [1, 2, 3, 9, 19])
def test_what_is_there_twice_is_found_wherever_it_is(
    monkeypatch: pytest.MonkeyPatch, apart: int
) -> None:
    monkeypatch.setattr(pairs, "_SORTED_AT_ONCE", 4)
    numbers = [random.Random(n).randrange(-(2**63), 2**63) for n in range(20)]
    numbers[apart] = numbers[0]
    assert {*_twice(array("q", numbers))} == {numbers[0]}


RUNS: list[tuple[list[list[int]], bool]] = [
    ([], False),
    ([[1, 2, 3], [4, 5]], False),
    ([[4, 6, 9], [1, 2], [5, 7]], False),
    ([[1, 2, 3], [3]], True),
    ([[1, 2, 3], [9], [2]], True),
    ([[5], [1], [5]], True),
    ([[2, 4, 6], [1, 3, 4]], True),
]


@pytest.mark.parametrize(("parts", "twice"), RUNS)
def test_a_number_is_there_once_in_all_runs(
    parts: list[list[int]], twice: bool
) -> None:
    runs = NumberRuns()
    for part in parts:
        runs.add(part)
    assert runs.overlap() is twice
