"""`db copy`: a whole ledger goes to another database, and only there it goes on."""

import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from billing.ledger.database import open_ledger
from tests.cli.audit.test_trail import edit, minutes_at_stripe, restore, save, sends
from tests.cli.desk import HOUR, LAST, Desk
from tests.ledger.bookkeeping import rows

SQLITE_HERE = 'url = "sqlite:///billing.db"'
EVENTS = "SELECT count(*) FROM audit_event"
WHY = ("--reason", "it was lost")


def go_to(desk: Desk, url: str, before: str = SQLITE_HERE) -> str:
    """Put the new address into the settings; return the line that says it."""
    line = f'url = "{url}"'
    desk.amend(before, line)
    return line


def digests(report: Any) -> dict[str, str]:
    """Return the digest of each table's rows."""
    return {name: table["sha256"] for name, table in report["tables"].items()}


def test_a_ledger_goes_to_postgresql_and_bills_nothing_twice(
    run_desk: Desk, postgres_url: str
) -> None:
    desk = run_desk
    heads = desk.json("audit", "heads")
    minutes = minutes_at_stripe(desk)
    report = desk.json("db", "copy", "--to", postgres_url)
    assert report["signed_head"] == 1
    assert desk.json("db", "verify")["verdict"] == "PASS"
    here = desk.json("audit", "heads", code=1)

    go_to(desk, postgres_url)
    there = desk.json("audit", "heads")
    for name in ("events", "key", "head", "anchors"):
        assert here[name] == there[name], name
    assert there["head"] == heads["head"]
    assert desk.json("db", "verify")["verdict"] == "PASS"
    assert desk.json("db", "check")["sound"]
    assert desk.json("status")["moved"] is None

    desk.done("run")
    assert minutes_at_stripe(desk) == minutes
    for _ in range(3):
        desk.sandbox.clock.advance(HOUR)
        desk.done("run")
    assert desk.json("reconcile", LAST)["clean"]
    assert desk.json("db", "verify")["verdict"] == "PASS"


def test_there_and_back_the_rows_are_the_same(
    run_desk: Desk, postgres_url: str
) -> None:
    desk = run_desk
    there = desk.json("db", "copy", "--to", postgres_url)
    line = go_to(desk, postgres_url)
    back = desk.json("db", "copy", "--to", "sqlite:///back.db")
    go_to(desk, "sqlite:///back.db", line)
    # The second move is an event of its own, of which the first copy knew nothing.
    first, second = digests(there), digests(back)
    assert {name for name in first if first[name] != second[name]} == {"audit_event"}
    assert back["event"] == there["event"] + 1
    file = desk.folder / "back.db"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert desk.json("db", "verify")["verdict"] == "PASS"
    assert desk.json("db", "check")["sound"]
    desk.settle()
    desk.done("run")
    assert desk.json("reconcile", LAST)["clean"]


@pytest.fixture
def moved(run_desk: Desk, postgres_url: str) -> Desk:
    """Give a desk whose settings name a ledger that was moved, and ran there since."""
    run_desk.done("db", "copy", "--to", postgres_url)
    before = run_desk.settings_file.read_text()
    go_to(run_desk, postgres_url)
    run_desk.settle()
    run_desk.done("run")
    run_desk.settings_file.write_text(before)
    return run_desk


def test_who_goes_back_is_told_where_it_moved_to(moved: Desk) -> None:
    sent, events = sends(moved), moved.query(EVENTS)
    for command in (
        ("run",),
        ("pull",),
        ("sync",),
        ("sync", "--hold", *WHY),
        ("close", LAST),
        ("audit", "sign"),
        ("audit", "accept-restore", *WHY),
        ("db", "upgrade"),
        ("db", "copy", "--to", "sqlite:///other.db"),
        ("db", "copy", "--to", "sqlite:///billing.db"),
        ("init", "--sandbox", moved.url),
    ):
        result = moved(*command)
        assert result.exit_code == 2, (command, result.output)
        if command[0] != "init":
            assert "this ledger was moved to postgresql+psycopg" in result.stderr
            assert result.stderr.count("\n") == 1
    assert (sends(moved), moved.query(EVENTS)) == (sent, events)
    assert not (moved.folder / "other.db").exists()


