"""`adopt`: a meter that another program has fed is taken over; all papers say so."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from billing.cli import main
from billing.sandbox.stripe.metering.events import EventRequest
from tests.cli.desk import LAST, PRESENT, Desk

FROM = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = "2026-03-02T12:00Z"
TAKE_OVER = ("adopt", "--from", HOUR, "--reason", "we take over")
BEFORE = """
SELECT c.stripe_customer, u.call_id, u.hour, u.billed_minutes FROM b2b_usage u
JOIN customer c ON c.name = u.customer WHERE u.hour < '2026-03-02T12' ORDER BY u.id
"""
PENDING = """
SELECT count(*) FROM b2b_usage_status
WHERE status <> 'synced' AND hour < '2026-03-02T12'
"""


@pytest.fixture
def fed(desk: Desk) -> Desk:
    """Give a desk whose meter another program has fed until noon, call by call."""
    desk.done("pull", LAST)
    desk.done("pull", "this")
    for stripe_customer, call, hour, minutes in desk.query(BEFORE):
        report(desk, stripe_customer, minutes, f"other-{call}", hour)
    desk.settle()
    return desk


def report(
    desk: Desk, stripe_customer: str, minutes: int, name: str, hour: str
) -> None:
    """Report minutes as another program does."""
    payload = {"stripe_customer_id": stripe_customer, "value": str(minutes)}
    second = int(datetime.fromisoformat(hour).timestamp()) + 600
    sent = EventRequest("stripe_minutes", payload, name, second)
    desk.sandbox.stripe.test.receive_event(sent, desk.sandbox.clock.now())


def test_all_customers_are_taken_over_and_every_paper_agrees(
    fed: Desk, tmp_path: Path
) -> None:
    looked = fed.json("adopt", "--from", HOUR, "--dry-run", code=1)
    assert {each["state"] for each in looked["customers"]} == {"waits"}
    assert fed.query("SELECT count(*) FROM shadow_reading") == [(0,)]
    assert "waits: a second reading" in fed.done(*TAKE_OVER, code=1)
    fed.sandbox.clock.advance(24 * 3_600 + 60)
    assert "Taken over from 2026-03-02T12:00Z: 8 customers" in fed.done(*TAKE_OVER)
    assert "before: 8 customers" in fed.done(*TAKE_OVER)
    assert fed.query(PENDING) == [(0,)]
    fed.done("run")
    fed.settle()
    fed.done("reconcile", LAST)
    fed.done("reconcile", "this")
    assert "agrees" not in fed.done("breaks")
    assert fed.json("breaks")["breaks"] == []
    fed.done("db", "verify")
    assert "8 taken over from another program" in fed.done("doctor")
    first = fed.query("SELECT customer FROM b2b_usage WHERE hour < '2026-03'")[0][0]
    statement = fed.json("report", "statement", LAST, first)
    assert statement["reported_by_another"]["before"] == "2026-03-02T12:00:00Z"
    call = fed.query(BEFORE)[0][1]
    words = "counted by the opening of what another program reported before "
    assert f"{words}2026-03-02T12:00:00Z" in fed.done("explain", call)
    fed.done("close", LAST)
    for month in (LAST, PRESENT):
        bundle = tmp_path / f"{month}.zip"
        fed.done("export", "audit", month, "--output", str(bundle))
        verified = CliRunner().invoke(main, ["verify", str(bundle)])
        assert verified.exit_code == 0, verified.output


def test_a_difference_is_decided_or_left_and_a_cut_over_undone(fed: Desk) -> None:
    row = fed.query(BEFORE)[0]
    [(customer,)] = fed.query(
        "SELECT name FROM customer WHERE stripe_customer = ?", row[0]
    )
    report(fed, row[0], 7, "too much", row[2])
    fed.settle()
    take_over = (*TAKE_OVER, "--customer", customer)
    assert "adopt --difference send" in fed.done(*take_over, "--sole-reporter")
    undo = ("adopt", "--undo", "--customer", customer, "--reason", "too early")
    assert "is undone" in fed.done(*undo)
    fed.done(*take_over, "--sole-reporter")
    fed.done("run", code=1)
    fed.settle()
    fed.done("reconcile", LAST, code=1)
    decide = ("adopt", "--customer", customer, "--reason", "we looked")
    assert (
        f"{customer}: +7 minutes of {LAST} are levelled by the next sync"
        in fed.done(*decide, "--difference", "send")
    )
    fed.done("sync", code=1)  # for the others, whose meters are not taken over


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "give one of --from HOUR, --difference and --undo"),
        (("--from", HOUR), "say why: --reason TEXT"),
        (("--from", HOUR, "--dry-run", "--reason", "x"), "one of --dry-run"),
        (("--from", "2026-03-02T12:30Z", "--dry-run"), "not a whole hour"),
        (("--from", "2026-03-04T12:00Z", "--dry-run"), "is in the future"),
        (("--from", "2026-01-20T12:00Z", "--dry-run"), "more than 34 days ago"),
        (("--from", "noon", "--dry-run"), "a time is written 2026-10-31T14:00Z"),
        (("--from", HOUR, "--dry-run", "--customer", "nobody"), "no customer nobody"),
        (("--undo", "--reason", "x"), "name the customer"),
        (("--undo", "--dry-run", "--customer", "x"), "--dry-run belongs to --from"),
        (("--undo", "--reason", "x", "--sole-reporter", "--customer", "x"), "belong"),
        (("--difference", "burn", "--customer", "x", "--reason", "x"), "'burn' is not"),
    ],
)
def test_bad_input_is_one_sentence(
    desk: Desk, args: tuple[str, ...], words: str
) -> None:
    result = desk("adopt", *args)
    assert (result.exit_code, words in result.stderr) == (2, True), result.stderr
    assert desk.query("SELECT count(*) FROM adoption") == [(0,)]


def test_what_cannot_be_taken_over_is_refused(fed: Desk) -> None:
    [stripe_customer, _, _, _] = fed.query(BEFORE)[0]
    [(customer,)] = fed.query(
        "SELECT name FROM customer WHERE stripe_customer = ?", stripe_customer
    )
    only = ("--customer", customer, "--sole-reporter")
    report(fed, stripe_customer, 3, "still there", "2026-03-02T15:00:00+00:00")
    fed.settle()
    refusal = fed(*TAKE_OVER, *only)
    assert refusal.exit_code == 2
    assert "3 minutes at the meter from 2026-03-02T12:00Z on" in refusal.stderr
    assert "(2026-03-02T15Z: 3)" in refusal.stderr
    early = ("--stopped-at", "2026-03-03T12:30Z")
    assert "may not be summed up yet" in fed(*TAKE_OVER, *only[:2], *early).stderr
    fed.amend(f'"{stripe_customer}"', '"cus_nobody"')
    assert "cus_nobody" in fed(*TAKE_OVER, *only).stderr
    fed.amend('"cus_nobody"', f'"{stripe_customer}"')
    fed.amend('"stripe_minutes"', '"no_such_meter"')
    refusal = fed(*TAKE_OVER, *only)
    assert refusal.exit_code == 2
    assert "Stripe has no meter with the event name no_such_meter" in refusal.stderr
    assert fed.query("SELECT count(*) FROM adoption") == [(0,)]
