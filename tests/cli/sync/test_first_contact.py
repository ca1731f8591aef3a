"""First contact as a person meets it: a new ledger on a meter that is in use."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.desk import HOUR, LAST, PRESENT, Desk

DAY = 24 * HOUR


@pytest.fixture
def second(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Give a desk with a new, empty ledger, two days after the first one's run."""
    desk.done("run")
    desk.settle()
    desk.done("run")
    desk.sandbox.clock.advance(2 * DAY)
    second = replace(desk, folder=tmp_path_factory.mktemp("second"))
    second.done("init", "--sandbox", desk.url)
    return second


def test_a_new_ledger_on_a_used_meter_sends_nothing_and_says_why(second: Desk) -> None:
    seen = second("doctor")
    assert seen.exit_code == 1
    assert "this ledger never sent" in seen.output.replace("\n", " ")

    done = second.json("run", code=1)
    sync = done["sync"]
    assert set(sync["events"]) == {"waiting"}
    assert not sync["clean"]
    assert {one["period"] for one in sync["openings"]} <= {LAST, PRESENT}
    assert all(one["minutes"] > 0 for one in sync["openings"])
    assert second.query("SELECT count(*) FROM meter_attempt") == [(0,)]
    assert second.query("SELECT count(*) FROM meter_contact") != [(0,)]

    again = second("run")
    words = " ".join(again.output.split())
    assert again.exit_code == 1
    assert "that this ledger never sent, so nothing is sent for" in words
    assert "go on with that ledger instead of a new one" in words

    status = second.json("status")
    assert status["openings"]
    assert status["openings"] == second.json("sync", code=1)["openings"]
    assert second.done("status").count("Not sent: ") == 2  # before us, and beside us
    checks = [
        one for one in second.json("doctor", code=1)["checks"] if not one["passed"]
    ]
    assert [one["name"] for one in checks] == ["other reporters", "first contact"]
    assert second.query("SELECT count(*) FROM meter_attempt") == [(0,)]


def test_without_a_statement_a_new_ledger_waits_for_a_day(
    bare_desk: Desk, tmp_path: Path
) -> None:
    desk = bare_desk
    desk.done("init", "--sandbox", desk.url)
    settings = desk.settings_file.read_text()
    for name in ("billing.db", "billing.trail"):
        (desk.folder / name).unlink()
    desk.settings_file.write_text(settings)
    desk.done("db", "upgrade")

    done = desk.json("sync")
    assert (done["clean"], done["events"]) == (True, {})
    desk.done("pull")
    waits = desk.json("sync")
    assert waits["clean"]
    assert set(waits["events"]) == {"waiting"}
    untils = {one["until"] for one in waits["first_sends_wait"]}
    for command in ("sync", "status"):
        shown = desk.done(command).replace("\n", " ")
        assert any(until in shown for until in untils)
    assert desk.json("doctor")["healthy"]

    desk.sandbox.clock.advance(DAY)
    assert set(desk.json("sync")["events"]) == {"synced"}
    assert desk.json("status")["first_sends_wait"] == []


def test_init_states_it_only_when_somebody_says_so(bare_desk: Desk) -> None:
    assert not bare_desk.json("init")["sole_reporter"]
    assert bare_desk.query("SELECT * FROM sole_reporter") == []
    assert bare_desk.json("init", "--force", "--sole-reporter")["sole_reporter"]
    query = "SELECT stated_by, reason, customer, withdrawn FROM sole_reporter"
    stated = ("pamela-billing init", "stated at `init`", None, 0)
    assert bare_desk.query(query) == [stated]
