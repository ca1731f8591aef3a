"""`breaks` and `reconcile --heal`: what differs, who knows, and what needs nobody."""

import pytest

from tests.cli.desk import LAST, PRESENT, Desk


def reconciled(desk: Desk) -> None:
    """Pull and reconcile last month, before anything of it is sent."""
    desk.json("pull", LAST)
    desk.json("reconcile", LAST, code=1)


def test_a_break_is_listed_and_resolved_by_the_run_without_it(desk: Desk) -> None:
    assert desk.done("breaks") == "No break is open.\n"
    reconciled(desk)
    found = desk.json("breaks", LAST)["breaks"]
    assert {one["cause"] for one in found} == {"not_staged"}
    assert {one["state"] for one in found} == {"waiting"}
    assert all(one["calls"] and one["remedy"] for one in found)
    assert "not_staged" in desk.done("breaks")
    assert desk.json("breaks", PRESENT)["breaks"] == []
    desk.json("sync")
    desk.settle()
    desk.json("reconcile", LAST)
    assert desk.json("breaks")["breaks"] == []
    resolved = desk.json("breaks", "--all")["breaks"]
    assert len(resolved) == len(found)
    assert {one["resolved_by"] for one in resolved} == {"run 2: no longer there"}


def test_a_break_is_acknowledged_once_with_a_reason(desk: Desk) -> None:
    reconciled(desk)
    acknowledge = ("breaks", "--acknowledge", "1")
    assert "--reason" in desk(*acknowledge).output
    known = desk.json(*acknowledge, "--reason", "Stripe is slow today")
    assert (known["state"], known["reason"]) == ("acknowledged", "Stripe is slow today")
    assert "Stripe is slow today" in desk.done("breaks")
    again = desk.json(*acknowledge, "--reason", "once more", code=2)
    assert again["error"]["kind"] == "NoOpenBreak"
    desk.done("breaks", "--acknowledge", "999", "--reason", "none", code=2)
    desk.done("breaks", "--reason", "of what", code=2)


def test_several_breaks_are_acknowledged_at_once_or_none(desk: Desk) -> None:
    reconciled(desk)
    why = ("--reason", "Stripe is slow today")
    count = len(desk.json("breaks", LAST)["breaks"])
    assert count > 5
    desk.json("breaks", "--acknowledge", "2,4-5,999", *why, code=2)
    assert {one["state"] for one in desk.json("breaks")["breaks"]} == {"waiting"}
    known = desk.json("breaks", "--acknowledge", "2,4-5", *why)["breaks"]
    assert [one["break"] for one in known] == [2, 4, 5]
    customer = desk.json("breaks")["breaks"][0]["customer"]
    of = ("--cause", "not_staged", "--customer", customer, "--all-of", "1")
    listed = desk.json("breaks", LAST, *of)["breaks"]
    assert 0 < len(listed) < count
    assert {one["customer"] for one in listed} == {customer}
    said = desk.done("breaks", LAST, *of, "--acknowledge", "all", *why)
    assert "acknowledged" in said
    desk.done("breaks", LAST, "--acknowledge", "all", *why)
    assert {one["state"] for one in desk.json("breaks")["breaks"]} == {"acknowledged"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("breaks --acknowledge all --reason x", "say of what all are known"),
        ("breaks 2026-01 --acknowledge all --reason x", "no such break is open"),
        ("breaks --acknowledge 3-1 --reason x", "3, 3,5-9 or all"),
        ("breaks --acknowledge 1-999999 --reason x", "3, 3,5-9 or all"),
        ("breaks --acknowledge 0 --reason x", "3, 3,5-9 or all"),
        ("breaks --acknowledge 1, --reason x", "3, 3,5-9 or all"),
        ("breaks --cause not_stagd", "did you mean not_staged"),
        ("breaks --calls 7", "there is no break 7"),
        ("breaks --calls 7 --acknowledge 7 --reason x", "give one of"),
    ],
)
def test_what_cannot_be_acknowledged_is_refused_in_a_sentence(
    desk: Desk, line: str, words: str
) -> None:
    result = desk(*line.split())
    assert result.exit_code == 2
    assert words in result.stderr


def test_every_call_of_a_break_can_be_listed(desk: Desk) -> None:
    reconciled(desk)
    most = max(desk.json("breaks")["breaks"], key=lambda one: len(one["calls"]))
    assert len(most["calls"]) > 3
    assert " more" in desk.done("breaks")
    shown = desk.done("breaks", "--calls", str(most["break"]))
    assert shown.splitlines() == most["calls"]


def test_heal_says_what_it_did_and_ends_clean(desk: Desk) -> None:
    desk.json("pull", LAST)
    found = desk.json("reconcile", LAST, "--heal", code=3)
    healed = {one["cause"]: one for one in found["healed"]}
    assert healed["not_staged"]["minutes"] < 0
    assert "synced" in healed["not_staged"]["did"]
    assert {one["cause"] for one in found["left"]} == {"not_settled"}
    desk.settle()
    said = desk.done("reconcile", LAST, "--heal", "--thorough")
    assert "Nothing was found that can be fixed" in said
    assert "agree, minute by minute" in said


def test_every_cause_that_is_found_is_explained(desk: Desk) -> None:
    desk.json("pull", LAST)
    said = desk.done("reconcile", LAST, code=1)
    assert "its hour is not over, or awaits the next sync" in said
    assert "the next sync sends it" in said
