"""The reconciliation report: books, causes, ages and acknowledgements, as kept."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from billing.domain.break_causes import Cause
from billing.domain.breaks import Break, CustomerFinding
from billing.errors import BadInput
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Ledger
from billing.ledger.reconcile import case_list, runs
from billing.ledger.reconcile.runs import Reconciliation
from billing.reports.reconciliation.reconciliation_workbook import reconciled_report
from billing.reports.reconciliation.stored import age_name, read_reconciled
from billing.reports.sheets.cells import text_rows
from billing.reports.sheets.formats import write_report
from billing.reports.sheets.sheet import Report
from tests.ledger.bookkeeping import ACTOR, HOUR, MARCH, NOON, register

DAY = timedelta(days=1)
LOST = Break(
    cause=Cause.REJECTED,
    minutes=-2,
    amount_micro=-200_000,
    calls=("call_1",),
    hour=NOON,
)
LATE = Break(
    cause=Cause.NOT_STAGED,
    minutes=-1,
    amount_micro=-100_000,
    calls=("call_2", "call_3"),
    hour=NOON + HOUR,
)
CARRIED = Break(
    cause=Cause.BILLED_IN_LATER_MONTH,
    minutes=-4,
    amount_micro=-400_000,
    calls=("call_4",),
    hour=None,
)


def reconcile(ledger: Ledger, at: datetime, *breaks: Break) -> None:
    minutes = sum(item.minutes for item in breaks)
    one = CustomerFinding(
        customer="acme",
        stripe_customer="cus_acme",
        pamela_minutes=9,
        ledger_minutes=9,
        stripe_minutes=9 + minutes,
        settled=True,
        breaks=breaks,
    )
    found = Reconciliation(
        period=MARCH, started_at=at, customers=(one,), accounts=(), quarantined=0
    )
    with ledger.writing() as connection:
        runs.save(connection, found, Actor("tests", at))


def live(ledger: Ledger) -> None:
    """Find three breaks, acknowledge one a day later, and resolve another."""
    reconcile(ledger, ACTOR.at, LOST, LATE, CARRIED)
    with ledger.writing() as connection:
        who = Actor("ada", ACTOR.at + 8 * DAY)
        case_list.acknowledge(connection, who, [1], "the customer was deleted")
    reconcile(ledger, ACTOR.at + DAY, LOST, CARRIED)


def report_of(ledger: Ledger) -> Report:
    return reconciled_report(read_reconciled(ledger, MARCH))


def rows_of(report: Report, name: str) -> list[list[str]]:
    [sheet] = [sheet for sheet in report.sheets if sheet.name == name]
    return text_rows(sheet)


def test_a_month_that_was_never_reconciled_is_refused(ledger: Ledger) -> None:
    with pytest.raises(BadInput, match=r"2026-03 was never reconciled: run `pamela"):
        read_reconciled(ledger, MARCH)


def test_the_books_and_the_causes_add_up_to_the_difference(ledger: Ledger) -> None:
    live(ledger)
    report = report_of(ledger)
    [run] = rows_of(report, "Run")
    assert run == [
        "2",
        "2026-03-13T12:00:00Z",
        "2026-03-13T12:00:00Z",
        "yes",
        "yes",
        "no",
        "-6",
        "2",
    ]
    [acme, total] = rows_of(report, "Books")
    assert acme == ["acme", "cus_acme", "9", "9", "3", "-6", "0", "yes", "", ""]
    assert total[2:6] == ["9", "9", "3", "-6"]
    causes = [line[:5] for line in rows_of(report, "Causes")]
    assert causes == [
        ["billed_in_later_month", "months", "1", "-4", "-0.40"],
        ["rejected", "sending", "1", "-2", "-0.20"],
        ["total", "", "2", "-6", "-0.60"],
    ]


def test_each_break_says_how_old_it_is_and_who_knows_of_it(ledger: Ledger) -> None:
    live(ledger)
    report = report_of(ledger)
    lost, carried, _ = rows_of(report, "Breaks")
    assert lost[:9] == [
        "1",
        "acme",
        "",
        "rejected",
        "2026-03-10T12:00:00Z",
        "",
        "call_1",
        "-2",
        "-0.20",
    ]
    assert lost[10:] == [
        "2026-03-12T12:00:00Z",
        "7 to 30 days",
        "acknowledged",
        "ada",
        "2026-03-20T12:00:00Z",
        "the customer was deleted",
    ]
    assert carried[0] == ""
    assert carried[10:] == ["", "", "carried", "", "", ""]
    ages = {line[0]: line[1:] for line in rows_of(report, "Ageing")}
    assert ages["7 to 30 days"] == ages["total"] == ["1", "-2", "-0.20"]
    [resolved, _] = rows_of(report, "Resolved")
    assert resolved[3:5] == ["not_staged", "-1"]
    assert resolved[-1] == "run 2: no longer there"


def test_the_document_says_the_same_in_stable_names(ledger: Ledger) -> None:
    live(ledger)
    found: Any = report_of(ledger).document
    assert (found["provisional"], found["run"], found["as_of"]) == (
        True,
        2,
        "2026-03-20T12:00:00Z",
    )
    assert found["causes"]["rejected"] == {
        "breaks": 1,
        "minutes": -2,
        "amount": "-0.20",
    }
    assert found["breaks"][0]["acknowledged_by"] == "ada"
    assert found["breaks"][0]["minutes"] == -2
    assert [case["state"] for case in found["cases"]] == ["acknowledged", "resolved"]


@pytest.mark.parametrize(
    ("age", "name"),
    [
        (timedelta(0), "under a day"),
        (DAY, "1 to 7 days"),
        (7 * DAY, "7 to 30 days"),
        (30 * DAY, "over 30 days"),
    ],
)
def test_an_age_has_one_name(age: timedelta, name: str) -> None:
    assert age_name(age) == name


def test_the_files_are_the_same_on_both_databases(
    sqlite_ledger: Ledger, postgres_ledger: Ledger, tmp_path: Path
) -> None:
    made: list[list[bytes]] = []
    for name, ledger in (("a", sqlite_ledger), ("b", postgres_ledger)):
        register(ledger)
        live(ledger)
        files = [tmp_path / f"{name}.{form}" for form in ("csv", "json", "xlsx")]
        for file in files:
            write_report(report_of(ledger), file.suffix[1:], file)
        made.append([file.read_bytes() for file in files])
    assert made[0] == made[1]
