"""Calls between months: planned long before, dated back, or held in quarantine."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from billing.sandbox.control.calls import take_calls
from billing.sandbox.pamela.accounts import Account
from billing.sandbox.pamela.call import FilteredBy, written
from tests.cli.desk import LAST, PRESENT, START, Desk

DAY = timedelta(days=1)


def account_of(desk: Desk) -> Account:
    return desk.sandbox.pamela.accounts[0]


def put(desk: Desk, call_id: str, began: datetime, **fields: Any) -> None:
    """Put a call of five minutes into the sandbox, or change it."""
    document: dict[str, Any] = {
        "id": call_id,
        "started_at": written(began),
        "duration_seconds": 300,
    }
    document["metadata"] = {account_of(desk).customer_key: "birch-clinic"}
    now = desk.sandbox.clock.now()
    take_calls(desk.sandbox.pamela, account_of(desk), [document | fields], now)


def billed(desk: Desk, call_id: str) -> list[tuple[str, int]]:
    query = "SELECT period, sum(billed_minutes) FROM b2b_usage WHERE call_id = ? "
    return desk.query(f"{query} GROUP BY period", call_id)


@pytest.mark.parametrize("filtered_by", FilteredBy)
def test_a_call_planned_sixty_days_before_is_billed_once_in_its_month(
    desk: Desk, filtered_by: FilteredBy
) -> None:
    desk.sandbox.pamela.filter_by(filtered_by, START)
    began = START - 10 * DAY
    put(desk, "planned", began, created_at=written(began - 60 * DAY))
    desk.done("run")
    assert billed(desk, "planned") == [(LAST, 5)]
    desk.settle()
    assert desk.json("reconcile", LAST)["clean"]
    assert desk.done("run") is not None
    assert billed(desk, "planned") == [(LAST, 5)]


def test_the_pull_says_how_far_it_looked_and_what_it_met(desk: Desk) -> None:
    began = START - 10 * DAY
    put(desk, "planned", began, created_at=written(began - 60 * DAY))
    put(desk, "next", START - DAY)
    name = account_of(desk).name
    [pulled] = desk.json("pull", LAST, "--account", name)["pulls"]
    assert pulled["looked_back_to"] == "2025-11-29T00:00:00Z"
    assert pulled["passed_over"][PRESENT]["billed_here"]
    assert billed(desk, "next") == [(PRESENT, 5)]
    text = desk.done("pull", LAST, "--account", name)
    assert f"of {PRESENT}" in text


def test_a_call_dated_before_the_first_month_stops_no_close(desk: Desk) -> None:
    put(desk, "moved", datetime.fromisoformat(f"{LAST}-01T00:30:00Z"))
    desk.done("run")
    assert billed(desk, "moved") == [(LAST, 5)]
    put(desk, "moved", datetime.fromisoformat("2026-01-31T23:30:00Z"))
    desk.sandbox.clock.advance(25 * 3_600)
    desk.done("run", code=1)
    assert billed(desk, "moved") == [(LAST, 0)]
    assert desk.query("SELECT DISTINCT period FROM b2b_usage ORDER BY 1") == [
        (LAST,),
        (PRESENT,),
    ]
    breaks = desk.json("breaks")["breaks"]
    [found] = [one for one in breaks if one["cause"] == "before_first_period"]
    assert found["calls"] == ["moved"]
    assert "5 minutes were taken back" in found["evidence"]


def test_a_quarantined_call_explains_what_pamela_has_more(desk: Desk) -> None:
    key = account_of(desk).customer_key
    assert key is not None
    put(desk, "ghost", START - 10 * DAY, metadata={key: "ghost"})
    desk.done("run", code=1)
    breaks = desk.json("breaks")["breaks"]
    [found] = [one for one in breaks if one["cause"] == "quarantined"]
    assert (found["minutes"], found["amount"]) == (-5, None)
    assert found["calls"] == ["ghost"]
    assert "yours, in the settings" in found["evidence"]
    assert not [one for one in breaks if one["cause"] == "source_total_differs"]
