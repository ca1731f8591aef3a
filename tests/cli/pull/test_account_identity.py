"""Account identity on the command line: what was seen to bill twice ends well."""

from datetime import timedelta
from typing import Any

import pytest

from billing.sandbox.control.calls import take_calls
from billing.sandbox.pamela.accounts import Account, digest_of
from billing.sandbox.pamela.truth import pamela_truth
from tests.cli.desk import HOUR, LAST, PRESENT, Desk


def account(desk: Desk, name: str) -> Account:
    return next(each for each in desk.sandbox.pamela.accounts if each.name == name)


def billed(desk: Desk) -> int:
    [(minutes,)] = desk.query("SELECT sum(billed_minutes) FROM b2b_usage")
    return int(minutes)


def owed(desk: Desk) -> int:
    """Return the minutes of both months, by the sandbox's own books."""
    now = desk.sandbox.clock.now()
    books: dict[str, Any] = dict(pamela_truth(desk.sandbox.pamela, now))
    return sum(
        int(month["billed_minutes"])
        for account in books.values()
        for name, month in account["months"].items()
        if name in {LAST, PRESENT}
    )


def counted(desk: Desk) -> int:
    [(minutes,)] = desk.query(
        "SELECT sum(minutes) FROM meter_event WHERE state = 'synced'"
    )
    return int(minutes)


@pytest.fixture
def billed_desk(run_desk: Desk) -> Desk:
    """Give a desk whose calls are pulled and sent."""
    run_desk("run")
    return run_desk


def swap_secrets(desk: Desk, one: str, other: str) -> None:
    desk.write_secret(f"pamela-{one}", account(desk, other).api_key)
    desk.write_secret(f"pamela-{other}", account(desk, one).api_key)


def test_a_renamed_account_goes_on(billed_desk: Desk) -> None:
    desk = billed_desk
    minutes, sent = billed(desk), counted(desk)
    desk.amend('name = "riverside"', 'name = "river"')
    desk.settle()
    report = desk.json("run", code=desk("run").exit_code)
    assert report["errors"] == []
    assert {pull["account"] for pull in report["pulls"]} == {
        "river",
        "lakeview",
        "summit",
    }
    assert (billed(desk), counted(desk)) >= (minutes, sent)
    names = desk.query("SELECT DISTINCT account FROM b2b_usage ORDER BY 1")
    assert names == [("lakeview",), ("riverside",), ("summit",)]
    assert desk.query("SELECT was, now FROM account_rename") == [("riverside", "river")]
    actions = desk.query("SELECT action FROM audit_event WHERE action LIKE 'account%'")
    assert ("account.renamed",) in actions
    assert billed(desk) == owed(desk)
    pulls = desk.json("status")["periods"][0]["pulls"]
    assert "river" in {pull["account"] for pull in pulls}
    assert "riverside" not in desk.done("status")


def test_two_accounts_with_one_key_are_both_refused(billed_desk: Desk) -> None:
    desk = billed_desk
    minutes = billed(desk)
    desk.write_secret("pamela-lakeview", account(desk, "riverside").api_key)
    report = desk.json("run", code=1)
    [first, second] = report["errors"]
    assert "account riverside is not pulled: it has the same API key" in first
    assert "account lakeview is not pulled: it has the same API key" in second
    assert {pull["account"] for pull in report["pulls"]} == {"summit"}
    assert billed(desk) == minutes


def test_exchanged_keys_are_refused(billed_desk: Desk) -> None:
    desk = billed_desk
    minutes = billed(desk)
    swap_secrets(desk, "riverside", "lakeview")
    result = desk("run")
    assert result.exit_code == 1
    assert "its API key and that of lakeview are exchanged" in result.stderr
    assert "its API key and that of riverside are exchanged" in result.stderr
    assert billed(desk) == minutes


def test_another_partner_behind_a_name_is_refused(billed_desk: Desk) -> None:
    desk = billed_desk
    minutes = billed(desk)
    account(desk, "summit").partner_id = "partner_other"
    result = desk("pull", PRESENT)
    assert result.exit_code == 1
    assert "account summit is not pulled" in result.stderr
    assert "the whole partner partner_other" in result.stderr
    assert "riverside" not in result.stderr
    assert billed(desk) == minutes
    assert "summit is not pulled" in desk("reconcile", PRESENT).stderr


def test_a_new_key_of_the_same_account_goes_on(billed_desk: Desk) -> None:
    desk = billed_desk
    pamela, summit = desk.sandbox.pamela, account(desk, "summit")
    pamela.add_key(summit, "pk_live_new", desk.sandbox.clock.now())
    desk.write_secret("pamela-summit", "pk_live_new")
    assert desk.json("run", code=desk("run").exit_code)["errors"] == []
    rows = desk.query("SELECT count(*) FROM account_identity WHERE account = 'summit'")
    assert rows == [(2,)]
    assert "pk_live" not in str(desk.query("SELECT * FROM account_identity"))