def test_what_only_reads_goes_on_and_says_first_that_it_moved(moved: Desk) -> None:
    words = "This ledger was moved to postgresql+psycopg://"
    assert words in moved.done("status").splitlines()[1]
    assert words in moved.json("status")["moved"]
    assert words in moved.done("audit", "heads", code=1).splitlines()[0]
    assert words in moved.json("audit", "heads", code=1)["moved"]
    assert words in moved.done("db", "verify").splitlines()[0]
    assert words in moved.json("db", "verify")["moved"]
    assert "this ledger was moved to" in moved("doctor").stdout.lower()
    assert moved.done("report", "usage", LAST)
    assert moved.done("db", "check")


def test_a_backup_from_before_the_move_is_still_known_as_restored(
    run_desk: Desk, postgres_url: str
) -> None:
    saved = save(run_desk)
    run_desk.done("db", "copy", "--to", postgres_url)
    restore(run_desk, saved)
    result = run_desk("run")
    assert result.exit_code == 1
    assert "is not the one that was seen last" in result.stderr
    result = run_desk("db", "copy", "--to", "sqlite:///other.db")
    assert "is not the one that was seen last" in result.stderr
    assert not (run_desk.folder / "other.db").exists()


def test_a_dry_run_says_what_would_be_copied_and_changes_nothing(
    run_desk: Desk, postgres_url: str
) -> None:
    before = run_desk.query(EVENTS)
    plan = run_desk.json("db", "copy", "--to", postgres_url, "--dry-run")
    assert plan["tables"]["call"] == run_desk.query("SELECT count(*) FROM call")[0][0]
    assert "would be copied" in run_desk.done(
        "db", "copy", "--to", "sqlite:///new.db", "--dry-run"
    )
    assert not (run_desk.folder / "new.db").exists()
    assert run_desk.query(EVENTS) == before
    run_desk.done("run")


def test_a_ledger_that_contradicts_itself_is_not_copied(run_desk: Desk) -> None:
    edit(run_desk, "UPDATE b2b_usage SET billed_minutes = billed_minutes + 1")
    before = run_desk.query(EVENTS)
    result = run_desk("db", "copy", "--to", "sqlite:///new.db")
    assert result.exit_code == 1
    assert "so it is not copied" in result.stderr
    assert run_desk.query(EVENTS) == before
    assert list(run_desk.folder.glob("*new.db*")) == []


def test_what_is_copied_has_no_key_and_no_secret(
    run_desk: Desk, postgres_url: str
) -> None:
    run_desk.done("db", "copy", "--to", "sqlite:///new.db")
    content = (run_desk.folder / "new.db").read_bytes()
    key = (run_desk.folder / "audit.key").read_bytes()
    for secret in (key, *(secret.encode() for secret in run_desk.secrets)):
        assert secret not in content


def test_an_address_is_shown_without_its_password(
    run_desk: Desk, postgres_url: str
) -> None:
    with_password = postgres_url.replace("billing@", "billing:hunter2@")
    assert "hunter2" not in run_desk("db", "copy", "--to", with_password).output
    assert "hunter2" not in run_desk("status").output
    with closing(open_ledger(postgres_url)) as there:
        for table in ("audit_event", "ledger_move"):
            assert "hunter2" not in str(rows(there, f"SELECT * FROM {table}"))
    assert b"hunter2" not in Path(run_desk.folder / "billing.db").read_bytes()
    result = run_desk("db", "copy", "--to", with_password.replace("fresh_", "no_"))
    assert "hunter2" not in result.output
