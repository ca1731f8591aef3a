"""A reconciliation says what it comes to, and waiting is told from breaks."""

from dataclasses import replace
from datetime import datetime

import pytest

from billing.domain.break_causes import Cause
from billing.domain.breaks import Break
from billing.ledger.reconcile.runs import Reconciliation
from billing.reports.reconciliation.outcome import (
    is_only_unsettled,
    reconciliation_sentences,
)
from tests.ledger.bookkeeping import HOUR, NOON
from tests.reports.reconciliation.reconciled_month import (
    HALF,
    OFF,
    WHOLE,
    changed,
    found,
    with_breaks,
)

ANEW = "`pamela-billing reconcile 2026-03 --thorough` reads them anew"
ONE, TWO, THREE = "call_1", "call_2", "call_3"


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


def test_a_month_whose_corrections_stand_in_another_is_clean_and_says_so() -> None:
    carried = found(Cause.BILLED_IN_LATER_MONTH)
    assert carried.clean
    assert not carried.needs_a_person
    assert "stands in another month" in " ".join(reconciliation_sentences(carried))


def test_invoices_that_cannot_be_read_are_told() -> None:
    blind = replace(found(), invoices_fault="Stripe: the API key is refused")
    assert "the API key is refused" in " ".join(reconciliation_sentences(blind))
