"""The month end as a process: it closes, and no minute is without a cause."""

import json
from pathlib import Path

import pytest

from tests.cli.desk import run_alone, type_in

MONTH_END = ("demo", "--scenario", "month-end", "--folder", "d", "--calls", "120")
# What `explain` has to say of each kind of call.
SAYS = {
    "plain": ("This call is billed: 4 minutes", "on invoice"),
    "late": ("This call is billed: 3 minutes", "comes late", "is closed"),
    "corrected": ("This call is billed: 8 minutes", "duration seconds 205", "corrects"),
    "troubled": ("This call is billed", "unknown", "replaced", "cus_dogwoodvets2"),
    "unconnected": ("This call is not billed", "never connected"),
    "quarantined": ("This call is not billed", "quarantine", "'214'"),
}
CAUSES = {
    "billed_in_later_month",
    "corrects_earlier_month",
    "invoiced_before_it_arrived",
}


def test_a_month_closes_and_no_minute_is_without_a_cause(tmp_path: Path) -> None:
    shown = run_alone(*MONTH_END, "--seed", "3", "--json", folder=tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")
    document = json.loads(shown.stdout)
    assert (document["good"], document["difference_minutes"]) == (True, 0)
    assert document["outage"] == {"doubts": 5, "counted": 2, "absent": 3}
    assert document["rejected"] == {"named": 3, "found": 4, "sent_anew": 8}
    assert set(document["in_the_way"]) == {"quarantined", "not_final", "breaks"}
    truth, closed = document["truth"], document["closed"]
    assert truth["pamela_minutes"] == truth["stripe_minutes"]
    invoiced, missed = truth["invoiced_minutes"], document["missed"]["minutes"]
    assert invoiced == closed["totals"]["minutes"] - missed
    last, present = document["reconciliations"]
    assert last["difference_minutes"] == -present["difference_minutes"] < 0
    breaks = [b for m in (last, present) for c in m["customers"] for b in c["breaks"]]
    assert {item["cause"] for item in breaks} == CAUSES
    calls = document["explain"]
    adjusted = {name for item in document["adjustments"] for name in item["calls"]}
    assert adjusted == {calls["late"], calls["corrected"]}

    folder = tmp_path / "d"
    assert type_in(folder, "db", "check").exit_code == 0
    looked = type_in(folder, "close", "--dry-run", closed["period"], "--json")
    assert json.loads(looked.stdout)["digest"] == closed["digest"]
    status = json.loads(type_in(folder, "status", "--json").stdout)
    assert (status["rows"]["pending"], status["rows"]["failed"]) == (0, 0)
    for kind, sentences in SAYS.items():
        page = type_in(folder, "explain", calls[kind])
        text = " ".join(page.stdout.split())
        assert page.exit_code == 0
        assert all(sentence in text for sentence in sentences), text


def test_it_is_shown_in_lines_that_a_person_can_read(tmp_path: Path) -> None:
    shown = run_alone(*MONTH_END, folder=tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")
    text = shown.stdout
    for number in range(1, 12):
        assert f"\n{number}. " in text
    assert "a difference of 0, as it should be" in " ".join(text.split())
    assert text.count("pamela-billing explain call_") == 6
    assert max(map(len, text.splitlines())) <= 100
    for secret in (tmp_path / "d" / "secrets").iterdir():
        assert secret.read_text().strip() not in text


@pytest.mark.parametrize("scenario", ["first-day", "month-end", "adopt"])
def test_help_names_the_scenarios(scenario: str, tmp_path: Path) -> None:
    assert scenario in run_alone("demo", "--help", folder=tmp_path).stdout
