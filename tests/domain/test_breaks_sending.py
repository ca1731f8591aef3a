"""Breaks between what is billed and what is known as counted: events on their way."""

from dataclasses import replace

import pytest

from billing.domain.break_causes import Cause
from billing.domain.breaks import Break
from billing.domain.breaks_meter import CarryingEvent, Unsynced, find_sending_breaks
from billing.domain.meter_event import EventState, FailReason
from billing.domain.posting import Charge
from tests.domain.telling import NOON

TWO = Charge(2, 200_000)
FAILED, PENDING = EventState.FAILED, EventState.PENDING


@pytest.mark.parametrize(
    ("state", "reason", "cause"),
    [
        (None, None, Cause.NOT_STAGED),
        (PENDING, None, Cause.IN_FLIGHT),
        (FAILED, FailReason.UNANSWERED, Cause.UNANSWERED),
        (FAILED, FailReason.REJECTED, Cause.REJECTED),
        (FAILED, FailReason.UNCERTAIN, Cause.UNCERTAIN),
        (FAILED, FailReason.EXPIRED, Cause.EXPIRED),
        (FAILED, FailReason.CANCELLING, Cause.CANCELLING),
        (FAILED, FailReason.VOIDED, Cause.VOIDED),
    ],
)
def test_minutes_on_their_way_are_missing_with_the_state_they_are_in(
    state: EventState | None, reason: FailReason | None, cause: Cause
) -> None:
    waiting = Unsynced(
        hour=NOON,
        charge=TWO,
        calls=("a", "b"),
        event="event",
        state=state,
        reason=reason,
        evidence="said so",
    )
    expected = Break(
        cause=cause,
        minutes=-2,
        amount_micro=-200_000,
        calls=("a", "b"),
        hour=NOON,
        event="event",
        evidence="said so",
    )
    assert find_sending_breaks([waiting]) == [expected]


@pytest.mark.parametrize(
    ("minutes", "counted", "policy", "attempted", "held"),
    [
        (-3, 2, False, False, True),
        (-2, 2, False, False, False),
        (-2, 2, True, False, True),
        (-3, 2, False, True, False),  # sent already: no longer held
        (3, 0, True, False, False),
    ],
)
def test_minutes_less_are_held_when_they_may_not_be_sent(
    minutes: int, counted: int, policy: bool, attempted: bool, held: bool
) -> None:
    charge = Charge(minutes, minutes * 100_000)
    waiting = Unsynced(
        hour=NOON,
        charge=charge,
        calls=("a",),
        event="event",
        state=PENDING,
        attempted=attempted,
    )
    assert waiting.holds_back(counted, never_negative=policy) is held
    (held_break,) = find_sending_breaks([replace(waiting, held=held)])
    assert held_break.cause is (Cause.HELD if held else Cause.IN_FLIGHT)


def test_an_event_that_carries_rows_of_another_month_is_seen_in_both() -> None:
    there = CarryingEvent(
        event="event",
        hour=NOON,
        charge=TWO,
        calls=("a",),
        other_month="2026-04",
        here=False,
    )
    here = replace(there, other_month="2026-02", here=True)
    missing, too_much = find_sending_breaks([], [there, here])
    assert (missing.cause, missing.minutes) == (Cause.SENT_IN_LATER_MONTH, -2)
    assert (too_much.cause, too_much.minutes) == (Cause.CARRIES_EARLIER_MONTH, 2)
    assert missing.evidence == "the other month is 2026-04"
