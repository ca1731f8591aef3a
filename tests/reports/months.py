"""Two months of books: February closed, March with corrections of both."""

from datetime import timedelta

from billing.domain.meter_event import SendAnswer, SendVerdict
from billing.ledger.close import period_close
from billing.ledger.database import Ledger
from billing.ledger.sync.attempts import (
    Answered,
    Attempt,
    record_answers,
    record_attempts,
)
from tests.ledger.bookkeeping import (
    ACTOR,
    MARCH,
    NOON,
    reading,
    record,
    stage,
    unsynced,
)

FEBRUARY = MARCH.previous
DAY = timedelta(days=1)
IN_FEBRUARY = NOON - 28 * DAY
# What each customer is billed, in cents: by month.
BILLED = {
    (FEBRUARY, "acme"): 70,
    (FEBRUARY, "globex"): 10,
    (MARCH, "acme"): 90,
    (MARCH, "globex"): -10,
}


def fill_months(ledger: Ledger) -> str:
    """Bill two months, close the first and correct it; returns its digest.

    In March acme used 6 minutes, 3 of them known as counted, and its February grew by
    3; globex lost the minute of its February.
    """
    other = {"customer": "globex", "account": "other"}
    record(
        ledger,
        reading("feb_1", seconds=61, started_at=IN_FEBRUARY),
        reading("feb_2", seconds=300, started_at=IN_FEBRUARY + DAY),
    )
    record(ledger, reading("feb_3", seconds=1, started_at=IN_FEBRUARY, **other))  # type: ignore[arg-type] # names only
    stage(ledger)
    count(ledger)
    with ledger.writing() as connection:
        closed = period_close.freeze(connection, FEBRUARY, ACTOR, run=1, reason="tests")
    record(
        ledger, reading("mar_1", seconds=121), reading("mar_2", started_at=NOON + DAY)
    )
    record(ledger, reading("mar_2", seconds=180, started_at=NOON + DAY))
    record(ledger, reading("feb_1", seconds=300, started_at=IN_FEBRUARY))
    record(
        ledger,
        reading("feb_3", seconds=None, started_at=None, status="failed", **other),  # type: ignore[arg-type] # names only
    )
    stage(ledger, now=NOON + timedelta(hours=2))
    count(ledger)
    return closed.digest


def count(ledger: Ledger) -> None:
    """Have the meter count what is staged for acme."""
    answer = SendAnswer(SendVerdict.COUNTED, 200, "req_1")
    for event in unsynced(ledger):
        with ledger.writing() as connection:
            record_attempts(
                connection,
                [
                    Attempt(
                        event=event,
                        owner="me",
                        idempotency_key="key",
                        started_at=ACTOR.at,
                    )
                ],
            )
            record_answers(connection, [Answered(event, answer, ACTOR.at)])
