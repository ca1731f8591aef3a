"""Statements keep corrections apart, name their month, and tie to the ledger."""

from pathlib import Path

import pytest

from billing.errors import BadInput
from billing.ledger.database import Ledger
from billing.ledger.registry import Customer
from billing.ledger.registry import register as register_more
from billing.reports.sheets.cells import text_rows
from billing.reports.sheets.formats import write_report
from billing.reports.sheets.sheet import Report
from billing.reports.statement.statement import read_statement, read_statements
from billing.reports.statement.statement_workbook import statement_report
from tests.ledger.bookkeeping import (
    ACTOR,
    APRIL,
    MARCH,
    close_period,
    reading,
    record,
    rows,
)
from tests.ledger.deciding import decide
from tests.ledger.filling import set_aside_and_reconcile
from tests.reports.bookkeeping import fill, fill_awkwardly


def report_of(ledger: Ledger, customer: str = "acme") -> Report:
    return statement_report(read_statement(ledger, MARCH, customer))


def test_a_statement_keeps_corrections_apart_from_days(ledger: Ledger) -> None:
    fill(ledger)
    document = read_statement(ledger, MARCH, "acme").document()
    day = {"day": "2026-03-10", "calls": 1, "seconds": 61}
    assert document["days"] == [
        {**day, "minutes": 2, "amount": "0.20"},
        {
            "day": "2026-03-11",
            "calls": 1,
            "seconds": 0,
            "minutes": 1,
            "amount": "0.10",
        },
    ]
    usage = {"calls": 2, "seconds": 61, "minutes": 3, "amount": "0.30"}
    assert document["usage"] == usage
    assert document["adjusted"] == {"minutes": 3, "amount": "0.30"}
    assert document["total"] == {"minutes": 6, "amount": "0.60"}
    assert document["provisional"] is True
    assert document["adjustments"] == [
        {
            "call": "call_1",
            "account": "main",
            "of_month": "2026-03",
            "hour": "2026-03-10T12:00:00Z",
            "posted_at": "2026-03-12T12:00:00Z",
            "reason": "call changed",
            "seconds": 300,
            "minutes": 3,
            "amount": "0.30",
        }
    ]


def test_a_statement_names_who_decided_what_of_a_call(ledger: Ledger) -> None:
    set_aside_and_reconcile(ledger)  # and bad_1 is billed, then not
    decide(ledger, "bad_2", 61)
    report = report_of(ledger)
    decided = read_statement(ledger, MARCH, "acme").document()["decided"]
    assert [
        (each["call"], each["seconds"], each["minutes"], each["in_force"])
        for each in decided  # type: ignore[attr-defined] # a document
    ] == [("bad_1", 61, 0, False), ("bad_1", None, 0, True), ("bad_2", 61, 2, True)]
    [sheet] = [sheet for sheet in report.sheets if sheet.name == "Decided"]
    words = [(row[0], row[3], row[6]) for row in text_rows(sheet)]
    assert words == [
        ("bad_1", "61 s, till it was read or decided anew", "why"),
        ("bad_1", "not billed", "why"),
        ("bad_2", "61 s", "why"),
    ]
    assert report.page
    assert report.page().startswith(b"%PDF")


def test_decisions_have_a_file_of_their_own_where_a_form_has_one_sheet(
    ledger: Ledger, tmp_path: Path
) -> None:
    set_aside_and_reconcile(ledger)  # and bad_1 is billed, then not
    report = report_of(ledger)
    name = "statement-2026-03-acme"
    for form in ("csv", "parquet"):
        files = write_report(report, form, tmp_path)
        assert files == [
            tmp_path / f"{name}.{form}",
            tmp_path / f"{name}-decided.{form}",
        ]
    decided = (tmp_path / f"{name}-decided.csv").read_text().splitlines()
    assert decided == [
        (
            "call,account,started_at,billable,seconds,decided_at,decided_by,reason,"
            "in_force,provisional"
        ),
        "bad_1,main,2026-03-10T12:00:00Z,yes,61,2026-03-12T12:00:00Z,tests,why,no,yes",
        "bad_1,main,,no,,2026-03-12T12:00:00Z,tests,why,yes,yes",
    ]
    # What is imported as it is holds what is billed, and nothing else.
    flat = (tmp_path / f"{name}.csv").read_text().splitlines()
    assert flat[0] == (
        "kind,day,call,of_month,calls,seconds,minutes,amount,currency,provisional"
    )
    assert {line.split(",")[0] for line in flat[1:]} <= {"usage", "adjustment", "total"}
    assert write_report(report, "json", tmp_path) == [tmp_path / f"{name}.json"]


