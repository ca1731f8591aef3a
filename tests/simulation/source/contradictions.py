"""Contradictions: records whose duration and times cannot both be right."""

from datetime import timedelta

from tests.simulation.world.chance import Chance
from tests.simulation.world.pamela import Record, SimCall, spelled

SECOND = timedelta(seconds=1)


def contradiction(call: SimCall, chance: Chance) -> Record:
    """Return what makes a call's duration and times contradict each other."""
    seconds = call.record["duration_seconds"]
    assert isinstance(seconds, int)
    kind = chance.between(1, 3)
    if kind == 1:
        # Longer than the API allows, and the times say so too.
        seconds = between = chance.between(3_661, 40_000)
    elif kind == 2:
        between = seconds + 61 + seconds // 9
    else:
        seconds, between = 0, chance.between(60, 900)
    return {
        "duration_seconds": seconds,
        "billed_minutes": -(-seconds // 60) or 1,
        "ended_at": spelled(call.place + between * SECOND),
    }
