"""First contact: a table of what is known of a month, and what follows from it."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.break_causes import Cause
from billing.domain.meter_contact import (
    ContactDecision,
    ContactFindings,
    ContactReading,
    ContactState,
    MonthContact,
    SendingStop,
    asks_for_reading,
    decide_contact,
)
from billing.domain.period import BillingPeriod

NOW = datetime(2026, 3, 12, 12, tzinfo=UTC)
MARCH = BillingPeriod(2026, 3)
CLEAR, UNREAD, WAITING, OPENING = ContactState


def read(hours_ago: float, minutes: int = 0, upper: int = 0) -> ContactReading:
    return ContactReading(NOW - timedelta(hours=hours_ago), minutes, upper)


@pytest.mark.parametrize(
    ("readings", "facts", "state", "asks"),
    [
        # Nothing is known: it is read, and read again a day later.
        ([], "", UNREAD, True),
        ([read(0)], "", WAITING, False),
        ([read(23.9)], "", WAITING, False),
        ([read(24)], "", WAITING, True),
        ([read(99)], "", WAITING, True),
        ([read(24), read(0)], "", CLEAR, True),
        ([read(25), read(0.5)], "", CLEAR, True),
        ([read(23.9), read(0)], "", WAITING, False),
        # What may be ours is no opening, but has to stand still for a day.
        ([read(30, 4, 9), read(0, 7, 9)], "", WAITING, False),
        ([read(30, 4, 9), read(26, 7, 9), read(0, 7, 9)], "", CLEAR, True),
        ([read(30, 7, 9), read(26, 4, 9), read(0, 7, 9)], "", WAITING, False),
        # More than can be ours wins over everything, at the first reading.
        ([read(0, 1)], "", OPENING, True),
        ([read(0, 10, 9)], "sent watched known sole", OPENING, True),
        ([read(30), read(0, 1)], "sole", OPENING, True),
        # It is over once the newest reading holds only ours.
        ([read(2, 5), read(0)], "sole", CLEAR, True),
        ([read(2, 5), read(0)], "", WAITING, False),
        # A statement, or an earlier month of ours, makes one reading enough.
        ([], "sole", UNREAD, True),
        ([read(0)], "sole", CLEAR, True),
        ([read(0, 9, 9)], "sole", CLEAR, True),
        ([read(24)], "sole", UNREAD, True),
        ([], "known", UNREAD, True),
        ([read(23)], "known", CLEAR, False),
        ([read(24)], "known", UNREAD, True),
        # What was sent into the month is its contact, while somebody looks at it.
        ([], "sent watched", CLEAR, False),
        ([read(200)], "sent watched", CLEAR, False),
        ([], "sent", UNREAD, True),
        ([read(200)], "sent", UNREAD, True),
        ([read(1)], "sent", CLEAR, False),
        # What was explained by an event that was then found absent is read anew.
        ([read(13)], "sent watched missing", UNREAD, True),
        ([], "sole missing", UNREAD, True),
        ([read(12)], "sent missing", CLEAR, False),
        ([read(11)], "sole missing", CLEAR, True),
        ([read(13), read(11)], "sole missing", CLEAR, True),
        ([read(11, 1)], "sent watched missing", OPENING, True),
    ],
)
def test_what_is_known_of_a_month_decides(
    readings: list[ContactReading], facts: str, state: ContactState, asks: bool
) -> None:
    contact = MonthContact(
        readings=readings,
        has_sent="sent" in facts,
        is_watched="watched" in facts,
        is_known="known" in facts,
        is_sole="sole" in facts,
        found_absent_at=NOW - timedelta(hours=12) if "missing" in facts else None,
    )
    decision = decide_contact(contact, NOW)
    assert decision.state is state
    assert asks_for_reading(contact, decision, NOW) is asks
    assert (decision.until is not None) is (state is WAITING)
    assert bool(decision.minutes) is (state is OPENING)


def test_a_first_send_waits_a_day_from_the_first_reading_that_still_holds() -> None:
    contact = MonthContact(readings=[read(30, 4, 9), read(20, 7, 9), read(3, 7, 9)])
    decision = decide_contact(contact, NOW)
    assert decision.until == NOW + timedelta(hours=4)


def test_an_opening_is_what_cannot_be_ours() -> None:
    decision = decide_contact(MonthContact(readings=[read(0, 12, 9)]), NOW)
    assert decision == ContactDecision(OPENING, minutes=3)


def test_findings_name_who_and_how_much_and_only_a_wait_needs_nobody() -> None:
    findings = ContactFindings()
    findings.note("acme", MARCH, ContactDecision(CLEAR))
    findings.note("acme", MARCH, ContactDecision(WAITING, until=NOW))
    assert [(wait.customer, wait.until) for wait in findings.waits] == [("acme", NOW)]
    assert not findings.needs_a_person
    stop = SendingStop(
        customer="globex", period=MARCH, case=1, cause=Cause.ABOVE_LEDGER, minutes=2
    )
    findings.add(ContactFindings(stops=[stop]))
    assert findings.needs_a_person
    other = ContactFindings()
    other.note("acme", MARCH, ContactDecision(OPENING, minutes=3))
    assert other.needs_a_person
    assert [(one.customer, one.minutes) for one in other.openings] == [("acme", 3)]


def test_an_opening_that_is_found_again_is_named_once() -> None:
    findings, again = ContactFindings(), ContactFindings()
    for minutes in (3, 3, 4):
        findings.note("acme", MARCH, ContactDecision(OPENING, minutes=minutes))
        again.note("acme", MARCH, ContactDecision(OPENING, minutes=minutes + 1))
    assert [opening.minutes for opening in findings.openings] == [3, 4]
    findings.add(again)
    assert [opening.minutes for opening in findings.openings] == [3, 4, 5]
