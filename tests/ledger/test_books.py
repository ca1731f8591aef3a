"""The books: sums by customer, hour, call and state, as readers ask for them."""

from datetime import timedelta

import pytest

from billing.domain.metering import Answer, EventState, FailReason, Verdict
from billing.domain.posting import Charge
from billing.domain.reconciling import UnsyncedCall
from billing.ledger import books, outbox
from billing.ledger.books import CustomerAccount, Holding, SourceGap
from billing.ledger.database import Ledger
from tests.ledger.bookkeeping import (
    ACTOR,
    APRIL,
    HOUR,
    MARCH,
    NOON,
    reading,
    record,
    register,
    stage,
    unsynced,
)

TWO = Charge(2, 200_000)


@pytest.fixture(autouse=True)
def _registered(ledger: Ledger) -> None:
    register(ledger)


def gap(call_id: str, minutes: int) -> list[SourceGap]:
    return [SourceGap("main", "acme", call_id, minutes)]


def attempt(ledger: Ledger, hour_from_noon: int, answer: Answer | None) -> None:
    """Send the event of an hour once, with or without an answer."""
    (event,) = [
        one
        for one in unsynced(ledger)
        if one.event.hour == NOON + hour_from_noon * HOUR
    ]
    with ledger.writing() as connection:
        number = outbox.record_attempt(
            connection, event, owner="me", idempotency_key="key", now=ACTOR.at
        )
        if answer:
            outbox.record_answer(connection, event, number, answer, ACTOR.at)


def test_holdings_are_summed_by_account_and_customer(ledger: Ledger) -> None:
    record(ledger, reading("a"), reading("b", seconds=600))
    record(ledger, reading("c", customer="globex"))
    record(ledger, reading("d", account="other", customer="globex"))
    record(ledger, reading("e", started_at=NOON + timedelta(days=31)))
    record(ledger, reading("a", seconds=0))
    with ledger.reading() as connection:
        assert books.holdings(connection, MARCH) == [
            Holding("main", "acme", 11, 3),
            Holding("main", "globex", 2, 1),
            Holding("other", "globex", 2, 1),
        ]
        assert books.holdings(connection, APRIL) == [Holding("main", "acme", 2, 1)]
        assert books.holdings(connection, MARCH.previous) == []


def test_what_is_posted_is_summed_call_by_call(ledger: Ledger) -> None:
    record(ledger, reading("a"), reading("b"))
    record(ledger, reading("a", seconds=600), reading("b", customer="globex"))
    with ledger.reading() as connection:
        assert books.posted_calls(connection, MARCH, "main") == {
            "acme": {"a": Charge(10, 1_000_000), "b": Charge(0, 0)},
            "globex": {"b": TWO},
        }
        assert books.posted_calls(connection, MARCH, "other") == {}


def test_minutes_that_differ_from_the_sources_own_are_shown_once(
    ledger: Ledger,
) -> None:
    record(ledger, reading("a", source_minutes=2), reading("b", source_minutes=1))
    record(ledger, reading("c", source_minutes=3))
    with ledger.reading() as connection:
        gaps = books.source_gaps(connection, MARCH)
        assert gaps == [*gap("b", -1), *gap("c", 1)]
    record(ledger, reading("b", source_minutes=2))
    with ledger.reading() as connection:
        assert books.source_gaps(connection, MARCH) == gap("c", 1)
        assert books.source_gaps(connection, APRIL) == []


def test_calls_are_synced_with_the_event_of_their_hour(ledger: Ledger) -> None:
    record(
        ledger, *(reading(f"call_{n}", started_at=NOON + n * HOUR) for n in range(5))
    )
    stage(ledger)
    record(ledger, reading("late"))
    attempt(ledger, 0, Answer(Verdict.COUNTED, 200, "req_1"))
    attempt(ledger, 1, Answer(Verdict.DUPLICATE, 400, "req_2"))
    attempt(ledger, 2, Answer(Verdict.REFUSED, 400))
    attempt(ledger, 3, None)
    with ledger.reading() as connection:
        account = books.customer_account(connection, MARCH, "acme")
        assert (account.minutes, account.synced_minutes) == (12, 4)
        assert account.synced == {NOON: TWO, NOON + HOUR: TWO}
        assert list(account.unsynced) == [
            UnsyncedCall("late", NOON, TWO, None),
            UnsyncedCall(
                *("call_2", NOON + 2 * HOUR, TWO, EventState.FAILED),
                reason=FailReason.REJECTED,
                attempted=True,
            ),
            UnsyncedCall(
                *("call_3", NOON + 3 * HOUR, TWO, EventState.PENDING), attempted=True
            ),
            UnsyncedCall("call_4", NOON + 4 * HOUR, TWO, EventState.PENDING),
        ]
        assert account.last_sent_at == ACTOR.at


def test_an_empty_ledger_has_empty_books(ledger: Ledger) -> None:
    with ledger.reading() as connection:
        assert books.holdings(connection, MARCH) == []
        assert books.calls_underway(connection, "main") == []
        account = books.customer_account(connection, MARCH, "acme")
        assert account == CustomerAccount(0, {}, (), None)
