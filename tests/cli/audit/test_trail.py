"""`audit`: who did what, the signed heads, the key, and a ledger that was changed."""

import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from billing.sandbox.world import METER
from billing.verifier.ed25519 import is_signed
from tests.cli.desk import HOUR, LAST, Desk

WHY = ("--reason", "the disk died")
CREATE = "stripe.meter_events.create"
GUARDS = "SELECT name FROM sqlite_master WHERE type = 'trigger'"


def sends(desk: Desk) -> int:
    """Count the meter events that reached Stripe."""
    return sum(one.endpoint == CREATE for one in desk.sandbox.stripe_log.records())


def minutes_at_stripe(desk: Desk) -> dict[str, int]:
    """Return what Stripe really counted of the last month, by customer."""
    truth: Any = desk.sandbox.stripe.truth()["test"]
    return {name: said["months"][LAST][METER] for name, said in truth.items()}


def edit(desk: Desk, *statements: str) -> None:
    """Change the ledger by hand, its guards dropped."""
    with closing(sqlite3.connect(desk.folder / "billing.db")) as connection:
        for (name,) in connection.execute(GUARDS).fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def save(desk: Desk) -> bytes:
    """Return the ledger as a backup holds it."""
    with closing(sqlite3.connect(desk.folder / "billing.db")) as connection:
        return connection.serialize()


def restore(desk: Desk, saved: bytes) -> None:
    """Put a backup in the ledger's place."""
    for ending in ("-wal", "-shm"):
        (desk.folder / f"billing.db{ending}").unlink(missing_ok=True)
    (desk.folder / "billing.db").write_bytes(saved)


def test_the_trail_is_listed_newest_last(run_desk: Desk) -> None:
    events = run_desk.json("audit", "trail", "--last", "5")["events"]
    numbers = [one["event"] for one in events]
    assert numbers == list(range(numbers[-1] - 4, numbers[-1] + 1))
    assert set(events[0]) == {
        "event",
        "at",
        "actor",
        "action",
        "subject",
        "reason",
        "detail",
        "rows",
        "hash",
    }
    [first] = run_desk.json("audit", "trail", "--action", "key.")["events"]
    assert first["action"] == "key.registered"
    said = run_desk.done("audit", "trail", "--action", "key.")
    assert "key.registered" in said
    assert run_desk.json("audit", "trail", "--action", "nothing")["events"] == []


def test_run_signs_and_heads_show_it(run_desk: Desk) -> None:
    found = run_desk.json("audit", "heads")
    head = json.loads(found["head"]["line"])
    assert (head["number"], head["event"]) == (1, found["events"])
    [key] = run_desk.json("audit", "trail", "--action", "key.registered")["events"]
    public = bytes.fromhex(key["detail"]["public_key"])
    line, signature = found["head"]["line"].encode(), found["head"]["signature"]
    assert is_signed(public, line, bytes.fromhex(signature))
    said = run_desk.done("audit", "heads")
    assert "Signed head 1 covers it up to event" in said
    assert found["key"] in said


def test_without_a_key_nothing_is_signed_until_sign_makes_one(desk: Desk) -> None:
    (desk.folder / "audit.key").unlink()
    desk.done("pull", LAST)
    assert "Nothing is signed yet" in desk.done("audit", "heads")
    assert desk("audit", "rotate-key", *WHY).exit_code == 1
    assert "Signed head 1 covers it up to event" in desk.done("audit", "sign")
    assert desk.json("audit", "sign") == {"faults": []}
    assert json.loads(desk.json("audit", "heads")["head"]["line"])["number"] == 1
    assert (desk.folder / "audit.key").stat().st_mode & 0o777 == 0o600


def test_an_anchor_that_fails_is_shown_and_tried_again(desk: Desk) -> None:
    desk.amend("[audit]", '[audit]\nanchors = ["folder:heads"]')
    (desk.folder / "heads").write_text("in the way")
    report = desk.json("run", code=1)
    assert "the anchor folder:heads: cannot be written" in report["errors"][0]
    assert sends(desk) > 10
    assert "cannot be written" in desk("audit", "sign").output
    found = desk.json("audit", "heads", code=1)["anchors"]
    assert [(one["anchor"], one["head"]) for one in found] == [("folder:heads", None)]
    (desk.folder / "heads").unlink()
    desk.done("audit", "sign")
    [file] = (desk.folder / "heads").iterdir()
    head = desk.json("audit", "heads")["head"]
    published = json.loads(file.read_text())
    assert published == {"head": head["line"], "signature": head["signature"]}


def test_a_new_key_is_handed_to_inside_the_chain(run_desk: Desk) -> None:
    old = run_desk.json("audit", "heads")["key"]
    new = run_desk.json("audit", "rotate-key", "--reason", "alice left")["key"]
    assert new != old
    assert (run_desk.folder / f"audit.key.{old}").exists()
    run_desk.done("run")
    assert run_desk.json("audit", "heads")["key"] == new
    [event] = run_desk.json("audit", "trail", "--action", "key.rotated")["events"]
    assert (event["reason"], event["detail"]["old"]) == ("alice left", old)
    assert "2 signed heads" in run_desk.done("db", "verify")
    again = run_desk.done("audit", "rotate-key", "--reason", "again")
    assert "The trail is signed with the key " in again


