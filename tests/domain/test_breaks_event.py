"""An event that was sent again may count twice: that is ours, and nobody else's."""

import pytest

from billing.domain.break_causes import Cause
from billing.domain.breaks_event import SentEvent
from tests.domain.test_breaks_meter import FIVE, NOTHING, named, sent

AGAIN = sent("x", FIVE, again=True)


@pytest.mark.parametrize(
    ("event", "shown", "breaks"),
    [
        (sent("x", FIVE, again=True, shown=10), 10, [(Cause.COUNTED_TWICE, 5, "x")]),
        (sent("x", FIVE, again=True, shown=15), 15, [(Cause.COUNTED_TWICE, 10, "x")]),
        # Sent once: it cannot be ours.
        (sent("x", FIVE, shown=10), 10, [(Cause.FOREIGN_EVENT, 5, "x")]),
        # No multiple of it, and so somebody else's; or some of each: nobody can tell.
        (sent("x", FIVE, again=True, shown=8), 8, [(Cause.FOREIGN_EVENT, 3, "x")]),
        (sent("x", FIVE, again=True, shown=12), 12, [(Cause.ABOVE_LEDGER, 7, "x")]),
        # Its own minute was not read: it may be what is too much, or not.
        (AGAIN, 10, [(Cause.ABOVE_LEDGER, 5, None)]),
        (AGAIN, 0, [(Cause.NOT_COUNTED, -5, "x")]),
        # Its own minute is right: somebody else reports in this hour.
        (sent("x", FIVE, again=True, shown=5), 10, [(Cause.FOREIGN_EVENT, 5, None)]),
    ],
)
def test_minutes_of_ours_that_count_twice_are_no_foreign_event(
    event: SentEvent, shown: int, breaks: list[tuple[Cause, int, str | None]]
) -> None:
    assert named(FIVE, shown, event) == breaks


def test_what_counts_twice_before_it_is_known_as_counted_has_two_causes() -> None:
    lost = sent("x", FIVE, counted=False, uncertain=True, again=True, shown=10)
    assert named(NOTHING, 10, lost) == [
        (Cause.COUNTED_UNRECORDED, 5, "x"),
        (Cause.COUNTED_TWICE, 5, "x"),
    ]
