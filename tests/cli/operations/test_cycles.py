"""Cycles: each leaves its start and its end, and `status` names the last good one."""

from typing import Any

from billing.sandbox.faults import FaultKind
from tests.cli.audit.test_trail import edit
from tests.cli.desk import HOUR, Desk


def cycles(desk: Desk) -> Any:
    """Return what `status` says of the cycles."""
    return desk.json("status")["cycles"]


def test_a_ledger_without_a_cycle_says_so(desk: Desk) -> None:
    assert cycles(desk) == {"last": None, "last_good": None, "overdue": False}
    assert "No cycle has ended well on this ledger yet." in desk.done("status")


def test_a_run_is_kept_with_its_end(desk: Desk) -> None:
    desk.done("run")
    kept = cycles(desk)
    assert kept["last"] == kept["last_good"]
    last = kept["last"]
    assert (last["trigger"], last["outcome"], last["errors"]) == ("run", "clean", [])
    assert "pamela-billing run" in last["owner"]
    assert f"The last good cycle ended {last['finished_at']}" in desk.done("status")
    assert desk.query("SELECT count(*) FROM cycle_run") == [(2,)]


def test_after_two_hours_without_a_good_cycle_status_says_so(desk: Desk) -> None:
    desk.done("run")
    desk.sandbox.clock.advance(HOUR)
    desk.trouble(FaultKind.UNAUTHORIZED, "pamela.usage.get")
    desk.done("run", code=1)
    kept = cycles(desk)
    assert (kept["last"]["outcome"], kept["last_good"]["outcome"]) == (
        "failed",
        "clean",
    )
    assert not kept["overdue"]
    desk.sandbox.clock.advance(2 * HOUR)
    assert cycles(desk)["overdue"]
    text = desk.done("status")
    assert "✗ No cycle has ended well for 3 h 0" in text
    assert "ended failed with " in text


def test_a_cycle_that_was_refused_is_kept_as_such(desk: Desk) -> None:
    desk.done("run")
    edit(desk, "UPDATE b2b_usage SET billed_minutes = billed_minutes + 1 WHERE id = 5")
    desk.sandbox.clock.advance(HOUR)
    desk.done("run", code=1)
    assert cycles(desk)["last"]["outcome"] == "refused"


def test_a_cycle_that_was_killed_has_no_end(desk: Desk) -> None:
    desk.done("run")
    edit(desk, "DELETE FROM cycle_run WHERE finished_at IS NOT NULL")
    desk.sandbox.clock.advance(3 * HOUR)
    assert cycles(desk)["last"]["outcome"] is None
    assert "has not ended (it is at work, or it was killed)" in desk.done("status")
