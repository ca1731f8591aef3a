"""`quarantine`: what nobody can read is listed, and decided on by a person, audited."""

from contextlib import closing
from pathlib import Path

import pytest

from billing.domain.period import BillingPeriod
from billing.ledger.database import open_ledger
from billing.ledger.pull import quarantine
from billing.ledger.pull.quarantine import SetAside
from tests.cli.desk import LAST, PRESENT, Desk

WHY = ("--reason", "asked Pamela, ticket 12")


@pytest.fixture
def desk(run_desk: Desk) -> Desk:
    """Give a desk with two months of usage, and a call that nobody can read."""
    period = BillingPeriod.parse(LAST)
    with closing(open_ledger(f"sqlite:///{run_desk.folder / 'billing.db'}")) as ledger:
        item = SetAside(
            account=_account(run_desk),
            call_id="strange",
            reason="no_duration",
            detail="duration_seconds is None",
            source_sha256="0" * 64,
            period=period,
            started_at=period.start,
            customer=_customer(run_desk),
        )
        with ledger.writing() as connection:
            quarantine.set_aside(
                connection, [item], period=period, pull_id=1, now=period.end
            )
    return run_desk


def _account(desk: Desk) -> str:
    return str(desk.json("status")["periods"][0]["pulls"][0]["account"])


def _customer(desk: Desk) -> str:
    return str(
        desk.json("report", "usage", LAST, "--by", "customer")["rows"][0]["customer"]
    )


def test_a_call_is_listed_decided_shown_and_undone(desk: Desk) -> None:
    [listed] = [c for c in desk.json("quarantine")["calls"] if c["call"] == "strange"]
    assert (listed["state"], listed["decision"]) == ("waits", None)
    assert "--decide CALL" in desk.done("quarantine", LAST)
    assert desk.json("quarantine", PRESENT)["calls"] == []
    said = desk.done("quarantine", "--decide", "strange", "--seconds", "61", *WHY)
    assert "is billed 2 minutes to" in said
    [listed] = [c for c in desk.json("quarantine")["calls"] if c["call"] == "strange"]
    assert (listed["state"], listed["decision"]["reason"]) == ("decided", WHY[1])
    found = desk.json("explain", "strange")
    assert found["verdict"].startswith("billed: 2 minutes, $0.20 (")
    assert "decided so at" in found["verdict"]
    assert [each["seconds"] for each in found["decisions"]] == [61]
    assert "Decided by a person" in desk.done("explain", "strange")
    undone = desk.json("quarantine", "--decide", "strange", "--not-billable", *WHY)
    assert (undone["minutes_before"], undone["minutes"]) == (2, 0)
    verdict = desk.json("explain", "strange")["verdict"]
    assert verdict.endswith("what was billed before is taken back")
    trail = desk.done("audit", "trail", "--action", "call.decided")
    assert WHY[1] in trail
    assert desk.json("db", "verify")["verdict"] == "PASS"


def test_a_statement_in_csv_has_decisions_in_a_file_of_their_own(
    desk: Desk, tmp_path: Path
) -> None:
    desk.done("quarantine", "--decide", "strange", "--seconds", "61", *WHY)
    statement = "report", "statement", LAST
    printed = desk(*statement, _customer(desk), "--csv")
    assert WHY[1] not in printed.stdout
    assert '"Decided" is not in this table: --output FOLDER writes' in printed.stderr
    folder = tmp_path / "statements"
    folder.mkdir()
    place = "--format", "csv", "--output", str(folder)
    for whose in (_customer(desk), "--all"):
        files = desk.json(*statement, whose, *place)["files"]
        assert sorted(files) == sorted(map(str, folder.iterdir()))
        [decided] = [file for file in files if file.endswith("-decided.csv")]
        assert WHY[1] in Path(decided).read_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--decide", "strange", *WHY), "--seconds N, or --not-billable"),
        (
            ("--decide", "strange", "--seconds", "1", "--not-billable", *WHY),
            "--seconds N, or --not-billable",
        ),
        (("--decide", "strange", "--not-billable"), "--reason TEXT"),
        (("--decide", "strange", "--seconds", "-1", *WHY), "0 to 86400 seconds"),
        (("--decide", "nothing", "--not-billable", *WHY), "is not in quarantine"),
        ((LAST, "--decide", "strange", "--not-billable", *WHY), "not both"),
        (("--not-billable",), "belong to --decide CALL"),
        (("--reason", "why"), "belong to --decide CALL"),
        (
            ("--decide", "strange", "--not-billable", "--customer", "x", *WHY),
            "belong to --seconds",
        ),
        (("--decide", "x", "--started-at", "soon", *WHY), "a time is written"),
        (("2031-01",), "the ledger holds nothing of 2031-01"),
    ],
)
def test_bad_input_is_one_sentence_and_changes_nothing(
    desk: Desk, options: tuple[str, ...], words: str
) -> None:
    refused = desk("quarantine", *options)
    assert refused.exit_code == 2
    assert words in refused.stderr
    assert "strange" not in str(desk.json("explain", "strange")["decisions"])
