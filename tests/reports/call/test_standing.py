"""What is said of minutes agrees with itself, whatever their event, breaks and invoice.

The table has every cause that Stripe's side can differ by, every state, every invoice.
"""

from itertools import combinations, product

import pytest

from billing.domain.break_causes import Cause
from billing.domain.break_kinds import Book
from billing.domain.meter_event import EventState, FailReason
from billing.reports.call.standing import Standing

AT = "2026-03-12T12:00:00Z"
NO_INVOICE: dict[str, object] = {}
NOT_YET: dict[str, object] = {"looked_for_invoice": True}
INVOICE = NOT_YET | {"invoice": "in_1"}
REFUSED = (
    "not counted by Stripe, which refused it: fix the cause, then "
    "`sync --retry --reason TEXT`"
)
NO_ANSWER = (
    "sent to Stripe without an answer; the next run sends it again, to count once"
)
State = tuple[EventState | None, FailReason | None]
STATES: list[State] = [
    (None, None),
    (EventState.PENDING, None),
    (EventState.SYNCED, None),
    *((EventState.FAILED, reason) for reason in FailReason),
]
CAUSES = [cause for cause in Cause if cause.book in {Book.METER, Book.INVOICE}]
ON_INVOICE, WITHOUT, UNKNOWN, LATE = (
    ", on invoice in_1",
    "; the invoice in_1 is without it",
    "; whether the invoice in_1 has it is not known",
    ", after the invoice in_1 was final",
)


def said(
    state: EventState | None,
    reason: FailReason | None,
    *causes: Cause,
    **invoice: object,
) -> str:
    standing = Standing(
        state=state,
        reason=reason,
        causes=frozenset(causes),
        **invoice,  # type: ignore[arg-type] # a table's columns
    )
    return standing.sentence(AT if state is EventState.SYNCED else None)


# What each state says, and what of the invoice of the month.
PLAIN = {
    (None, None): ("to be reported by a sync, when the hour is over", WITHOUT),
    (EventState.PENDING, None): ("on the way to Stripe, and not answered yet", UNKNOWN),
    (EventState.SYNCED, None): (f"counted by Stripe at {AT}", ON_INVOICE),
    (EventState.FAILED, FailReason.UNANSWERED): (NO_ANSWER, UNKNOWN),
    (EventState.FAILED, FailReason.REJECTED): (REFUSED, WITHOUT),
    (EventState.FAILED, FailReason.UNCERTAIN): (
        "perhaps counted by Stripe; its own minute is read until that is settled",
        UNKNOWN,
    ),
    (EventState.FAILED, FailReason.EXPIRED): (
        "not counted by Stripe, which takes nothing so old: invoice it by hand",
        WITHOUT,
    ),
    (EventState.FAILED, FailReason.CANCELLING): (
        "being taken back from Stripe, to be reported anew",
        UNKNOWN,
    ),
    (EventState.FAILED, FailReason.REPLACED): (
        "not counted by Stripe; its minutes go on in another event",
        WITHOUT,
    ),
    (EventState.FAILED, FailReason.VOIDED): (
        "not counted by Stripe: a person decided that it is never reported",
        WITHOUT,
    ),
}
SYNCED: list[State] = [(EventState.SYNCED, None)]
SENT = [state for state in STATES if state[0] and state not in SYNCED]
SHOWN = "on Stripe's meter when that was last read, with its answer lost"
AFTER_ALL = "on Stripe's meter when that was last read, though given up here"
HELD = "held, and not sent to Stripe: it takes minutes back, which it may not yet"
# What a cause that was found says more than these states; no other says anything.
MORE: dict[Cause, tuple[list[State], str, str]] = {
    Cause.NOT_COUNTED: (
        SYNCED,
        f"taken by Stripe at {AT}, and not on its meter when that was last read",
        WITHOUT,
    ),
    Cause.UNKNOWN_CUSTOMER: (
        SYNCED,
        f"taken by Stripe at {AT}, which does not know the customer any more",
        UNKNOWN,
    ),
    Cause.NOT_SETTLED: (
        SYNCED,
        f"taken by Stripe at {AT}, whose summary does not show all of its hour",
        UNKNOWN,
    ),
    Cause.COUNTED_TWICE: (
        SYNCED,
        f"counted by Stripe at {AT}, and more than once",
        ON_INVOICE,
    ),
    Cause.HELD: ([(EventState.PENDING, None)], HELD, WITHOUT),
    Cause.COUNTED_UNRECORDED: (SENT, SHOWN, ON_INVOICE),
    Cause.COUNTED_AFTER_ALL: (SENT, AFTER_ALL, ON_INVOICE),
}
INVOICE_CAUSES = {
    Cause.INVOICED_BEFORE_IT_ARRIVED: {ON_INVOICE: LATE, UNKNOWN: LATE},
    Cause.INVOICE_DIFFERS: {ON_INVOICE: UNKNOWN},
}


