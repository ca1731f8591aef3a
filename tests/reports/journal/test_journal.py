"""The journal: balanced, tied to the close, and taken by the programs it is for."""

import csv
import io
import shutil
import subprocess
import sys
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from billing.errors import BadInput, LedgerFault
from billing.ledger.database import Ledger
from billing.reports.journal.accounts import (
    CHART,
    TREE,
    Accounts,
    component,
    read_accounts,
)
from billing.reports.journal.csv_imports import TARGETS, import_sheet
from billing.reports.journal.journal import Journal, read_journal
from billing.reports.journal.text_formats import beancount_text, ledger_text
from billing.reports.sheets.csv_file import write_csv
from tests.ledger.bookkeeping import MARCH
from tests.ledger.integrity.sound_ledger import disarm
from tests.reports.months import BILLED, FEBRUARY, fill_months

BOTH = (FEBRUARY, MARCH)


def texts_of(journal: Journal) -> str:
    sheets = [import_sheet(journal, target, CHART, "None") for target in TARGETS]
    return (
        beancount_text(journal, TREE)
        + ledger_text(journal, TREE)
        + "".join(csv_of(sheet) for sheet in sheets)
    )


def csv_of(sheet: object) -> str:
    stream = io.StringIO(newline="")
    write_csv(sheet, stream)  # type: ignore[arg-type] # a sheet, as every caller's
    return stream.getvalue()


def test_entries_balance_and_equal_what_is_billed(ledger: Ledger) -> None:
    fill_months(ledger)
    journal = read_journal(ledger, BOTH)
    found = {}
    for month in journal.months:
        for entry in month.entries:
            assert sum(leg.amount_micro for leg in entry.legs) == 0
            found[month.period, entry.customer] = entry.amount_micro // 10_000
    assert found == BILLED


def test_each_leg_is_where_it_belongs(ledger: Ledger) -> None:
    digest = fill_months(ledger)
    document: Any = read_journal(ledger, BOTH).document()
    february, march = document["months"]
    assert (february["digest"], february["provisional"]) == (digest, False)
    assert (march["digest"], march["provisional"]) == (None, True)
    acme, globex = march["entries"]
    assert acme["postings"] == [
        {"account": "receivable", "corrects": None, "amount": "0.30"},
        {"account": "unbilled", "corrects": None, "amount": "0.60"},
        {"account": "revenue", "corrects": None, "amount": "-0.60"},
        {"account": "adjustments", "corrects": "2026-02", "amount": "-0.30"},
    ]
    assert globex["postings"] == [
        {"account": "unbilled", "corrects": None, "amount": "-0.10"},
        {"account": "adjustments", "corrects": "2026-02", "amount": "0.10"},
    ]


def test_a_closed_month_that_was_changed_is_refused(ledger: Ledger) -> None:
    fill_months(ledger)
    disarm(ledger)
    with ledger.engine.begin() as connection:
        connection.execute(
            text("UPDATE b2b_usage SET billed_minutes = 9 WHERE call_id = 'feb_2'")
        )
    with pytest.raises(LedgerFault, match="2026-02 is not what was closed: its digest"):
        read_journal(ledger, BOTH)


def test_the_text_names_the_digest_or_is_provisional(ledger: Ledger) -> None:
    digest = fill_months(ledger)
    journal = read_journal(ledger, BOTH)
    for text_of in (beancount_text, ledger_text):
        said = text_of(journal, TREE)
        assert said.count(digest) == 3  # the header, and each of two entries
        assert "2026-03: provisional" in said


def test_the_journal_is_the_same_on_both_databases(
    sqlite_ledger: Ledger, postgres_ledger: Ledger
) -> None:
    from tests.ledger.bookkeeping import register

    made = []
    for ledger in (sqlite_ledger, postgres_ledger):
        register(ledger)
        fill_months(ledger)
        made.append(texts_of(read_journal(ledger, BOTH)))
    assert made[0] == made[1]


def test_beancount_takes_it_and_has_the_same_balances(
    ledger: Ledger, tmp_path: Path
) -> None:
    from beancount import loader
    from beancount.core.data import Transaction

    fill_months(ledger)
    file = tmp_path / "journal.beancount"
    file.write_text(beancount_text(read_journal(ledger, BOTH), TREE))
    assert run(Path(sys.executable).with_name("bean-check"), file) == ""
    entries, errors, _ = loader.load_file(str(file))
    assert not errors
    balances: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for entry in entries:
        if isinstance(entry, Transaction):
            for posting in entry.postings:
                if posting.account.startswith("Assets:"):
                    key = entry.meta["period"], entry.payee or ""
                    balances[key] += posting.units.number  # type: ignore[union-attr,operator]
    assert balances == {
        (str(period), customer): Decimal(cents) / 100
        for (period, customer), cents in BILLED.items()
    }


