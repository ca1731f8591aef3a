"""Personal data: none comes into the ledger, and none out of any command."""

import zipfile
from pathlib import Path

import pytest

from tests.cli import canaries
from tests.cli.desk import LAST, Desk

KEEP = 'report_metadata = ["campaign"]\n'
WHY = ("--reason", "she asked for it")


@pytest.fixture
def stamped(desk: Desk) -> Desk:
    """Give a desk whose calls hold personal data, and whose settings keep one key."""
    canaries.stamp(desk)
    desk.settings_file.write_text(KEEP + desk.settings_file.read_text())
    return desk


def kept(desk: Desk) -> dict[str, int]:
    query = "SELECT key, count(value) FROM call_metadata GROUP BY key"
    return dict(desk.query(query))


def test_values_that_could_be_phone_numbers_are_withheld_and_counted(
    stamped: Desk,
) -> None:
    output = stamped.done("run")
    assert "Metadata not stored: 3 values that could be phone numbers, 0" in output
    again = stamped.json("pull", LAST)["pulls"]
    assert sum(one["metadata_withheld"].get("could_be_phone", 0) for one in again) == 3
    assert kept(stamped)["campaign"] > 20


def test_erase_forgets_a_key_for_good(stamped: Desk) -> None:
    stamped.done("run")
    before = kept(stamped)["campaign"]
    [[call]] = stamped.query("SELECT call_id FROM call_metadata LIMIT 1")
    one = stamped.json("db", "erase", "--key", "campaign", "--call", call, *WHY)
    assert one == {"key": "campaign", "erased": 1}
    rest = stamped.done("db", "erase", "--key", "campaign", *WHY)
    assert f"{before - 1:,} values of campaign are erased for good." in rest
    stamped.done("run")
    assert kept(stamped) == {"campaign": 0}
    database = stamped.folder / "billing.db"
    assert b"canary-campaign" not in database.read_bytes()
    [[erased]] = stamped.query(
        "SELECT count(*) FROM audit_event WHERE action = 'metadata.erased' "
        "AND reason = 'she asked for it'"
    )
    assert erased == 2


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (("--key", "campaign"), "say why it is erased"),
        (("--key", "nothing", *WHY), "no value of nothing is kept"),
        (("--key", "campaign", "--customer", "x", *WHY), "there is no customer x"),
        (
            ("--key", "campaign", "--customer", "x", "--call", "y", *WHY),
            "give one of --customer, --call and --older-than",
        ),
        (WHY, "Missing option '--key'"),
        (("--key", "campaign", "--older-than", "-1", *WHY), "not in the range"),
    ],
)
def test_an_erasure_that_makes_no_sense_is_refused(
    stamped: Desk, line: tuple[str, ...], words: str
) -> None:
    stamped.done("pull", LAST)
    result = stamped("db", "erase", *line)
    assert (result.exit_code, words in result.output) == (2, True), result.output


def test_run_erases_what_is_older_than_the_retention(stamped: Desk) -> None:
    stamped.done("run")
    stamped.settings_file.write_text(
        "metadata_retention_days = 3\n" + stamped.settings_file.read_text()
    )
    stamped.done("run")
    stamped.done("pull", LAST)
    [[oldest]] = stamped.query(
        "SELECT min(called_at) FROM call_metadata WHERE value IS NOT NULL"
    )
    assert oldest >= "2026-02-28T12:00:00"


def reports_of(desk: Desk, customer: str, folder: Path) -> list[tuple[str, ...]]:
    """List every command whose output leaves the system, in every form it has."""
    lines: list[tuple[str, ...]] = [
        ("status",),
        ("breaks", "--all"),
        ("db", "check"),
        ("doctor",),
        ("db", "verify"),
        ("audit", "trail", "--json"),
        ("audit", "heads"),
        ("report", "statement", LAST, customer),
        ("report", "usage", LAST),
        *(("report", name, LAST) for name in ("reconciliation", "journal", "focus")),
        *(("report", "journal", LAST, "--format", form) for form in ("csv", "hledger")),
        ("report", "journal", LAST, "--format", "beancount"),
        ("report", "rounding", LAST),
    ]
    for form in ("csv", "xlsx", "json", "parquet"):
        for name in ("usage", "reconciliation", "focus", "rounding"):
            to = ("--format", form, "--output", str(folder))
            lines.append(("report", name, LAST, *to))
    for form in ("csv", "parquet", "xlsx"):
        to = ("--format", form, "--output", str(folder))
        lines.append(("export", "usage", LAST, *to))
    to = ("--format", "pdf", "--output", str(folder))
    lines.append(("report", "statement", LAST, "--all", *to))
    lines.append(("export", "audit", LAST, "--output", str(folder)))
    return lines


def test_no_output_holds_a_number_a_task_a_transcript_or_a_key(stamped: Desk) -> None:
    out = stamped.folder / "out"
    out.mkdir()
    output = stamped.done("run")
    stamped.settle()
    output += stamped.done("run", "--json")
    [[call, customer]] = stamped.query(
        "SELECT call_id, customer FROM b2b_usage LIMIT 1"
    )
    for line in reports_of(stamped, customer, out):
        output += stamped(*line).output
    for form in ([], ["--json"]):
        output += stamped("explain", call, *form).output
    assert len(list(out.iterdir())) > 20
    assert (out / f"audit-{LAST}.zip").exists()
    assert canaries.found_in(output.encode(), stamped.secrets) == []
    for file, content in canaries.everything_under(stamped.folder):
        assert canaries.found_in(content, stamped.secrets) == [], file
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                inside = b"".join(map(archive.read, archive.namelist()))
            assert canaries.found_in(inside, stamped.secrets) == [], file
    dumped = canaries.dump(stamped.folder / "billing.db")
    assert canaries.found_in(dumped, stamped.secrets) == []
    assert b"canary-campaign" in dumped


@pytest.mark.parametrize(
    "odd",
    [
        *({name: canaries.PHONE} for name in ("status", "started_at", "metadata")),
        {"metadata": {"customer": canaries.PHONE, "clinic": canaries.PHONE}},
        {"metadata": {"customer": {"name": canaries.PHONE}}},
        {"duration_seconds": [canaries.PHONE]},
    ],
)
def test_no_complaint_quotes_a_number_that_stands_where_it_should_not(
    desk: Desk, odd: dict[str, object]
) -> None:
    canaries.stamp(desk, odd)
    output = (
        desk("run").output + desk("status").output + desk("status", "--json").output
    )
    assert canaries.found_in(output.encode(), desk.secrets) == []
    dumped = canaries.dump(desk.folder / "billing.db")
    assert canaries.found_in(dumped, desk.secrets) == []
