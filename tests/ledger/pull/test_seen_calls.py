"""Seen calls: each counts as it was seen last, however many are held or in a file."""

import random
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from billing.ledger.pull.seen_calls import Outcome, PassedMonth, Passing, SeenCalls

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
HELD = [0, 3, 1_000_000]  # before they go into a file: at once, now and then, never


def passing(hours: int = 0, *, before: bool = False) -> Passing:
    """Return a call of February."""
    return Passing("2026-02", (NOON + timedelta(hours=hours)).isoformat(), before)


@pytest.mark.parametrize("most_held", HELD)
def test_calls_are_counted_by_what_became_of_them(most_held: int) -> None:
    with closing(SeenCalls(most_held)) as seen:
        seen.put({"a": None, "b": None, "c": "underway"})
        seen.put({"d": "underway", "e": passing(1), "f": passing(0, before=True)})
        assert seen.reasons() == {None: 2, "underway": 2}
        (february,) = seen.months()
        first, last = passing(0).placed_at, passing(1).placed_at
        assert february == PassedMonth(
            month="2026-02",
            calls=2,
            before_first_period=True,
            first_at=first,
            last_at=last,
        )
        assert seen.among(["a", "e", "x"]) == {"a", "e"}


@pytest.mark.parametrize("most_held", HELD)
def test_nothing_seen_is_nothing_counted(most_held: int) -> None:
    with closing(SeenCalls(most_held)) as seen:
        assert (seen.reasons(), seen.months(), seen.among(["a"])) == ({}, [], set())
        seen.drop(["a"])


@pytest.mark.parametrize("most_held", HELD)
@pytest.mark.parametrize("seed", range(5))
def test_each_call_counts_once_as_it_was_seen_last(most_held: int, seed: int) -> None:
    chance = random.Random(seed)
    outcomes: list[Outcome] = [
        None,
        "underway",
        "never_connected",
        passing(),
        passing(7),
    ]
    expected: dict[str, Outcome] = {}
    with closing(SeenCalls(most_held)) as seen:
        for _ in range(50):
            names = {f"c{chance.randrange(40)}" for _ in range(5)}
            if chance.random() < 0.2:
                seen.drop(names)
                expected = {n: o for n, o in expected.items() if n not in names}
            else:
                new = {name: chance.choice(outcomes) for name in names}
                seen.put(new)
                expected |= new
            some = [f"c{n}" for n in range(0, 50, 3)]
            assert seen.among(some) == {n for n in some if n in expected}
        own = [each for each in expected.values() if not isinstance(each, Passing)]
        assert seen.reasons() == Counter(own)
        passed = [each for each in expected.values() if isinstance(each, Passing)]
        assert sum(month.calls for month in seen.months()) == len(passed)
