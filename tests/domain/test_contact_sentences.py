"""First contact in sentences: one for all customers, each month's minutes, names."""

from datetime import UTC, datetime

import pytest

from billing.domain.break_causes import Cause
from billing.domain.contact_sentences import contact_complaints, waits_sentence
from billing.domain.meter_contact import (
    OPENING_REMEDY,
    STOP_REMEDY,
    ContactFindings,
    FirstSendWait,
    Opening,
    SendingStop,
)
from billing.domain.period import BillingPeriod

MARCH, APRIL = BillingPeriod(2026, 3), BillingPeriod(2026, 4)
SEVEN = [f"customer-{number}" for number in range(1, 8)]
FIVE_NAMED = "customer-1, customer-2, customer-3, customer-4, customer-5 and 2 more"


@pytest.mark.parametrize(
    ("openings", "minutes", "customers"),
    [
        ([Opening("acme", MARCH, 1)], "1 minute of 2026-03 stands", "acme"),
        (
            [Opening("globex", APRIL, 20), Opening("acme", MARCH, 2_000)],
            "2,000 minutes of 2026-03 and 20 minutes of 2026-04 stand",
            "acme, globex",
        ),
        (
            [Opening(name, MARCH, 100) for name in SEVEN],
            "700 minutes of 2026-03 stand",
            FIVE_NAMED,
        ),
    ],
    ids=["one minute", "two months", "many customers"],
)
def test_all_openings_are_one_sentence_with_one_remedy(
    openings: list[Opening], minutes: str, customers: str
) -> None:
    [sentence] = contact_complaints(ContactFindings(openings=openings))
    assert sentence == (
        f"{minutes} at the meter that this ledger never sent, so nothing is sent for "
        f"{customers}; {OPENING_REMEDY}"
    )


@pytest.mark.parametrize(
    ("minutes", "found"),
    [
        ([1], "+1 minute of 2026-03 at the meter is not from this ledger (break 1, "),
        ([4, 996], "+1,000 minutes of 2026-03 at the meter are not from this ledger "),
    ],
    ids=["one break", "several"],
)
def test_all_stops_are_one_sentence_however_many_breaks_there_are(
    minutes: list[int], found: str
) -> None:
    stops = [
        SendingStop(
            customer="acme",
            period=MARCH,
            case=case,
            cause=Cause.ABOVE_LEDGER,
            minutes=more,
        )
        for case, more in enumerate(minutes, start=1)
    ]
    [sentence] = contact_complaints(ContactFindings(stops=stops))
    assert sentence.startswith(found)
    assert sentence.endswith(
        f"above_ledger), so nothing is sent for acme; {STOP_REMEDY}"
    )
    assert ("(2 breaks, " in sentence) == (len(minutes) > 1)


def test_nothing_is_said_where_nothing_was_found() -> None:
    assert list(contact_complaints(ContactFindings())) == []


def test_first_sends_wait_until_the_last_of_them_is_due() -> None:
    untils = [datetime(2026, 4, day, 9, 30, tzinfo=UTC) for day in range(1, 8)]
    waits = [
        FirstSendWait(name, APRIL, until)
        for name, until in zip(SEVEN, untils, strict=True)
    ]
    assert waits_sentence(waits) == (
        f"the first send for {FIVE_NAMED} waits until 2026-04-07T09:30:00Z, when the "
        "month is read a second time, a day after the first"
    )