def test_without_a_decision_there_is_one_file(ledger: Ledger, tmp_path: Path) -> None:
    fill(ledger)
    target = tmp_path / "march.csv"
    assert write_report(report_of(ledger), "csv", target) == [target]


def test_a_correction_downwards_is_a_negative_amount(ledger: Ledger) -> None:
    record(ledger, reading("call_1", seconds=300))
    record(ledger, reading("call_1", seconds=61))
    places = [0, 1, 2, 4, 6, 7]
    assert [
        [row[at] for at in places] for row in text_rows(report_of(ledger).flat)
    ] == [
        ["usage", "2026-03-10", "", "1", "5", "0.50"],
        ["adjustment", "2026-03-10", "call_1", "", "-3", "-0.30"],
        ["total", "", "", "1", "2", "0.20"],
    ]


def test_what_came_after_a_close_names_the_month_it_is_of(ledger: Ledger) -> None:
    fill_awkwardly(ledger)
    document = read_statement(ledger, MARCH, "acme").document()
    found = [
        (one["call"], one["of_month"], one["reason"], one["minutes"])
        for one in document["adjustments"]  # type: ignore[attr-defined]
        if one["of_month"] != "2026-03"
    ]
    assert found == [
        ("=late", "2026-02", "came late", 1),
        ("call_0", "2026-02", "call changed", -1),
    ]


def test_every_statement_ties_to_the_ledger_whatever_way_it_is_added(
    ledger: Ledger,
) -> None:
    fill_awkwardly(ledger)
    billed = rows(
        ledger,
        "SELECT customer, SUM(billed_minutes), SUM(amount_micro) FROM b2b_usage "
        "WHERE period = '2026-03' GROUP BY customer ORDER BY customer",
    )
    found = list(read_statements(ledger, MARCH))
    totals = [(one.month.customer, *one.billed) for one in found]
    assert totals == [(name, int(m), int(a)) for name, m, a in billed]  # type: ignore[call-overload]
    for one in found:
        report = statement_report(one)
        for sheet in report.sheets[:-1]:
            last = text_rows(sheet)[-1][-2:]
            part = {"Days": one.usage[2:], "Adjustments": one.adjusted}
            minutes, amount = part.get(sheet.name, one.billed)
            assert last == [str(minutes), one.amount(amount)], sheet.name
        minutes, amount = one.billed
        assert text_rows(report.flat)[-1][6:8] == [str(minutes), one.amount(amount)]


def test_a_month_is_provisional_until_it_is_closed(ledger: Ledger) -> None:
    fill(ledger)
    open_month = report_of(ledger)
    assert all(sheet.provisional for sheet in (*open_month.sheets, open_month.flat))
    close_period(ledger, MARCH)
    closed = report_of(ledger)
    assert not any(sheet.provisional for sheet in (*closed.sheets, closed.flat))
    assert closed.document["provisional"] is False
    assert closed.document["digest"] == "none"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("acme", "statement-2026-03-acme"),
        ("../etc", "statement-2026-03-%2E.%2Fetc"),
        ("A & B", "statement-2026-03-A%20%26%20B"),
        ("Zoë", "statement-2026-03-Zoë"),
    ],
)
def test_a_customers_name_never_leaves_the_folder(
    ledger: Ledger, name: str, file: str
) -> None:
    with ledger.writing() as connection:
        register_more(
            connection,
            ACTOR,
            customers=[Customer(name, "cus_odd")],
            accounts=[],
            prices=[],
        )
    record(ledger, reading("call_1", customer=name))
    assert report_of(ledger, name).name == file


def test_a_statement_of_nobody_is_refused(ledger: Ledger) -> None:
    with pytest.raises(BadInput, match="no customer nobody; the ledger knows acme"):
        read_statement(ledger, MARCH, "nobody")


def test_a_month_that_nobody_knows_of_is_refused(ledger: Ledger) -> None:
    with pytest.raises(BadInput, match="holds nothing of 2026-04"):
        read_statement(ledger, APRIL, "acme")
    with pytest.raises(BadInput, match="holds nothing of 2026-04"):
        list(read_statements(ledger, APRIL))
