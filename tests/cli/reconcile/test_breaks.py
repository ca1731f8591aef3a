"""`breaks` and `reconcile --heal`: what differs, who knows, and what needs nobody."""

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
