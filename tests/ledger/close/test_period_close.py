"""A month's digest says what the month is, and not which database holds it."""

import tracemalloc
from collections.abc import Sequence

import pytest

from billing.domain.period import BillingPeriod
from billing.errors import AlteredRows
from billing.ledger.close.period_close import (
    CustomerTotal,
    closed_periods,
    customer_totals,
    freeze,
    period_digest,
)
from billing.ledger.database import Ledger
from billing.ledger.pull.calls import RatedCall
from tests.ledger.bookkeeping import (
    ACTOR,
    APRIL,
    HOUR,
    MARCH,
    NOON,
    close_period,
    reading,
    record,
    register,
    rows,
    stage,
)
from tests.ledger.integrity.sound_ledger import damage, disarm

# Sorted by bytes, all of these stand otherwise than any language has them.
NAMES = ("b", "B", "a-b", "ab", "a_b", "Ä", "é", "z", "Z", "1", "10", "2")
CALLS = [
    reading(name, started_at=NOON + number * HOUR, seconds=61 * number)
    for number, name in enumerate(NAMES)
]
LONGER = reading("b", started_at=NOON + HOUR, seconds=300)
ELSEWHERE = reading("ab", started_at=NOON, customer="globex")
APRILS = reading("april", started_at=APRIL.start)
# The form of the digest is kept for ever: months that were closed have it.
WANTED = "8f45247122f333320abe24cac627b204b40234d147a9c5b20b9944e34640df00"


def digest(ledger: Ledger, period: BillingPeriod = MARCH) -> str:
    with ledger.reading() as connection:
        return period_digest(connection, period)


def keep(ledger: Ledger, calls: Sequence[RatedCall]) -> None:
    """Record calls one pull each, so that numbers differ with the order."""
    register(ledger)
    for each in calls:
        record(ledger, each)
    record(ledger, LONGER)
    record(ledger, ELSEWHERE)


def test_equal_months_have_equal_digests_on_both_databases(
    sqlite_ledger: Ledger, postgres_ledger: Ledger
) -> None:
    keep(sqlite_ledger, CALLS)
    keep(postgres_ledger, CALLS[::-1])
    assert digest(sqlite_ledger) == digest(postgres_ledger)
    assert digest(sqlite_ledger) == WANTED


@pytest.mark.parametrize(
    "more",
    [
        reading("c"),
        reading("b", started_at=NOON + HOUR, seconds=301),
        reading("b", started_at=NOON + HOUR, seconds=300, status="failed"),
        reading("b", started_at=NOON + 2 * HOUR, seconds=300),
        reading("b", started_at=NOON + HOUR, seconds=300, customer="globex"),
    ],
)
def test_every_change_of_a_month_changes_its_digest(
    ledger: Ledger, more: RatedCall
) -> None:
    keep(ledger, CALLS)
    before = digest(ledger)
    record(ledger, more)
    rows_are_the_same = more.call.status == "failed"
    assert (digest(ledger) == before) is rows_are_the_same


def test_what_happens_outside_the_month_leaves_the_digest_alone(ledger: Ledger) -> None:
    keep(ledger, CALLS)
    before, empty = digest(ledger), digest(ledger, APRIL)
    record(ledger, APRILS)
    stage(ledger)
    close_period(ledger, MARCH)
    assert digest(ledger) == before
    assert digest(ledger, APRIL) != empty != before


def test_a_digest_is_read_in_flat_memory(ledger: Ledger) -> None:
    register(ledger)
    peaks = []
    for size in (3_000, 12_000):
        month = (reading(f"call_{n}", started_at=NOON) for n in range(size))
        record(ledger, *month)
        tracemalloc.start()
        digest(ledger)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 2


def test_totals_are_per_customer_with_all_corrections(ledger: Ledger) -> None:
    register(ledger)
    record(ledger, reading("1"), reading("2"), reading("3", customer="globex"))
    record(ledger, reading("2", seconds=200))
    with ledger.reading() as connection:
        assert customer_totals(connection, MARCH) == [
            CustomerTotal(
                customer="acme", currency="usd", rows=3, minutes=6, amount_micro=600_000
            ),
            CustomerTotal(
                customer="globex",
                currency="usd",
                rows=1,
                minutes=2,
                amount_micro=200_000,
            ),
        ]
        assert customer_totals(connection, APRIL) == []


def test_closed_months_are_listed_with_their_digests(ledger: Ledger) -> None:
    close_period(ledger, APRIL)
    close_period(ledger, MARCH)
    with ledger.reading() as connection:
        closed = closed_periods(connection)
    assert list(closed.items()) == [("2026-03", "none"), ("2026-04", "none")]


def test_an_empty_month_is_frozen_with_noughts_which_are_written_in_one_order(
    ledger: Ledger,
) -> None:
    with ledger.writing() as connection:
        freeze(connection, MARCH, ACTOR, run=1, reason=None)
    [(totals,)] = rows(ledger, "SELECT totals FROM period_close")
    assert totals == (
        '{"amount_micro": 0, "customers": [], "last_call": 0, "minutes": 0, '
        '"reconciliation": 1, "rows": 0}'
    )


def test_a_month_that_somebody_edited_is_not_frozen(ledger: Ledger) -> None:
    register(ledger)
    record(ledger, reading())
    disarm(ledger)
    damage(ledger, "UPDATE b2b_usage SET billed_minutes = 9")
    with (
        pytest.raises(AlteredRows, match="b2b_usage"),
        ledger.writing() as connection,
    ):
        freeze(connection, MARCH, ACTOR, run=1, reason=None)
    assert rows(ledger, "SELECT * FROM period_close") == []