def hledger(file: Path, *words: str) -> str:
    program = shutil.which("hledger")
    if program is None:
        pytest.skip("hledger is not installed")
    return run(program, "-f", file, *words)


def run(*line: str | Path) -> str:
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("period", BOTH)
def test_hledger_takes_it_and_has_the_same_balances(
    ledger: Ledger, tmp_path: Path, period: object
) -> None:
    fill_months(ledger)
    file = tmp_path / "journal.journal"
    file.write_text(ledger_text(read_journal(ledger, BOTH), TREE))
    hledger(file, "check", "--strict")
    said = hledger(
        file,
        "balance",
        "Assets",
        f"tag:period={period}",
        "-O",
        "csv",
        "--flat",
    )
    balances: dict[str, Decimal] = defaultdict(Decimal)
    for account, amount in list(csv.reader(io.StringIO(said)))[1:-1]:
        customer = account.split(":")[-1].lower()
        balances[customer] += Decimal(amount.split(" ")[0])
    assert balances == {
        customer: Decimal(cents) / 100
        for (month, customer), cents in BILLED.items()
        if month == period
    }


HEADERS = {
    "general": "entry,date,account,customer,debit,credit,currency,corrects,memo,"
    "provisional",
    "quickbooks": "Journal No.,Journal Date,Account Name,Debits,Credits,Description,"
    "Name,Currency",
    "xero": "*Narration,*Date,Description,*AccountCode,*TaxRate,*Amount,"
    "TrackingName1,TrackingOption1",
    "netsuite": "External ID,Date,Currency,Account,Debit,Credit,Memo,Name",
}


@pytest.mark.parametrize("target", TARGETS)
def test_each_import_has_its_columns_and_balances(ledger: Ledger, target: str) -> None:
    fill_months(ledger)
    said = csv_of(import_sheet(read_journal(ledger, BOTH), target, CHART, "None"))
    assert said.splitlines()[0] == HEADERS[target]
    names = {"debit", "Debits", "Debit", "*Amount"}, {"credit", "Credits", "Credit"}
    for first in ("entry", "Journal No.", "*Narration", "External ID"):
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for line in csv.DictReader(io.StringIO(said)):
            for sign, group in zip((1, -1), names, strict=True):
                for name in group & set(line):
                    sums[line.get(first, "")] += sign * Decimal(line[name] or 0)
        assert set(sums.values()) == {0}


def test_accounts_are_named_as_the_books_name_them(ledger: Ledger) -> None:
    fill_months(ledger)
    chart = read_accounts({"receivable": "1200", "revenue": "4000"}, CHART)
    said = csv_of(import_sheet(read_journal(ledger, [FEBRUARY]), "xero", chart, "Nil"))
    line = said.splitlines()[1]
    assert line.startswith("usage-2026-02-acme,28/02/2026,")
    assert line.endswith(",1200,Nil,0.70,Customer,acme")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"profit": "x"}, "there is no role profit; there are receivable, unbilled"),
        ({"revenue": ""}, "needs a name of plain words"),
        ({"revenue": "a  b"}, "needs a name of plain words"),
        ({"revenue": "a\n2026-01-01 open"}, "needs a name of plain words"),
    ],
)
def test_an_account_that_makes_no_sense_is_refused(
    given: dict[str, str], words: str
) -> None:
    with pytest.raises(BadInput, match=words):
        read_accounts(given, TREE)


@pytest.mark.parametrize("name", ["Sales", "1200", "Income:usage", "Assets:A B"])
def test_beancount_has_rules_for_accounts(ledger: Ledger, name: str) -> None:
    accounts: Accounts = read_accounts({"revenue": name}, TREE)
    with pytest.raises(BadInput, match="is no account in Beancount"):
        beancount_text(read_journal(ledger, [MARCH]), accounts)


def test_no_two_customers_share_an_account() -> None:
    names = ["acme", "Acme", "a_cme", "a.cme", "a-cme", "A-cme", "9", "_", "é", "-a"]
    parts = [component(name) for name in names]
    assert parts[0] == "Acme"
    assert len(set(parts)) == len(names)
