"""`explain` on a terminal's page, as a document, and of calls that are not there."""

import sqlite3

import pytest

from tests.cli.desk import Desk

BILLED = "SELECT call_id FROM b2b_usage ORDER BY id LIMIT 1"
NEVER = "SELECT call_id FROM call WHERE not_billable = 'never_connected' LIMIT 1"


@pytest.fixture
def desk(run_desk: Desk) -> Desk:
    """Give a desk with two months of usage, the last one reported."""
    return run_desk


def call_of(desk: Desk, query: str) -> str:
    """Find a call in the desk's ledger."""
    connection = sqlite3.connect(desk.folder / "billing.db")
    try:
        (call_id,) = connection.execute(query).fetchone()
    finally:
        connection.close()
    return str(call_id)


def test_a_billed_call_is_explained_part_by_part(desk: Desk) -> None:
    *page, verdict = desk.done("explain", call_of(desk, BILLED)).splitlines()
    for title in ("What Pamela said", "Rating", "Rows of usage", "Meter event"):
        assert any(f"─ {title}" in line for line in page)
    assert verdict.startswith("This call is billed: ")
    # An answer is no proof: the summary of its hour is behind still.
    assert "taken by Stripe at " in verdict
    assert "whose summary does not show all of its hour" in verdict


def test_a_call_that_never_connected_says_so(desk: Desk) -> None:
    found = desk.json("explain", call_of(desk, NEVER))
    assert found["verdict"].startswith("not billed: it never connected")
    assert found["usage"] == found["events"] == []


def test_neither_keys_nor_a_network_are_needed(desk: Desk) -> None:
    call_id = call_of(desk, BILLED)
    for secret in (desk.folder / "secrets").iterdir():
        secret.unlink()
    found = desk.json("explain", call_id)
    assert found["revisions"][0]["call_id"] == call_id
    assert found["events"][0]["attempts"][0]["verdict"] == "counted"


def test_an_unknown_call_is_a_mistake_of_whoever_asked(desk: Desk) -> None:
    result = desk("explain", call_of(desk, BILLED)[:-1])
    assert result.exit_code == 2
    assert "the ledger knows no call" in result.stderr
    assert "did you mean" in result.stderr
