"""FOCUS: the columns of the specification, and rows that tie to the ledger."""

import csv
import io
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from billing.ledger.database import Ledger
from billing.ledger.schema.tables import reconciliation_reading, reconciliation_run
from billing.reports.sheets.csv_file import write_csv, write_csv_file
from billing.reports.sheets.json_file import write_json_file
from billing.reports.usage.focus import read_focus
from tests.ledger.bookkeeping import ACTOR, MARCH, register
from tests.reports.months import BILLED, FEBRUARY, fill_months

# The specification's own list, version 1.2: what is always there and never null.
MANDATORY = {
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ServiceCategory",
    "ServiceName",
}
MAY_BE_NULL = {"ChargeClass", "InvoiceId"}


def lines_of(ledger: Ledger, period: Any, **more: str) -> list[dict[str, str]]:
    stream = io.StringIO(newline="")
    write_csv(read_focus(ledger, period, **more).flat, stream)
    return list(csv.DictReader(io.StringIO(stream.getvalue())))


def invoice(ledger: Ledger, minutes: int, name: str) -> None:
    """Keep a reconciliation that read acme's invoice of February."""
    run = {
        "period": str(FEBRUARY),
        "started_at": ACTOR.at,
        "finished_at": ACTOR.at,
        "settled": 1,
        "complete": 1,
        "difference_minutes": 0,
        "breaks": 0,
    }
    reading = {
        "run_id": 1,
        "period": str(FEBRUARY),
        "customer": "acme",
        "stripe_customer": "cus_acme",
        "pamela_minutes": 7,
        "ledger_minutes": 7,
        "stripe_minutes": 7,
        "settled": 1,
        "read_at": ACTOR.at,
        "invoiced_minutes": minutes,
        "invoice": name,
    }
    with ledger.writing() as connection:
        connection.execute(insert(reconciliation_run).values(run))
        connection.execute(insert(reconciliation_reading).values(reading))


@pytest.mark.parametrize("period", [FEBRUARY, MARCH])
def test_costs_tie_to_what_is_billed(ledger: Ledger, period: Any) -> None:
    fill_months(ledger)
    for cost in ("BilledCost", "ContractedCost", "EffectiveCost", "ListCost"):
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for line in lines_of(ledger, period):
            sums[line["BillingAccountName"]] += Decimal(line[cost])
        assert sums == {
            customer: Decimal(cents) / 100
            for (month, customer), cents in BILLED.items()
            if month == period
        }


def test_what_is_mandatory_is_there_and_what_may_not_be_null_is_not(
    ledger: Ledger,
) -> None:
    fill_months(ledger)
    for line in [*lines_of(ledger, FEBRUARY), *lines_of(ledger, MARCH)]:
        assert set(line) >= MANDATORY
        ours = [name for name in line if name not in _sorted_names(line)]
        assert all(name.startswith("x_") for name in ours)
        assert {name for name, text in line.items() if not text} <= MAY_BE_NULL
        if not line["ChargeClass"]:
            quantity, price = line["PricingQuantity"], line["ListUnitPrice"]
            assert Decimal(quantity) * Decimal(price) == Decimal(line["ListCost"])


def _sorted_names(line: dict[str, str]) -> list[str]:
    """Return the names that begin with a capital, as the specification's do."""
    return [name for name in line if name[:1].isupper() and "_" not in name]


def test_an_hour_is_a_row_and_a_correction_is_one_of_its_own(ledger: Ledger) -> None:
    fill_months(ledger)
    first, second, corrected, lost = (
        lines_of(ledger, MARCH)[1:] + lines_of(ledger, MARCH)[:1]
    )
    found = [
        (
            line["BillingAccountId"],
            line["SubAccountId"],
            line["ChargeClass"],
            line["ChargePeriodStart"],
            line["ConsumedQuantity"],
            line["BilledCost"],
        )
        for line in (lost, first, second, corrected)
    ]
    assert found == [
        ("cus_acme", "main", "Correction", "2026-02-10T12:00:00Z", "3", "0.30"),
        ("cus_acme", "main", "", "2026-03-10T12:00:00Z", "3", "0.30"),
        ("cus_acme", "main", "", "2026-03-11T12:00:00Z", "3", "0.30"),
        ("cus_globex", "other", "Correction", "2026-02-10T12:00:00Z", "-1", "-0.10"),
    ]
    assert lost["ChargeDescription"] == (
        "Phone call minutes at 0.10 USD a minute, corrects 2026-02"
    )
    assert lost["x_Provisional"] == "true"


@pytest.mark.parametrize(
    ("minutes", "read", "named"),
    [(7, "in_1", "in_1"), (6, "in_1", ""), (7, "in_1 in_2", "")],
)
def test_an_invoice_is_named_only_when_it_bills_just_these_minutes(
    ledger: Ledger, minutes: int, read: str, named: str
) -> None:
    fill_months(ledger)
    invoice(ledger, minutes, read)
    found = {
        (line["BillingAccountName"], line["InvoiceId"], line["x_Provisional"])
        for line in lines_of(ledger, FEBRUARY)
    }
    assert found == {("acme", named, "false"), ("globex", "", "false")}


def test_the_provider_is_whoever_bills(ledger: Ledger) -> None:
    fill_months(ledger)
    line = lines_of(ledger, FEBRUARY, provider="Example Inc.")[0]
    names = line["ProviderName"], line["InvoiceIssuerName"], line["PublisherName"]
    assert names == ("Example Inc.", "Example Inc.", "Pamela")


def test_the_files_are_the_same_on_both_databases(
    sqlite_ledger: Ledger, postgres_ledger: Ledger, tmp_path: Path
) -> None:
    made = []
    for name, ledger in (("a", sqlite_ledger), ("b", postgres_ledger)):
        register(ledger)
        fill_months(ledger)
        found = read_focus(ledger, MARCH)
        write_csv_file(found.flat, tmp_path / f"{name}.csv")
        write_json_file(found.document, tmp_path / f"{name}.json")
        made.append(
            [(tmp_path / f"{name}{end}").read_bytes() for end in (".csv", ".json")]
        )
    assert made[0] == made[1]
