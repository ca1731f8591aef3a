"""Doubles: beyond the bounds that are assumed, what counts twice is found and named."""

from tests.simulation.trace import Violation
from tests.simulation.world.world import World

BEYOND_BOUNDS = "beyond the named bounds"
DOUBLED = "an event counts twice beyond the bounds"


def unnamed_doubles(world: World) -> set[str]:
    """Return the events that count twice and that the ledger has no name for."""
    stripe, view = world.stripe, world.view
    named = view.named_doubles()
    above = view.above_ledger()
    customers = {row.identifier: row.customer for row in view.events()}
    return {
        name
        for name in stripe.doubled
        if _still_counts_twice(world, name)
        and name not in named
        and customers[name] not in above
    }


def judge_doubles(world: World) -> None:
    """Demand that each double is found, and called what it is."""
    if not world.stripe.is_beyond:
        return
    world.trace.sometimes(BEYOND_BOUNDS)
    if unnamed := unnamed_doubles(world):
        raise Violation("I12", f"nobody is told what counts twice: {sorted(unnamed)}")
    named = world.view.named_doubles()
    for name in sorted(world.stripe.doubled):
        if _still_counts_twice(world, name):
            world.trace.sometimes(DOUBLED)
            cause = "counted_twice" if name in named else "above_ledger"
            world.trace.sometimes(f"a double is named {cause}")


def _still_counts_twice(world: World, name: str) -> bool:
    counting = [one for one in world.stripe.received[name] if one.reason is None]
    return len(counting) > 1
