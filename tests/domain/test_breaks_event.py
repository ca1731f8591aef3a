"""One event may count twice, or as a restore forgot it: that is nobody else's."""

import pytest

from billing.domain.break_causes import Cause
from billing.domain.breaks_event import SentEvent
from billing.domain.breaks_meter import MeterTotals, Unsynced, find_meter_breaks
from billing.domain.posting import Charge
from tests.domain.telling import NOON
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


@pytest.mark.parametrize(
    ("minutes", "shown", "breaks"),
    [
        (5, 0, [(Cause.NOT_COUNTED, -5, "x")]),
        (5, 4, [(Cause.NOT_COUNTED, -1, "x")]),
        (5, 5, []),
        (5, 6, [(Cause.FOREIGN_EVENT, 1, "x")]),
        (5, -1, [(Cause.FOREIGN_EVENT, -6, "x")]),
        (-5, 0, [(Cause.NOT_COUNTED, 5, "x")]),
        (-5, -4, [(Cause.NOT_COUNTED, 1, "x")]),
        (-5, -5, []),
        (-5, -6, [(Cause.FOREIGN_EVENT, -1, "x")]),
        (-5, 1, [(Cause.FOREIGN_EVENT, 6, "x")]),
    ],
)
def test_what_lacks_some_of_its_minutes_is_not_counted_whichever_way_they_go(
    minutes: int, shown: int, breaks: list[tuple[Cause, int, str | None]]
) -> None:
    charge = Charge(minutes, minutes * 100_000)
    assert named(charge, shown, sent("x", charge, shown=shown)) == breaks


UNRECORDED, FOREIGN = Cause.COUNTED_UNRECORDED, Cause.FOREIGN_EVENT


@pytest.mark.parametrize(
    ("minutes", "own", "hour", "breaks"),
    [
        (5, 5, 5, [(UNRECORDED, 5, "x")]),
        (5, 1, 1, [(UNRECORDED, 1, None)]),
        (5, 4, 4, [(UNRECORDED, 4, None)]),
        (-5, -1, -1, [(UNRECORDED, -1, None)]),
        # Sent in two parts, of which the other stands in a minute beside it.
        (5, 1, 5, [(UNRECORDED, 5, None)]),
        # More than the hour has is not ours, however it was sent.
        (5, 1, 6, [(FOREIGN, 6, None)]),
        (5, 6, 6, [(UNRECORDED, 5, "x"), (FOREIGN, 1, "x")]),
        # Its minute is empty, and so it was not sent: others stand in the hour.
        (5, 0, 1, [(FOREIGN, 1, None)]),
        (5, -1, -1, [(FOREIGN, -1, "x")]),
    ],
)
def test_what_a_restore_forgot_may_have_been_sent_with_fewer_minutes(
    minutes: int, own: int, hour: int, breaks: list[tuple[Cause, int, str | None]]
) -> None:
    charge = Charge(minutes, minutes * 100_000)
    lost = sent("x", charge, counted=False, uncertain=True, forgotten=True, shown=own)
    waiting = Unsynced(
        hour=NOON, charge=charge, calls=("a",), event="x", uncertain=True
    )
    meter_totals = MeterTotals(
        synced={},
        counted={NOON: hour},
        unsynced=(waiting,),
        events={NOON: [lost]},
    )
    found = find_meter_breaks(meter_totals, settled=True)
    assert [(item.cause, item.minutes, item.event) for item in found] == breaks


def test_what_a_restore_forgot_and_counts_is_told_by_its_minute() -> None:
    known = sent("x", FIVE, forgotten=True, shown=1)
    assert named(FIVE, 1, known) == [(Cause.NOT_COUNTED, -4, "x")]
