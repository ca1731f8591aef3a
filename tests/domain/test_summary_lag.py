"""Summary lags: what two reads say of how late a summary was."""

from datetime import datetime, timedelta

import pytest

from billing.domain.summary_lag import (
    LagsMeasured,
    SummaryLook,
    lag_seen,
    lag_sentence,
    surely_shown,
)
from tests.domain.telling import NOON

H, M, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
NO_LAG = "no lag of Stripe's summaries was measured"
THE_LONGEST = "the longest lag of Stripe's summaries in 35 days is"


@pytest.mark.parametrize(
    ("unshown", "shown", "lag"),
    [
        # Somebody looked soon enough to tell.
        (None, M, M),
        (None, 2 * H, 2 * H),
        (H, 2 * H, 2 * H),
        (50 * H, 51 * H, 51 * H),
        # A machine that was off measures no long lag, nor a short one.
        (None, 2 * H + M, None),
        (None, 90 * H, None),
        # It was surely late for an hour; how much later, nobody saw.
        (H, 90 * H, H),
        # Two clocks: shown before it was sent is no lag at all.
        (None, -M, 0 * M),
    ],
)
def test_a_lag_is_as_long_as_somebody_looked(
    unshown: timedelta | None, shown: timedelta, lag: timedelta | None
) -> None:
    last_unshown = None if unshown is None else NOON + unshown
    assert lag_seen(NOON, last_unshown, NOON + shown) == lag


@pytest.mark.parametrize(
    ("residue", "minutes", "shown"),
    [
        # What was sent long ago is there; its corrections of just now are not.
        (4, [14, -1, -3], {0}),
        (1, [14, -1, -3], {0, 2}),
        (-14, [14, -1, -3], {1, 2}),
        (-10, [14, -1, -3], set()),
        # Either may be missing.
        (-5, [5, 5], set()),
        (-5, [5, 5, 7], {2}),
        (-7, [7, 5, 2], set()),
        # Nothing of ours makes it up: another's minutes, or an unknown outcome.
        (-6, [14, 5], set()),
        (3, [14, 5], set()),
        (-5, [], set()),
        # Too many to try every choice.
        (-1, [2**n for n in range(8)], set(range(1, 8))),
        (-1, [2**n for n in range(9)], set()),
    ],
)
def test_an_hour_that_lacks_some_events_shows_those_that_are_none_of_them(
    residue: int, minutes: list[int], shown: set[int]
) -> None:
    assert surely_shown(residue, minutes) == shown


@pytest.mark.parametrize(
    ("address", "hour", "event", "shown"),
    [
        ("cus_a", NOON, "of_the_hour", False),
        ("cus_a", NOON, "read_by_itself", True),
        ("cus_a", NOON + H, "of_another_hour", True),
        ("cus_b", NOON, "of_another_address", True),
    ],
)
def test_an_hour_that_is_as_it_is_known_shows_each_of_its_events(
    address: str, hour: datetime, event: str, shown: bool
) -> None:
    look = SummaryLook({("cus_a", NOON): -5}, frozenset({"read_by_itself"}))
    assert look.shows(address, hour, event) is shown


@pytest.mark.parametrize(
    ("longest", "measured_for", "seen", "quiet"),
    [
        (None, None, "no lag of Stripe's summaries has been measured yet", "72 h 00"),
        (
            None,
            40,
            f"{NO_LAG} in the last 35 days, measured since 2026-01-29",
            "72 h 00",
        ),
        (25 * M, 40, f"{THE_LONGEST} 25 min, measured since 2026-01-29", "1 h 15"),
        (
            25 * H + M + SECOND,
            1,
            f"{THE_LONGEST} 25 h 02 min, measured since 2026-03-09",
            "75 h 04",
        ),
        (
            59 * M + SECOND,
            40,
            f"{THE_LONGEST} 1 h 00 min, measured since 2026-01-29",
            "2 h 58",
        ),
    ],
)
def test_what_was_measured_is_said_with_what_follows(
    longest: timedelta | None, measured_for: int | None, seen: str, quiet: str
) -> None:
    since = None if measured_for is None else NOON - timedelta(days=measured_for)
    assert lag_sentence(LagsMeasured(longest, since), NOON) == (
        f"{seen}; for {quiet} min after a send, an empty minute proves nothing"
    )
