"""Conditions of what is billed and what is known as counted differ by."""

from dataclasses import replace

from billing.domain.adoption import OpeningDifference
from billing.domain.break_causes import Cause
from billing.domain.breaks import Break
from billing.domain.breaks_meter import (
    CarryingEvent,
    Unsynced,
    find_opening_breaks,
    find_sending_breaks,
)
from billing.domain.meter_event import EventState, FailReason
from billing.domain.period import BillingPeriod
from tests.domain.telling import NOON
from tests.pipeline.reconcile.conditions.condition import (
    NONE,
    Condition,
    charge,
    only,
)

MARCH = BillingPeriod.of(NOON)
PENDING, FAILED = EventState.PENDING, EventState.FAILED


def of_waiting(
    state: EventState | None,
    reason: FailReason | None = None,
    *,
    minutes: int = 5,
    counted: int = 0,
    attempted: bool = False,
) -> list[Break]:
    """Look at minutes on their way, where so many are counted already."""
    waiting = Unsynced(
        hour=NOON,
        charge=charge(minutes),
        calls=("a",),
        state=state,
        reason=reason,
        attempted=attempted,
    )
    held = waiting.holds_back(counted, never_negative=False)
    return find_sending_breaks([replace(waiting, held=held)])


def of_carrying(*, here: bool | None) -> list[Break]:
    """Look at an event that carries rows of another month, or is in another."""
    events = [
        CarryingEvent(
            event="x",
            hour=NOON,
            charge=charge(5),
            calls=("a",),
            other_month="2026-02",
            here=here,
        )
        for here in ([] if here is None else [here])
    ]
    return find_sending_breaks([], events)


def of_an_opening(reported: int) -> list[Break]:
    """Take over from a program that reported so many minutes of five."""
    difference = OpeningDifference(
        customer="acme", period=MARCH, reported=charge(reported), rated=charge(5)
    )
    return find_opening_breaks([difference])


def waiting_as(reason: FailReason) -> Condition:
    """Return the condition of a cause that is the reason of a failure."""
    others = [each for each in FailReason if each not in {reason, FailReason.REPLACED}]
    return Condition(
        of_waiting,
        {"state": FAILED, "reason": reason},
        [
            ({"state": PENDING, "reason": None}, only(Cause.IN_FLIGHT)),
            ({"state": None, "reason": None}, only(Cause.NOT_STAGED)),
            *(({"reason": other}, only(Cause(other.value))) for other in others),
        ],
    )


SENDING_CONDITIONS = {
    Cause.SENT_IN_LATER_MONTH: Condition(
        of_carrying,
        {"here": False},
        [({"here": None}, NONE), ({"here": True}, only(Cause.CARRIES_EARLIER_MONTH))],
    ),
    Cause.CARRIES_EARLIER_MONTH: Condition(
        of_carrying,
        {"here": True},
        [({"here": None}, NONE), ({"here": False}, only(Cause.SENT_IN_LATER_MONTH))],
    ),
    Cause.OPENING_DIFFERS: Condition(
        of_an_opening, {"reported": 7}, [({"reported": 5}, NONE)]
    ),
    Cause.NOT_STAGED: Condition(
        of_waiting, {"state": None}, [({"state": PENDING}, only(Cause.IN_FLIGHT))]
    ),
    Cause.IN_FLIGHT: Condition(
        of_waiting,
        {"state": PENDING},
        [
            ({"state": None}, only(Cause.NOT_STAGED)),
            ({"minutes": -5}, only(Cause.HELD)),
            (
                {"state": FAILED, "reason": FailReason.UNANSWERED},
                only(Cause.UNANSWERED),
            ),
        ],
    ),
    Cause.HELD: Condition(
        of_waiting,
        {"state": PENDING, "minutes": -5, "counted": 4},
        [
            ({"counted": 5}, only(Cause.IN_FLIGHT)),
            ({"minutes": -4}, only(Cause.IN_FLIGHT)),
            ({"attempted": True}, only(Cause.IN_FLIGHT)),
            ({"state": None}, only(Cause.NOT_STAGED)),
        ],
    ),
    **{
        Cause(reason.value): waiting_as(reason)
        for reason in FailReason
        if reason is not FailReason.REPLACED
    },
}
