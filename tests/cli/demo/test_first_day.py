"""The demonstration as a process: it recovers from an outage and ends at zero."""

import json
import signal
import subprocess
from pathlib import Path

from tests.cli.desk import command_line, run_alone, type_in

CALLS = "400"


def test_it_ends_at_zero_and_is_kept_until_interrupted(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    line = command_line("demo", "--folder", "d", "--calls", CALLS, "--keep")
    process = subprocess.Popen(line, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    text = ""
    while "Its clock" not in text:
        more = process.stdout.readline()
        assert more, text
        text += more
    story, kept = text.split("The sandbox stays")
    assert "NOT SETTLED YET" in story
    assert "Total difference: 0 minutes" in story
    assert "pamela-billing status" in story
    for secret in (folder / "secrets").iterdir():
        assert secret.read_text().strip() not in story
    assert "PamelaClient(api_key=" in kept
    assert type_in(folder, "doctor").exit_code == 0
    assert type_in(folder, "run").exit_code == 0
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert (folder / "sandbox.json").exists()


def test_its_json_says_what_happened_and_its_ledger_can_be_looked_at(
    tmp_path: Path,
) -> None:
    line = ("demo", "--folder", "d", "--calls", CALLS, "--seed", "3", "--json")
    shown = run_alone(*line, folder=tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")
    document = json.loads(shown.stdout)
    assert (document["good"], document["settled"], document["difference_minutes"]) == (
        1,
        1,
        0,
    )
    assert document["truth"]["pamela_minutes"] == document["truth"]["stripe_minutes"]
    assert document["truth"]["pamela_minutes"] == document["minutes"]
    assert document["attempts"]["unknown"] > 0
    assert len(document["customers"]) == 8
    assert sum(one["minutes"] for one in document["customers"]) == document["minutes"]

    status = type_in(tmp_path / "d", "status", "--json")
    rows = json.loads(status.stdout)["rows"]
    assert rows["synced"] > 0
    assert (rows["pending"], rows["failed"]) == (0, 0)
    assert type_in(tmp_path / "d", "db", "check").exit_code == 0