@pytest.mark.parametrize(("state", "reason"), STATES)
@pytest.mark.parametrize("cause", [None, *Cause])
def test_each_cause_state_and_invoice_has_its_sentence(
    cause: Cause | None, state: EventState | None, reason: FailReason | None
) -> None:
    words, invoiced = PLAIN[state, reason]
    if cause in MORE and (state, reason) in MORE[cause][0]:
        _, words, invoiced = MORE[cause]
    if cause in INVOICE_CAUSES:
        invoiced = INVOICE_CAUSES[cause].get(invoiced, invoiced)
    causes = [] if cause is None else [cause]
    assert said(state, reason, *causes, **NO_INVOICE) == words
    assert said(state, reason, *causes, **NOT_YET) == f"{words}, on no invoice yet"
    assert said(state, reason, *causes, **INVOICE) == words + invoiced
    # One that was read before they counted says nothing of them.
    invoiced = UNKNOWN if invoiced == ON_INVOICE else invoiced
    read_before = INVOICE | {"invoice_read_before": True}
    assert said(state, reason, *causes, **read_before) == words + invoiced


@pytest.mark.parametrize(
    ("state", "reason", "causes", "invoiced"),
    [
        (EventState.SYNCED, None, [], ", on one of the invoices in_1, in_2"),
        (
            EventState.SYNCED,
            None,
            [Cause.INVOICED_BEFORE_IT_ARRIVED],
            ", after the invoices in_1, in_2 were final",
        ),
        (None, None, [], "; the invoices in_1, in_2 are without it"),
        (
            EventState.PENDING,
            None,
            [],
            "; whether the invoices in_1, in_2 have it is not known",
        ),
    ],
)
def test_several_invoices_of_a_month_are_named_as_several(
    state: EventState | None,
    reason: FailReason | None,
    causes: list[Cause],
    invoiced: str,
) -> None:
    words = said(state, reason, *causes, **NOT_YET | {"invoice": "in_1 in_2"})
    assert words.endswith(invoiced)
    assert words.count("in_1") == 1


def test_what_counted_twice_before_it_was_known_is_told_so() -> None:
    causes = Cause.COUNTED_UNRECORDED, Cause.COUNTED_TWICE
    words = said(EventState.FAILED, FailReason.UNCERTAIN, *causes, **INVOICE)
    assert words == f"{SHOWN}, and more than once{ON_INVOICE}"


@pytest.mark.parametrize(("state", "reason"), STATES)
def test_no_sentence_says_that_an_invoice_has_what_was_not_counted(
    state: EventState | None, reason: FailReason | None
) -> None:
    for causes in combinations(CAUSES, 2):
        for invoice, before in product([NO_INVOICE, NOT_YET, INVOICE], [False, True]):
            words = said(state, reason, *causes, **invoice, invoice_read_before=before)
            counts = "not counted" not in words and "perhaps" not in words
            assert counts or "on invoice" not in words
            assert "and not on its meter" not in words or "on invoice" not in words
            assert words.count("invoice in_1") == (1 if "invoice" in invoice else 0)


def test_an_invoice_that_was_read_before_they_counted_says_nothing_of_them() -> None:
    words = said(EventState.SYNCED, None, **INVOICE, invoice_read_before=True)
    assert words == f"counted by Stripe at {AT}{UNKNOWN}"


def test_an_opening_and_what_comes_to_nothing_are_told_as_such() -> None:
    synced = EventState.SYNCED
    assert said(synced, None, opening_before=AT, **INVOICE) == (
        "counted by the opening of what another program reported before "
        f"{AT}, and not sent{ON_INVOICE}"
    )
    assert said(synced, None, cancelled_out=True) == (
        "cancelled out within the hour, with nothing to report"
    )
