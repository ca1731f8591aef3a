"""Cycle schedule: what starts a cycle, when it is due by two clocks, how it ends."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from billing.domain.period import hour_of

HOUR = timedelta(hours=1)
# How often both clocks are looked at, at the least.
TICK = timedelta(seconds=20)
# Clocks that part by more between two looks were not slewed: one of them was set.
SLACK = timedelta(seconds=5)
NO_JUMP = timedelta()


class Trigger(StrEnum):
    """What started a cycle."""

    RUN = "run"
    DAEMON = "daemon"
    MANUAL = "manual"


class CycleOutcome(StrEnum):
    """How a cycle ended."""

    CLEAN = "clean"
    BREAKS = "breaks"  # all was done, and something waits for a person
    FAILED = "failed"
    REFUSED = "refused"  # an invariant was violated, so nothing was sent
    STOPPED = "stopped"  # the process was to stop


class Moment(NamedTuple):
    """What both clocks said at once."""

    wall: datetime  # that people set
    counter: timedelta  # that nobody sets: it only runs forward


class Plan(NamedTuple):
    """Whether a cycle is due now, and by how much the wall clock was set meanwhile."""

    is_due: bool
    jump: timedelta = NO_JUMP


def plan_cycle(
    last_look: Moment | None, last_cycle: Moment | None, now: Moment
) -> Plan:
    """Plan by what passed since the last look, and since the last cycle began.

    A cycle is due in every new hour of the wall clock, after an hour of the counter,
    and whenever the wall clock was set: a date that was wrong plans nothing.
    """
    if last_look is None or last_cycle is None:
        return Plan(is_due=True)
    wall, counter = now.wall - last_look.wall, now.counter - last_look.counter
    jump = wall - counter if abs(wall - counter) > SLACK else NO_JUMP
    return Plan(
        is_due=bool(jump)
        or hour_of(now.wall) != hour_of(last_cycle.wall)
        or now.counter - last_cycle.counter >= HOUR,
        jump=jump,
    )


def until_next_look(wall: datetime) -> timedelta:
    """Return how long to wait: to the next hour, and never longer than a tick."""
    return min(TICK, hour_of(wall) + HOUR - wall)
