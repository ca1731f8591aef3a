"""A call that two accounts list is billed under one of them, whoever decides what."""

from datetime import datetime, timedelta

import pytest

from billing.domain.call import QuarantineReason
from billing.errors import BadInput
from billing.ledger.database import Ledger
from billing.ledger.pull import calls, quarantine
from billing.ledger.pull.calls import RecordedCalls
from tests.ledger.bookkeeping import (
    ACTOR,
    MARCH,
    NOON,
    pull_context,
    reading,
    record,
    register,
    rows,
)
from tests.ledger.deciding import decide

HERE = reading("c", seconds=61)
THERE = reading("c", seconds=61, account="other", customer="globex")
BILLED = "SELECT account, sum(billed_minutes) FROM b2b_usage GROUP BY account"


def read_there(ledger: Ledger) -> RecordedCalls:
    """Read the call under the other account, and set it aside if it is held."""
    with ledger.writing() as connection:
        context = pull_context(connection)
        recorded = calls.record_readings(connection, context, [THERE])
        quarantine.set_aside(
            connection,
            [each.item for each in recorded.held],
            period=MARCH,
            pull_id=context.pull_id,
            now=ACTOR.at,
        )
    return recorded


@pytest.fixture
def listed_twice(ledger: Ledger) -> Ledger:
    """Give a ledger with a call that another account lists, too."""
    register(ledger)
    record(ledger, HERE)
    [held] = read_there(ledger).held
    assert held.hold.reason is QuarantineReason.CALL_IN_TWO_ACCOUNTS
    return ledger


def test_it_is_not_billed_under_the_second_by_decision(listed_twice: Ledger) -> None:
    with pytest.raises(BadInput, match="is billed under the account main already"):
        decide(listed_twice, "c", 61)
    assert rows(listed_twice, "SELECT * FROM call_decision") == []
    assert rows(listed_twice, BILLED) == [("main", 2)]


def test_a_decision_not_to_bill_it_there_holds_at_every_reading(
    listed_twice: Ledger,
) -> None:
    decide(listed_twice, "c", None)
    recorded = read_there(listed_twice)
    assert (recorded.changed, len(recorded.held), recorded.overruled) == (0, 1, ())
    with listed_twice.reading() as connection:
        assert quarantine.open_items(connection) == []
    assert rows(listed_twice, BILLED) == [("main", 2)]


def set_aside_there(
    ledger: Ledger, created_at: datetime | None, reason: str = "no_duration"
) -> None:
    """Set the call aside under the other account; nobody has read it there."""
    with ledger.writing() as connection:
        item = quarantine.SetAside(
            account="other",
            call_id="c",
            reason=reason,
            detail="-",
            source_sha256="0" * 64,
            period=MARCH,
            created_at=created_at,
        )
        number = pull_context(connection).pull_id
        quarantine.set_aside(
            connection, [item], period=MARCH, pull_id=number, now=ACTOR.at
        )


def test_what_is_decided_not_to_be_billed_hinders_nobody_else(ledger: Ledger) -> None:
    register(ledger)
    set_aside_there(ledger, HERE.call.created_at)
    decide(ledger, "c", None)
    assert record(ledger, HERE) == 1
    assert rows(ledger, BILLED) == [("main", 2)]


def test_it_is_not_decided_there_while_nothing_tells_when_it_was_created(
    ledger: Ledger,
) -> None:
    register(ledger)
    record(ledger, HERE)
    set_aside_there(ledger, None)
    with pytest.raises(BadInput, match="nothing tells that this is another one"):
        decide(ledger, "c", 61)
    assert rows(ledger, BILLED) == [("main", 2)]


def test_what_may_be_the_one_that_was_decided_there_is_held(ledger: Ledger) -> None:
    register(ledger)
    set_aside_there(ledger, None)
    decide(ledger, "c", 61)
    assert record(ledger, HERE) == 0
    assert rows(ledger, BILLED) == [("other", 2)]


def test_one_that_was_created_at_another_moment_is_billed_too(ledger: Ledger) -> None:
    register(ledger)
    set_aside_there(ledger, NOON - timedelta(days=1))
    set_aside_there(ledger, None, "duplicate_id")  # the record before tells when
    decide(ledger, "c", 61)
    assert record(ledger, HERE) == 1
    assert rows(ledger, BILLED) == [("main", 2), ("other", 2)]
