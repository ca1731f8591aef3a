"""Summary lags: how late Stripe's summaries have shown our events, as far as measured.

Stripe gives no bound. What is believed of silence rests on the longest lag that was
seen, with a margin; before lags were measured for long enough, on a bound that is named
here.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import combinations
from types import MappingProxyType
from typing import NamedTuple

# Only what was seen in so many days counts, and only once so many were measured.
LAGS_COUNT_FOR = timedelta(days=35)
# A lag may become so many times the longest that was seen.
MARGIN = 3
# How late a summary is taken to be where no lags were measured for long enough.
UNMEASURED_LAG = timedelta(hours=72)
# Where nobody looked for longer, nobody knows when an event was first shown.
LOOKED_WITHIN = timedelta(hours=2)
# Of so many events of an hour every choice is tried: 255 of them.
MOST_COMPARED = 8


class LagsMeasured(NamedTuple):
    """The longest lag of 35 days, and since when lags are measured; None: never."""

    longest: timedelta | None = None
    since: datetime | None = None


NEVER_MEASURED = LagsMeasured()


class SummaryLook(NamedTuple):
    """What a reconciliation saw of a customer's events in the meter's summaries.

    Where an hour shows just what is known as counted, it shows each of its events.
    """

    # More or less minutes than are known as counted there: by address and hour.
    residues: Mapping[tuple[str, datetime], int] = MappingProxyType({})
    shown_events: frozenset[str] = frozenset()  # whose own minutes were read
    doubled_events: frozenset[str] = frozenset()  # and show them more than once

    def shows(self, stripe_customer: str, hour: datetime, identifier: str) -> bool:
        """Say whether an event that is known as counted was shown."""
        is_off = (stripe_customer, hour) in self.residues
        was_read = identifier in self.shown_events | self.doubled_events
        return was_read or not is_off


def surely_shown(residue: int, minutes: Sequence[int]) -> frozenset[int]:
    """Return the places of those events that an hour shows, though it shows too little.

    What is missing are some of them, whose minutes make up the residue. Shown is what
    is none of them in any case; nothing is sure where no choice makes it up.
    """
    if len(minutes) > MOST_COMPARED:
        return frozenset()
    places = range(len(minutes))
    missing = [
        set(chosen)
        for size in places
        for chosen in combinations(places, size + 1)
        if sum(minutes[place] for place in chosen) == -residue
    ]
    return frozenset(places).difference(*missing) if missing else frozenset()


def longest_lag_to_expect(lags: LagsMeasured, now: datetime) -> timedelta:
    """Return how long after a send its minutes may not be shown yet."""
    expected = UNMEASURED_LAG if lags.longest is None else MARGIN * lags.longest
    if is_measured_for_long(lags, now):
        return expected
    return max(expected, UNMEASURED_LAG)


def is_measured_for_long(lags: LagsMeasured, now: datetime) -> bool:
    """Say whether lags are measured for so long that the longest is believed."""
    return lags.since is not None and now - lags.since >= LAGS_COUNT_FOR


def lag_seen(
    sent_at: datetime, last_unshown_at: datetime | None, first_shown_at: datetime
) -> timedelta | None:
    """Return the lag that reads prove; None when nobody looked soon enough to tell.

    Between two reads that are far apart it was surely not shown at the first, and
    nobody knows how much earlier than the second it was.
    """
    looked_until = last_unshown_at or sent_at
    if first_shown_at - looked_until <= LOOKED_WITHIN:
        return max(first_shown_at - sent_at, timedelta())
    return None if last_unshown_at is None else last_unshown_at - sent_at


def lag_sentence(lags: LagsMeasured, now: datetime) -> str:
    """Say how late Stripe's summaries were seen to be, and what follows."""
    days = LAGS_COUNT_FOR.days
    if lags.since is None:
        seen = "no lag of Stripe's summaries has been measured yet"
    elif lags.longest is None:
        seen = f"no lag of Stripe's summaries was measured in the last {days} days"
    else:
        longest = _spelled(lags.longest)
        seen = f"the longest lag of Stripe's summaries in {days} days is {longest}"
    if lags.since is not None:
        seen += f", measured since {lags.since:%Y-%m-%d}"
    expected = _spelled(longest_lag_to_expect(lags, now))
    return f"{seen}; for {expected} after a send, an empty minute proves nothing"


def _spelled(span: timedelta) -> str:
    minutes = -(-span // timedelta(minutes=1))
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest:02d} min" if hours else f"{rest} min"
