"""A reconciliation as tables and as a document: every figure, every break once."""

from dataclasses import replace
from typing import Any

import pytest

from billing.domain.break_causes import Cause
from billing.domain.breaks import CustomerFinding, MinuteBounds
from billing.ledger.reconcile.runs import Reconciliation
from billing.reports.reconciliation.live import (
    cause_lines,
    reconciliation_document,
    reconciliation_headings,
    reconciliation_lines,
)
from billing.reports.sheets.cells import UNKNOWN
from tests.ledger.bookkeeping import MARCH, NOON
from tests.reports.reconciliation.reconciled_month import (
    OFF,
    WHOLE,
    changed,
    found,
    with_breaks,
)


@pytest.mark.parametrize("cause", [*Cause])
def test_a_ledger_that_violates_an_invariant_is_advised_nothing_that_ends_in_sending(
    cause: Cause,
) -> None:
    sends = ["the next sync", "sync --settle", "sync --retry", "sends it", "negative"]
    is_sent = any(words in cause.remedy for words in sends)
    [line] = cause_lines(found(cause), violated=True)
    assert line[-1] == (
        "nothing is sent until `pamela-billing db check` passes"
        if is_sent
        else cause.remedy
    )


def test_minutes_too_many_and_minutes_missing_of_a_cause_stand_side_by_side() -> None:
    report = with_breaks(acme=[changed("call_1", 5), changed("call_2", -1)], bolt=[])
    assert cause_lines(report, violated=False)[0][:2] == ["changed_call", "+5 -1"]
    assert reconciliation_lines(report)[0][-1] == "changed_call +5 -1"


def test_the_document_keeps_every_break_with_its_exact_amount() -> None:
    document = reconciliation_document(found(Cause.REJECTED), "usd")
    assert document["difference_minutes"] == -1
    customers: Any = document["customers"]
    assert customers[0]["breaks"] == [
        {
            "cause": "rejected",
            "minutes": -1,
            "amount": "-0.10",
            "calls": ["call_1"],
            "hour": "2026-03-10T12:00:00Z",
            "book": "sending",
            "event": None,
            "evidence": None,
        }
    ]


def test_the_table_adds_the_breaks_of_a_cause_up_and_ends_with_a_total() -> None:
    lines = reconciliation_lines(found(Cause.REJECTED, Cause.REJECTED))
    assert lines[0][-1] == "rejected -2"
    assert lines[-1][:5] == ["total", "10", "10", "8", "-2"]


def test_what_is_not_known_yet_is_never_shown_as_zero() -> None:
    uncertain = CustomerFinding(
        customer="acme",
        stripe_customer="cus_1",
        pamela_minutes=10,
        ledger_minutes=10,
        stripe_minutes=10,
        settled=False,
        bounds=MinuteBounds(5, 10),
    )
    unknown = Reconciliation(
        period=MARCH,
        started_at=NOON,
        customers=(uncertain,),
        accounts=(WHOLE,),
        quarantined=0,
    )
    for line in reconciliation_lines(unknown):
        assert line[4:6] == [UNKNOWN, "not yet"]
    lines = reconciliation_lines(found(Cause.NOT_SETTLED))
    assert [line[4] for line in lines] == [UNKNOWN, UNKNOWN]
    document = reconciliation_document(unknown, "usd")
    assert document["difference_minutes"] is None
    customers: Any = document["customers"]
    (shown,) = customers
    assert shown["verdict"] == "waiting"
    assert shown["difference_minutes"] is None
    assert shown["unknown_minutes"] == 5
    assert (shown["least_minutes"], shown["most_minutes"]) == (5, 10)


def test_each_cause_is_explained_once_with_what_to_do() -> None:
    lines = cause_lines(
        found(Cause.REJECTED, Cause.REJECTED, Cause.NOT_STAGED), violated=False
    )
    causes = [Cause.NOT_STAGED, Cause.REJECTED]
    assert [line[:2] for line in lines] == [["not_staged", "-1"], ["rejected", "-2"]]
    assert [line[2:] for line in lines] == [[c.meaning, c.remedy] for c in causes]


def test_what_was_invoiced_is_shown_where_it_was_read() -> None:
    assert "invoiced" not in reconciliation_headings(found())
    read = replace(found(), invoices_read=True)
    assert reconciliation_headings(read)[-2:] == ["invoiced", "breaks"]
    widths = {len(line) for line in reconciliation_lines(read)}
    assert widths == {len(reconciliation_headings(read))}


def test_a_break_that_nobody_can_price_has_no_amount() -> None:
    document: Any = reconciliation_document(found(account=OFF), "usd")
    [item] = document["accounts"][0]["breaks"]
    assert (item["cause"], item["minutes"]) == ("source_total_differs", -2)
    assert item["amount"] is None


def test_what_was_invoiced_is_unknown_as_long_as_an_invoice_is_missing() -> None:
    read = replace(found(), invoices_read=True)
    assert [line[-2] for line in reconciliation_lines(read)] == [UNKNOWN, UNKNOWN]