def test_a_source_that_names_no_partner_is_known_by_its_key(billed_desk: Desk) -> None:
    desk = billed_desk
    pamela, summit = desk.sandbox.pamela, account(desk, "summit")
    summit.partner_id = None  # type: ignore[assignment] # as an older server answers
    assert desk.json("run", code=desk("run").exit_code)["errors"] == []
    summit.keys.clear()
    pamela.add_key(summit, "pk_live_new", desk.sandbox.clock.now())
    assert summit.opened_by(digest_of("pk_live_new"))
    desk.write_secret("pamela-summit", "pk_live_new")
    errors = desk.json("run", code=desk("run").exit_code)["errors"]
    assert errors == []  # its newest calls are those that the ledger has


def test_a_day_passes_without_another_question(billed_desk: Desk) -> None:
    desk = billed_desk
    before = desk.query("SELECT count(*) FROM account_identity")
    desk.sandbox.clock.advance(timedelta(days=1) // timedelta(seconds=1))
    desk("run")
    assert desk.query("SELECT count(*) FROM account_identity") == before


def test_an_account_that_left_too_early_is_named(billed_desk: Desk) -> None:
    desk = billed_desk
    text = desk.settings_file.read_text()
    parts = text.split("[[accounts]]")
    kept = [part for part in parts if 'name = "lakeview"' not in part]
    desk.settings_file.write_text("[[accounts]]".join(kept))
    left = "account lakeview left the settings, and open is 2026-02, 2026-03"
    assert left in desk.done("status")
    [absent] = desk.json("status")["absent_accounts"]
    assert absent == {"account": "lakeview", "open_months": ["2026-02", "2026-03"]}
    assert "lakeview left the settings" in desk("doctor").stdout
    obstacles = desk.json("close", LAST, "--dry-run", code=1)["obstacles"]
    assert any("lakeview left the settings" in item["found"] for item in obstacles)


def test_doctor_says_who_the_accounts_are(desk: Desk) -> None:
    checks = {item["name"]: item for item in desk.json("doctor")["checks"]}
    assert "partner_summit" in checks["identity of summit"]["found"]
    desk.write_secret("pamela-lakeview", account(desk, "riverside").api_key)
    checks = {item["name"]: item for item in desk.json("doctor", code=1)["checks"]}
    assert "the same API key as riverside" in checks["identity of lakeview"]["found"]


def test_an_id_used_again_a_week_later_takes_nothing_back(billed_desk: Desk) -> None:
    desk = billed_desk
    [(call_id, minutes)] = desk.query(
        "SELECT call_id, billed_minutes FROM b2b_usage WHERE account = 'summit' LIMIT 1"
    )
    desk.sandbox.clock.advance(7 * 24 * HOUR)
    summit, now = account(desk, "summit"), desk.sandbox.clock.now()
    again = {
        "id": call_id,
        "created_at": (now - timedelta(hours=3)).isoformat(),
        "started_at": (now - timedelta(hours=3)).isoformat(),
        "duration_seconds": 660,
        "status": "completed",
    }
    take_calls(desk.sandbox.pamela, summit, [again], now)
    result = desk("run")
    assert result.exit_code == 1
    held = "SELECT call_id, reason FROM quarantine WHERE released_at IS NULL"
    assert (call_id, "id_reused") in desk.query(held)
    kept = desk.query(
        "SELECT sum(billed_minutes) FROM b2b_usage WHERE call_id = ?", call_id
    )
    assert kept == [(minutes,)]
    assert "the id stands for another call" in desk.done("status")


def test_a_call_in_two_accounts_is_billed_once(billed_desk: Desk) -> None:
    desk = billed_desk
    [(call_id, created_at, minutes)] = desk.query(
        "SELECT u.call_id, c.created_at, u.billed_minutes FROM b2b_usage u "
        "JOIN call c USING (account, call_id) WHERE u.account = 'summit' "
        "AND u.period = ? LIMIT 1",
        PRESENT,
    )
    before, now = billed(desk), desk.sandbox.clock.now()
    copy = {
        "id": call_id,
        "created_at": created_at,
        "started_at": created_at,
        "duration_seconds": 60 * minutes,
        "metadata": {"customer": "alder-dental"},
    }
    take_calls(desk.sandbox.pamela, account(desk, "riverside"), [copy], now)
    report = desk.json("run", code=1)
    assert billed(desk) == before
    accounts = {
        (each["account"], item["cause"])
        for run in report["reconciliations"]
        for each in run["accounts"]
        for item in each["breaks"]
    }
    assert accounts == {("riverside", "call_in_two_accounts")}
    assert "the account summit lists it too" in desk.done("status")
