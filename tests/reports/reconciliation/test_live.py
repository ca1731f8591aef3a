"""A reconciliation says what it comes to, and waiting is told from breaks."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from billing.domain.break_causes import Cause
from billing.domain.breaks import Break, CustomerFinding, MinuteBounds
from billing.ledger.reconcile.account_finding import AccountFinding
from billing.ledger.reconcile.runs import Reconciliation
from billing.reports.reconciliation.live import (
    cause_lines,
    reconciliation_document,
    reconciliation_headings,
    reconciliation_lines,
)
from billing.reports.reconciliation.outcome import (
    is_only_unsettled,
    reconciliation_sentences,
)
from billing.reports.sheets.cells import UNKNOWN
from tests.ledger.bookkeeping import HOUR, MARCH, NOON

WHOLE = AccountFinding(
    account="main", usage_minutes=10, calls_minutes=10, complete=True
)
HALF = AccountFinding(
    account="main", usage_minutes=None, calls_minutes=10, complete=False
)
OFF = AccountFinding(account="main", usage_minutes=12, calls_minutes=10, complete=True)
ANEW = "`pamela-billing reconcile 2026-03 --thorough` reads them anew"


def found(
    *causes: Cause, account: AccountFinding = WHOLE, quarantined: int = 0
) -> Reconciliation:
    """Reconcile one customer; each cause is a break of one minute."""
    breaks = tuple(
        Break(
            cause=cause, minutes=-1, amount_micro=-100_000, calls=("call_1",), hour=NOON
        )
        for cause in causes
    )
    stripe = 10 - len(breaks)
    settled = Cause.NOT_SETTLED not in causes
    customer = CustomerFinding(
        customer="acme",
        stripe_customer="cus_1",
        pamela_minutes=10,
        ledger_minutes=10,
        stripe_minutes=stripe,
        settled=settled,
        breaks=breaks,
    )
    return Reconciliation(
        period=MARCH,
        started_at=NOON,
        customers=(customer,),
        accounts=(account,),
        quarantined=quarantined,
    )


@pytest.mark.parametrize(
    ("reconciliation", "waits", "sentence"),
    [
        (
            found(),
            False,
            "Pamela, the ledger and Stripe agree, minute by minute, as of",
        ),
        (found(Cause.NOT_SETTLED), True, "Not settled yet"),
        (found(Cause.NOT_SETTLED, Cause.REJECTED), False, "is not settled yet"),
        (found(Cause.IN_FLIGHT), False, "difference: -1 minute."),
        (found(Cause.NOT_SETTLED, account=HALF), False, "was not read whole"),
        (found(Cause.NOT_SETTLED, account=OFF), False, "its own total is 12"),
        (found(Cause.NOT_SETTLED, quarantined=2), False, "2 calls in quarantine"),
    ],
)
def test_the_verdict(
    reconciliation: Reconciliation, waits: bool, sentence: str
) -> None:
    assert is_only_unsettled(reconciliation) == waits
    assert sentence in " ".join(reconciliation_sentences(reconciliation))


@pytest.mark.parametrize(
    ("causes", "agreement"),
    [
        ((), "Pamela, the ledger and Stripe agree, minute by minute"),
        ((Cause.DECIDED,), "was decided by a person, or stands in another month"),
        ((Cause.BILLED_IN_LATER_MONTH,), "stands in another month; the totals agree"),
    ],
)
@pytest.mark.parametrize(
    ("read_at", "source"),
    [
        (NOON, ""),
        (None, ""),
        (NOON - 12 * HOUR, f"; Pamela's calls as read at 2026-03-10T00:00:00Z: {ANEW}"),
    ],
)
def test_who_agrees_does_so_as_of_when_each_side_was_read(
    causes: tuple[Cause, ...],
    agreement: str,
    read_at: datetime | None,
    source: str,
) -> None:
    account = replace(WHOLE, calls_read_at=read_at)
    verdict = reconciliation_sentences(found(*causes, account=account))[-1]
    assert verdict.endswith(f"{agreement}, as of 2026-03-10T12:00:00Z{source}.")


def changed(call: str, minutes: int) -> Break:
    return Break(
        cause=Cause.CHANGED_CALL, minutes=minutes, amount_micro=0, calls=(call,)
    )


def with_breaks(**breaks: list[Break]) -> Reconciliation:
    """Reconcile customers with the breaks that are given for each."""
    [acme] = found().customers
    customers = [
        replace(
            acme,
            customer=name,
            stripe_minutes=10 + sum(item.minutes for item in items),
            breaks=tuple(items),
        )
        for name, items in breaks.items()
    ]
    return replace(found(), customers=tuple(customers))


ONE, TWO, THREE = "call_1", "call_2", "call_3"


@pytest.mark.parametrize(
    ("acme", "bolt", "moved", "total"),
    [
        (
            [changed(ONE, 4)],
            [changed(ONE, -4)],
            "Pamela moved 4 minutes from acme to bolt.",
            "Total difference: +0 minutes, of 2 breaks with 8 minutes in them.",
        ),
        (
            [changed(ONE, -1), changed(TWO, -2), changed(THREE, 1)],
            [changed(ONE, 1), changed(TWO, 2)],
            "Pamela moved 3 minutes from bolt to acme.",
            "Total difference: +1 minute, of 5 breaks with 7 minutes in them.",
        ),
        (
            [changed(ONE, 1), changed(TWO, -1)],
            [],
            "",
            "Total difference: +0 minutes, of 2 breaks with 2 minutes in them.",
        ),
        (
            [changed(ONE, 5)],
            [changed(ONE, -6)],
            "",
            "Total difference: -1 minute, of 2 breaks with 11 minutes in them.",
        ),
        ([changed(ONE, 4)], [changed(TWO, 4)], "", "Total difference: +8 minutes."),
    ],
)
def test_breaks_that_cancel_out_are_told_with_the_minutes_that_stand_in_them(
    acme: list[Break], bolt: list[Break], moved: str, total: str
) -> None:
    sentences = reconciliation_sentences(with_breaks(acme=acme, bolt=bolt))
    assert sentences[1:] == [*filter(None, [moved]), total]


def doubled(sequence: int) -> Break:
    return Break(
        cause=Cause.COUNTED_TWICE,
        minutes=7,
        amount_micro=700_000,
        hour=NOON,
        event=f"test-stripe_minutes-cus_1-20260310T12-{sequence}",
    )


@pytest.mark.parametrize(
    ("events", "named", "more"),
    [
        (1, 1, ""),
        (5, 5, ""),
        (6, 5, "1 more event counted twice: see `pamela-billing breaks`."),
        (8, 5, "3 more events counted twice: see `pamela-billing breaks`."),
    ],
)
def test_what_counted_twice_is_told_with_the_event_that_takes_it_back(
    events: int, named: int, more: str
) -> None:
    report = with_breaks(acme=[doubled(number) for number in range(events)])
    _, *remedies, _ = reconciliation_sentences(report)
    taken_back = [words for words in remedies if "value -7, timestamp" in words]
    assert len(taken_back) == named
    assert "event name stripe_minutes, customer cus_1" in taken_back[0]
    assert remedies[named:] == [*filter(None, [more])]
    assert len(reconciliation_sentences(report, violated=True)) == 2


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
    report = with_breaks(acme=[changed(ONE, 5), changed(TWO, -1)], bolt=[])
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


def test_a_month_whose_corrections_stand_in_another_is_clean_and_says_so() -> None:
    carried = found(Cause.BILLED_IN_LATER_MONTH)
    assert carried.clean
    assert not carried.needs_a_person
    assert "stands in another month" in " ".join(reconciliation_sentences(carried))


def test_invoices_that_cannot_be_read_are_told() -> None:
    blind = replace(found(), invoices_fault="Stripe: the API key is refused")
    assert "the API key is refused" in " ".join(reconciliation_sentences(blind))


def test_a_break_that_nobody_can_price_has_no_amount() -> None:
    document: Any = reconciliation_document(found(account=OFF), "usd")
    [item] = document["accounts"][0]["breaks"]
    assert (item["cause"], item["minutes"]) == ("source_total_differs", -2)
    assert item["amount"] is None


def test_what_was_invoiced_is_unknown_as_long_as_an_invoice_is_missing() -> None:
    read = replace(found(), invoices_read=True)
    assert [line[-2] for line in reconciliation_lines(read)] == [UNKNOWN, UNKNOWN]
