"""`report journal`: what it writes equals the statements, and bad input is refused."""

from decimal import Decimal

import pytest

from tests.cli.desk import LAST, PRESENT, Desk


@pytest.fixture
def billed(run_desk: Desk) -> Desk:
    """Give a desk with two months of usage, the last one reported."""
    return run_desk


def test_its_amounts_are_those_of_the_statements(billed: Desk) -> None:
    [month] = billed.json("report", "journal", LAST)["months"]
    assert month["provisional"] is True
    assert len(month["entries"]) == 8
    for entry in month["entries"]:
        statement = billed.json("report", "statement", LAST, entry["customer"])
        assert entry["amount"] == statement["total"]["amount"]
        assert sum(Decimal(one["amount"]) for one in entry["postings"]) == 0


def test_it_is_shown_as_a_table_that_says_provisional(billed: Desk) -> None:
    said = billed.done("report", "journal", LAST, PRESENT)
    assert "Journal 2026-02 to 2026-03, amounts in USD" in said
    assert "Provisional: " in said
    assert "receivable" in said


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("a.beancount", ";; 2026-02: provisional: the month is not closed yet\n"),
        ("a.journal", "; 2026-02: provisional: the month is not closed yet\n"),
        ("a.csv", "entry,date,account,customer,debit,credit,currency,"),
        ("a.json", '{\n  "months": ['),
        ("a.xlsx", "PK"),
    ],
)
def test_the_name_of_a_file_says_its_form(billed: Desk, name: str, start: str) -> None:
    file = billed.folder / name
    assert name in billed.done("report", "journal", LAST, "--output", str(file))
    assert file.read_bytes().startswith(start.encode())
    again = billed.folder / f"again-{name}"
    billed.done("report", "journal", LAST, "--output", str(again))
    assert again.read_bytes() == file.read_bytes()


def test_a_folder_takes_a_file_of_each_form(billed: Desk) -> None:
    folder = billed.folder / "out"
    folder.mkdir()
    for form in (["beancount"], ["hledger"], ["csv", "--target", "netsuite"]):
        line = ["--format", *form, "--output", str(folder)]
        billed.done("report", "journal", LAST, PRESENT, *line)
    assert sorted(file.name for file in folder.iterdir()) == [
        "journal-2026-02-to-2026-03-netsuite.csv",
        "journal-2026-02-to-2026-03.beancount",
        "journal-2026-02-to-2026-03.journal",
    ]


def test_accounts_of_ones_own_are_used(billed: Desk) -> None:
    named = ("--account", "receivable=1200", "--account", "revenue=4000")
    form = ("--format", "csv", "--target", "xero", "--tax-rate", "Nil")
    said = billed.done("report", "journal", LAST, *form, *named)
    assert ",4000,Nil,-" in said
    assert "Accounts Receivable" not in said


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ((), "Missing argument 'PERIODS...'"),
        (("2026",), "a period is written 2026-10, last or this"),
        ((LAST, "--json", "--format", "csv"), "give --json or --format, not both"),
        ((LAST, "--format", "xlsx"), "xlsx is not for the screen"),
        ((LAST, "--output", "a.txt"), "does not say its form"),
        ((LAST, "--format", "csv", "--account", "x"), "named as ROLE=NAME"),
        ((LAST, "--format", "csv", "--account", "x=y"), "there is no role x"),
        (
            (LAST, "--format", "beancount", "--account", "revenue=4000"),
            "4000 is no account in Beancount",
        ),
        ((LAST, "--format", "csv", "--output", "none/a.csv"), "cannot be written"),
    ],
)
def test_what_makes_no_sense_is_refused(
    desk: Desk, line: tuple[str, ...], words: str
) -> None:
    result = desk("report", "journal", *line)
    assert (result.exit_code, words in result.output) == (2, True), result.output
