"""The takeover as a process: a meter is compared, taken over, and ends at 0."""

import json
from pathlib import Path

from tests.cli.desk import run_alone, type_in

ADOPT = ("demo", "--scenario", "adopt", "--folder", "d")


def test_a_meter_is_taken_over_and_no_minute_is_doubled_or_lost(tmp_path: Path) -> None:
    shown = run_alone(*ADOPT, "--seed", "3", "--json", folder=tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")
    document = json.loads(shown.stdout)
    assert (document["good"], document["difference_minutes"]) == (True, 0)
    parity, taken_over = document["parity"], document["taken_over"]
    assert parity["broken"] == ["cedar-optics"]
    assert parity["lost_minutes"] > 0
    assert parity["held_days"] == 11
    assert 0 < taken_over["when_killed"] < taken_over["customers"] == 5
    truth, without = document["truth"], document["without"]
    assert truth["pamela_minutes"] == truth["stripe_minutes"]
    assert without["doubled_minutes"] == taken_over["other_minutes"] > 0
    assert (without["sent_events"], without["doubled_is"]) == (0, "derived")

    folder = tmp_path / "d"
    assert type_in(folder, "db", "check").exit_code == 0
    status = json.loads(type_in(folder, "status", "--json").stdout)
    assert (status["rows"]["pending"], status["rows"]["failed"]) == (0, 0)
    month = document["reconciliations"][0]["period"]
    sheet = json.loads(type_in(folder, "report", "parity", month, "--json").stdout)
    assert {each["cause"] for each in sheet["causes"]} == {"other_hour"}
    words = type_in(folder, "status").stdout
    assert words.splitlines()[1].startswith("Nobody is in shadow any more: take `send ")


def test_the_takeover_is_shown_in_lines_that_a_person_can_read(tmp_path: Path) -> None:
    shown = run_alone(*ADOPT, folder=tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")
    text = shown.stdout
    for number in range(1, 7):
        assert f"\n{number}. " in text
    words = " ".join(text.split())
    assert "cedar-optics: parity is broken: on " in words
    assert "missing_calls: such as call_" in words
    assert "is killed (kill -9) when " in words
    assert "Total difference: 0 minutes, as it should be." in words
    for secret in (tmp_path / "d" / "secrets").iterdir():
        assert secret.read_text().strip() not in text
