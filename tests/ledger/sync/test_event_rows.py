"""Event rows: an event is made with the rows that it carries, or lets them go."""

from datetime import timedelta

import pytest

from billing.domain.staging import PlannedEvent
from billing.ledger.database import Ledger
from billing.ledger.integrity.find_faults import find_faults
from billing.ledger.sync.event_rows import add_events, next_sequences, release
from tests.ledger.bookkeeping import (
    ACME,
    ACTOR,
    APRIL,
    HOUR,
    MARCH,
    NOON,
    reading,
    record,
    register,
    rows,
    stage,
    staged_event,
)

BOUND = "SELECT meter_event_id, count(*) FROM b2b_usage GROUP BY 1 ORDER BY 1"
STATES = "SELECT state, reason, sequence, minutes FROM meter_event ORDER BY id"


def faults(ledger: Ledger) -> list[str]:
    with ledger.reading() as connection:
        return [words for found in find_faults(connection).values() for words in found]


@pytest.mark.parametrize("count", [1, 20, 21, 45])
def test_an_event_carries_all_rows_of_its_hour_be_they_few_or_many(
    ledger: Ledger, count: int
) -> None:
    register(ledger)
    record(ledger, *(reading(f"call_{number}") for number in range(count)))
    record(ledger, reading("another", started_at=NOON + HOUR))
    assert stage(ledger) == 2
    assert rows(ledger, BOUND) == [(1, count), (2, 1)]
    assert rows(ledger, STATES)[0] == ("pending", None, 0, 2 * count)
    assert faults(ledger) == []


def test_events_are_told_with_their_numbers(ledger: Ledger) -> None:
    register(ledger)
    record(ledger, reading())
    event = ACME.event(APRIL.start, 3, 2)
    planned = PlannedEvent(event, 200_000, (1,), carries=MARCH)
    with ledger.writing() as connection:
        assert add_events(connection, [], ACTOR.at) == {}
        made = add_events(connection, [planned], ACTOR.at)
    assert made == {planned.event.identifier: 1}
    with ledger.reading() as connection:
        following = next_sequences(connection, ACME, [APRIL.start, NOON])
    assert following == {APRIL.start: 4}
    kept = rows(ledger, "SELECT period, carries, usage_rows FROM meter_event")
    assert kept == [("2026-04", "2026-03", 1)]


@pytest.mark.parametrize(
    ("minutes", "evidence", "state", "because"),
    [
        (2, None, "pending", None),
        (2, "it counts", "synced", "it counts"),
        (0, None, "synced", "its rows cancel out: nothing to report"),
        (0, "it counts", "synced", "it counts"),
    ],
)
def test_what_counts_already_or_holds_nothing_is_never_sent(
    ledger: Ledger, minutes: int, evidence: str | None, state: str, because: str | None
) -> None:
    register(ledger)
    planned = PlannedEvent(ACME.event(NOON, 0, minutes), 100_000 * minutes, ())
    with ledger.writing() as connection:
        add_events(connection, [planned], ACTOR.at, evidence=evidence)
    kept = rows(ledger, "SELECT state, evidence FROM meter_event")
    assert kept == [(state, because)]


def test_what_an_event_lets_go_is_staged_anew(ledger: Ledger) -> None:
    event = staged_event(ledger)
    with ledger.writing() as connection:
        release(connection, event)
    assert rows(ledger, BOUND) == [(None, 1)]
    assert rows(ledger, STATES) == [("failed", "replaced", 0, 2)]
    assert faults(ledger) == []
    assert stage(ledger, now=ACTOR.at + timedelta(hours=1)) == 1
    assert rows(ledger, BOUND) == [(2, 1)]
    assert rows(ledger, STATES)[1] == ("pending", None, 1, 2)
    assert faults(ledger) == []
