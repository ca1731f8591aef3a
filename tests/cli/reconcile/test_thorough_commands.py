"""`reconcile --thorough`: a minute more and one less are named, whatever the total."""

import json
from typing import Any

import pytest

from billing.sandbox.control.calls import take_calls
from tests.cli.desk import LAST, Desk

HOURS_OF_A_DAY = 24
ACCOUNT = "riverside"


def level(desk: Desk) -> None:
    """Bring all three sides of last month level."""
    desk.json("pull", LAST)
    desk.json("sync")
    desk.settle()
    assert desk.json("reconcile", LAST)["clean"]


def move_a_minute(desk: Desk) -> dict[str, tuple[str, int]]:
    """Let one customer have a minute more, and another one less; say which calls."""
    rows: list[tuple[str, str, int]] = desk.query(
        "SELECT customer, call_id, duration_seconds FROM call "
        "WHERE period = ? AND account = ? AND duration_seconds > 120 "
        "AND revision = 1 ORDER BY customer, call_id",
        LAST,
        ACCOUNT,
    )
    first = rows[0]
    second = next(row for row in rows if row[0] != first[0])
    changes = [
        {"id": first[1], "duration_seconds": first[2] + 60},
        {"id": second[1], "duration_seconds": second[2] - 60},
    ]
    pamela, now = desk.sandbox.pamela, desk.sandbox.clock.now()
    account = next(each for each in pamela.accounts if each.name == ACCOUNT)
    assert take_calls(pamela, account, changes, now)["changed"] == 2
    return {first[0]: (first[1], -1), second[0]: (second[1], 1)}


def minutes_by_call(desk: Desk) -> dict[str, int]:
    """Return what is billed of each call, in whichever month."""
    return dict(
        desk.query("SELECT call_id, sum(billed_minutes) FROM b2b_usage GROUP BY 1")
    )


def named(report: Any) -> dict[str, tuple[str, int]]:
    """Return the calls that the breaks of a reconciliation name, by customer."""
    return {
        each["customer"]: (item["calls"][0], item["minutes"])
        for each in report["customers"]
        for item in each["breaks"]
        if item["cause"] == "changed_call"
    }


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
def test_a_minute_that_moved_between_customers_is_named_and_corrected(
    desk: Desk, closed: bool
) -> None:
    level(desk)
    if closed:
        desk.done("close", LAST)
    before = minutes_by_call(desk)
    moved = move_a_minute(desk)
    before_it = desk.done("reconcile", LAST)
    assert f"`pamela-billing reconcile {LAST} --thorough` reads them anew" in before_it
    report = desk.json("reconcile", LAST, "--thorough", code=1)
    assert named(report) == moved
    assert report["difference_minutes"] == 0
    said = desk.done("reconcile", LAST, "--thorough", code=1)
    assert "changed_call" in said
    assert "Pamela's calls as read whole at 2026-03-03T1" in said
    for _ in range(HOURS_OF_A_DAY + 1):
        desk.settle()
    desk("run")
    result = desk("reconcile", LAST, "--thorough", "--json")
    assert named(json.loads(result.stdout)) == {}
    after = minutes_by_call(desk)
    for call_id, difference in moved.values():
        assert after[call_id] == before[call_id] - difference


def test_each_figure_says_as_of_when_it_was_read(desk: Desk) -> None:
    level(desk)
    desk.settle()
    [first, *_] = desk.json("reconcile", LAST)["customers"]
    assert first["pamela_read_at"] < first["ledger_read_at"] == first["stripe_read_at"]
    report = desk.json("reconcile", LAST, "--thorough")
    [first, *_] = report["customers"]
    assert first["pamela_read_at"] == first["stripe_read_at"]
    stored = desk.json("report", "reconciliation", LAST)
    assert stored["customers"][0]["pamela_read_at"] == first["pamela_read_at"]
    [account, *_] = stored["accounts"]
    assert account["calls_read_at"] == account["usage_read_at"]
    assert account["calls_minutes"] == account["usage_minutes"]
