"""Each event of a chain is one: its parts, its place, its covers and its balance."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from billing.verifier.covers import Months
from billing.verifier.findings import BadRecord
from billing.verifier.verification import verify_in_workspace
from tests.verifier.paper import Paper, encode_line
from tests.verifier.stories import ledger_on_paper

Event = dict[str, Any]
Forge = Callable[[Event], object]


def chain_to(table: str) -> Paper:
    """Return a chain that ends at the last event which covers rows of a table."""
    paper = ledger_on_paper(2, closed=False)
    while not any(
        cover["table"] == table for cover in json.loads(paper.events[-1])["covers"]
    ):
        del paper.events[-1]
    return paper


def cover_of(event: Event, table: str) -> dict[str, Any]:
    """Return what an event covers of a table."""
    return next(cover for cover in event["covers"] if cover["table"] == table)


def usage(**values: object) -> Forge:
    """Say something else of the rows of usage that are covered."""
    return lambda event: cover_of(event, "b2b_usage").update(values)


def usage_from(first: int, rows: int) -> Forge:
    """Say that so many rows are covered, beginning so far from the last of them."""

    def forge(event: Event) -> None:
        cover = cover_of(event, "b2b_usage")
        cover.update(first=cover["last"] + first, rows=rows)

    return forge


def state(table: str, less: int) -> Forge:
    """Say that a table has fewer rows than there were."""
    return lambda event: event["state"]["last"].update({table: less})


def shortest(event: Event) -> str:
    """Name a table of one row."""
    last: dict[str, int] = event["state"]["last"]
    return next(table for table, end in last.items() if end == 1)


def balance(**gains: int) -> Forge:
    """Say that the rows of usage add up to something else."""

    def forge(event: Event) -> None:
        for name, gain in gains.items():
            event["state"]["balance"][name] += gain

    return forge


FORGED: dict[str, tuple[Forge, str]] = {
    "a part more": (lambda event: event.update(note=1), "it has not the parts"),
    "a part less": (lambda event: event.pop("reason"), "it has not the parts"),
    "a number more": (lambda event: event.update(sequence=99), "its sequence is 99"),
    "another link": (
        lambda event: event.update(previous="0" * 64),
        "it does not hold the hash of the event before it",
    ),
    "covers of no kind": (lambda event: event.update(covers=7), "it is no audit event"),
    "an unknown table": (
        lambda event: event["covers"].append({"table": "x", "period": ""}),
        "it covers an unknown table 'x'",
    ),
    "no rows": (usage(rows=0), "its range of b2b_usage is none"),
    "rows that are no number": (usage(rows="1"), "its range of b2b_usage is none"),
    "rows that are true": (usage(rows=True), "its range of b2b_usage is none"),
    "more rows than numbers": (usage_from(0, 2), "its range of b2b_usage is none"),
    "a range that ends first": (usage_from(1, 1), "its range of b2b_usage is none"),
    "a digest that is none": (usage(sha256="0" * 63), "its digest of b2b_usage is"),
    "rows of an earlier event": (usage(first=1), "that were covered before"),
    "the last row of an earlier event": (
        lambda event: cover_of(event, "b2b_usage").update(
            first=cover_of(event, "b2b_usage")["first"] - 1
        ),
        "that were covered before",
    ),
    "a range twice": (
        lambda event: event["covers"].append(cover_of(event, "b2b_usage")),
        "it covers something twice",
    ),
    "rows that were forgotten": (state("call", 1), "goes back behind an earlier one"),
    "a table that was forgotten": (
        lambda event: event["state"]["last"].pop(shortest(event)),
        "goes back behind an earlier one",
    ),
    "a row more in the sum": (balance(rows=1), "its balance gains"),
    "a row less in the sum": (balance(rows=-1), "its balance gains"),
}


@pytest.mark.parametrize("name", FORGED)
def test_an_event_that_is_none_ends_the_chain(name: str) -> None:
    paper = chain_to("b2b_usage")
    forge, words = FORGED[name]
    event = json.loads(paper.events[-1])
    forge(event)
    paper.events[-1] = encode_line(event)
    with pytest.raises(BadRecord) as raised:
        verify_in_workspace(paper, Months(None))
    assert f"event {len(paper.events)}" in str(raised.value)
    assert words in str(raised.value)


@pytest.mark.parametrize(("field", "gain"), [("minutes", 1), ("amount_micro", -1)])
def test_the_sums_change_only_with_rows_of_usage(field: str, gain: int) -> None:
    paper = chain_to("price")
    assert not any("b2b_usage" in str(event) for event in paper.events)
    event = json.loads(paper.events[-1])
    event["state"]["balance"][field] += gain
    paper.events[-1] = encode_line(event)
    with pytest.raises(BadRecord, match="its balance gains 0 rows, it covers 0"):
        verify_in_workspace(paper, Months(None))


def test_a_line_that_is_no_object_is_no_event() -> None:
    paper = chain_to("b2b_usage")
    paper.events[-1] = b"[]"
    with pytest.raises(BadRecord, match="it has not the parts"):
        verify_in_workspace(paper, Months(None))
