"""Journal entries balance, whatever is counted, corrected or rounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from billing.domain.journal import (
    JournalEntry,
    JournalLine,
    Leg,
    Role,
    in_minor_units,
    make_entries,
)
from billing.domain.period import BillingPeriod

MARCH = BillingPeriod(2026, 3)
LINES = some.builds(
    JournalLine,
    some.sampled_from(["acme", "globex"]),
    some.sampled_from(["usd", "eur"]),
    some.sampled_from([None, MARCH.previous, MARCH.previous.previous]),
    some.booleans(),
    some.just(1),
    some.integers(-1_000, 1_000),
    some.integers(-(10**12), 10**12),
)


@given(some.lists(LINES))
def test_every_entry_adds_up_to_zero_and_nothing_is_lost(
    lines: list[JournalLine],
) -> None:
    entries = make_entries(MARCH, lines)
    for entry in [*entries, *map(in_minor_units, entries)]:
        assert sum(leg.amount_micro for leg in entry.legs) == 0
    assert sum(e.amount_micro for e in entries) == sum(x.amount_micro for x in lines)
    assert sum(entry.minutes for entry in entries) == sum(x.minutes for x in lines)


@pytest.mark.parametrize(
    ("currency", "owed", "earned", "rounded"),
    [
        ("usd", [50_000, 5_000], -55_000, [50_000, 10_000, -60_000]),
        ("usd", [5_000, 5_000], -10_000, [10_000, 10_000, -10_000, -10_000]),
        ("usd", [-5_000, -5_000], 10_000, [-10_000, -10_000, 10_000, 10_000]),
        ("usd", [4_999, 1], -5_000, [0, 0, -10_000, 10_000]),
        ("jpy", [500_000, 0], -500_000, [1_000_000, 0, -1_000_000]),
        ("bhd", [500, 0], -500, [1_000, 0, -1_000]),
    ],
)
def test_cents_are_rounded_away_from_zero_and_the_rest_is_named(
    currency: str, owed: list[int], earned: int, rounded: list[int]
) -> None:
    legs = (
        Leg(Role.RECEIVABLE, owed[0]),
        Leg(Role.UNBILLED, owed[1]),
        Leg(Role.REVENUE, earned),
    )
    entry = in_minor_units(
        JournalEntry(
            period=MARCH,
            customer="acme",
            currency=currency,
            rows=1,
            minutes=1,
            legs=legs,
        )
    )
    assert [leg.amount_micro for leg in entry.legs] == rounded
    assert {leg.role for leg in entry.legs[3:]} <= {Role.ROUNDING}