@pytest.mark.parametrize("command", ["rotate-key", "accept-restore"])
def test_what_a_person_decides_needs_a_reason(desk: Desk, command: str) -> None:
    result = desk("audit", command)
    assert result.exit_code == 2
    assert "Missing option '--reason'" in result.output


def test_another_key_in_the_file_stops_no_work_and_signs_nothing(
    run_desk: Desk,
) -> None:
    (run_desk.folder / "audit.key").unlink()
    result = run_desk("audit", "sign")
    assert (result.exit_code, "the key in force is" in result.output) == (1, True)
    report = run_desk.json("run", code=1)
    assert report["reconciliations"]
    assert "put the right file back" in report["errors"][0]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE b2b_usage SET billed_minutes = billed_minutes + 1 WHERE id = 5",
        "UPDATE b2b_usage SET billed_minutes = 9, amount_micro = 900000 WHERE id = 6",
    ],
)
def test_a_minute_changed_by_hand_is_found_before_anything_is_sent(
    run_desk: Desk, change: str
) -> None:
    before = sends(run_desk)
    edit(run_desk, change)
    run_desk.sandbox.clock.advance(HOUR)
    report = run_desk.json("run", code=1)
    assert "the ledger violates an invariant, so nothing is sent" in report["errors"][0]
    assert " minutes, and its trail accounts for " in report["errors"][0]
    assert sends(run_desk) == before
    assert run_desk.done("db", "verify", code=1).startswith("FAIL  ")
    assert run_desk.json("db", "verify", code=1)["verdict"] == "FAIL"


def test_an_index_that_was_changed_by_hand_is_made_anew_and_work_goes_on(
    run_desk: Desk,
) -> None:
    with closing(sqlite3.connect(run_desk.folder / "billing.db")) as connection:
        connection.execute("DELETE FROM row_digest")
        connection.commit()
    run_desk.sandbox.clock.advance(HOUR)
    run_desk.json("run", code=1)
    found = json.dumps(run_desk.json("db", "check", code=1))
    assert "`pamela-billing db verify --rebuild-index`" in found
    assert run_desk.done("db", "verify").startswith("PASS")
    assert "made anew" in run_desk.done("db", "verify", "--rebuild-index")
    [event] = run_desk.json("audit", "trail", "--action", "index.rebuilt")["events"]
    assert event["detail"]["row_digest"] > 0
    assert run_desk.json("db", "check")["sound"]
    run_desk.done("run")


def test_a_restored_ledger_is_refused_until_somebody_accepts_it(desk: Desk) -> None:
    desk.done("pull", LAST)
    saved = save(desk)
    desk.done("run")
    counted, before = minutes_at_stripe(desk), sends(desk)
    restore(desk, saved)
    for line in (("run",), ("sync",), ("pull", LAST), ("audit", "sign")):
        result = desk(*line)
        assert result.exit_code == 1
        assert "the ledger is not the one that was seen last" in result.output
        assert "accept-restore" in result.output
    assert sends(desk) == before
    said = desk.done("audit", "accept-restore", *WHY)
    assert said.startswith("Accepted: the ledger stands at 2026-03-03T")
    assert said.endswith("Run it now.\n")
    [event] = desk.json("audit", "trail", "--action", "ledger.restored")["events"]
    assert event["reason"] == "the disk died"
    assert event["detail"]["seen"]["event"] > event["detail"]["found"]["event"]
    desk.done("run", code=1)  # all is in doubt until Stripe's summaries settle
    for _ in range(4):
        desk.sandbox.clock.advance(3 * HOUR)
        desk("run")
    assert minutes_at_stripe(desk) == counted
    assert desk.json("reconcile", LAST)["clean"]
    assert desk.done("db", "verify").startswith("PASS")


def test_a_memory_that_makes_no_sense_is_bad_input(run_desk: Desk) -> None:
    (run_desk.folder / "billing.trail").write_text("hello")
    result = run_desk("run")
    assert result.exit_code == 2
    assert "put it back, or delete it when you are sure" in result.output
    (run_desk.folder / "billing.trail").unlink()
    run_desk.done("run")


def test_accepting_answers_in_json(run_desk: Desk) -> None:
    found = run_desk.json("audit", "accept-restore", *WHY)
    assert found["stands_at"].startswith("2026-03-03T12:")


def test_doctor_says_whether_the_trail_is_signed(desk: Desk) -> None:
    def said() -> str:
        checks = desk.json("doctor")["checks"]
        return str(next(one for one in checks if one["name"] == "audit trail"))

    assert "signed by the key" in said()
    (desk.folder / "audit.key").unlink()
    assert "audit.key is not there" in said()
    assert "pamela-billing audit sign" in said()
