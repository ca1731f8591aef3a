"""`close` freezes a month once, or says what stands in the way of it."""

from datetime import timedelta
from typing import Any

import pytest

from tests.cli.desk import LAST, PRESENT, Desk


@pytest.fixture(autouse=True)
def _invoices_stay_open(desk: Desk) -> None:
    """Let what is reported on the third day still reach the invoice."""
    desk.sandbox.stripe.rules.invoice_grace = timedelta(hours=72)


def kinds(report: dict[str, Any]) -> list[str]:
    return [obstacle["kind"] for obstacle in report["obstacles"]]


def test_a_month_is_closed_once_its_books_agree_and_then_stays(desk: Desk) -> None:
    fresh = desk.json("close", LAST, "--dry-run", code=1)
    assert kinds(fresh) == [*["not_pulled"] * 3, "not_reconciled"]
    unsent = desk.json("close", LAST, code=1)
    assert kinds(unsent) == ["not_staged", "breaks"]
    for obstacle in unsent["obstacles"]:
        assert set(obstacle) == {
            "kind",
            "found",
            "count",
            "minutes",
            "names",
            "remedy",
        }
    desk.done("run")
    assert "not_settled" in kinds(desk.json("close", LAST, code=1))
    text = desk.done("close", LAST, code=1)
    assert "is not closed" in text
    assert "may still change" in text
    assert desk.json("status")["periods"][1]["closed"] is None

    desk.settle()
    made = desk.json("close", LAST, "--reason", "the books agree")
    assert (made["closed"], made["already"], made["obstacles"]) == (True, False, [])
    billed = desk.json("report", "usage", LAST)["total"]["billed_minutes"]
    assert made["totals"]["minutes"] == billed
    again = desk.json("close", LAST)
    assert again == made | {"already": True}
    assert "was closed before" in desk.done("close", LAST)
    assert made["digest"] in desk.done("close", LAST, "--dry-run")
    shown = desk.json("status")["periods"][1]["closed"]
    assert shown == {key: made[key] for key in ("closed_at", "closed_by", "digest")}
    assert f"{LAST}: closed" in desk.done("status")


def test_what_was_invoiced_before_it_arrived_keeps_a_month_open(desk: Desk) -> None:
    desk.sandbox.stripe.rules.invoice_grace = timedelta(hours=1)
    desk.done("run")
    desk.settle()
    [obstacle] = desk.json("close", LAST, code=1)["obstacles"]
    assert "invoiced_before_it_arrived" in obstacle["found"]
    assert "next invoice" in obstacle["remedy"]
    assert "acknowledge" in obstacle["remedy"]


def test_a_dry_run_needs_no_keys_and_changes_nothing(desk: Desk) -> None:
    desk.done("run")
    desk.settle()
    desk.done("run")
    for secret in (desk.folder / "secrets").iterdir():
        secret.unlink()
    assert "nothing stands in the way" in desk.done("close", LAST, "--dry-run")
    assert desk.json("status")["periods"][1]["closed"] is None


def test_the_present_month_is_not_closed(desk: Desk) -> None:
    assert kinds(desk.json("close", PRESENT, code=1)) == ["not_over"]
    assert "is not over" in desk.done("close", PRESENT, code=1)


def test_a_month_that_is_not_billed_here_is_refused(desk: Desk) -> None:
    assert "first_period" in desk("close", "2025-01").stderr
    assert desk("close").exit_code == 2
