"""Stops: nobody waits for a person because of minutes that are the ledger's own."""

from tests.simulation.trace import Violation
from tests.simulation.world.world import World

UNCOUNTED = {"rejected", "replaced", "voided"}


def judge_stops(world: World) -> None:
    """Demand of each customer that is stopped some minutes that are not the ledger's.

    A ledger that cannot know that it has another memory takes the rest for somebody's.
    """
    if world.judge.relaxed and not world.was_accepted:
        return
    not_ours = _not_ours(world)
    for owner in sorted(world.stopped):
        if owner not in not_ours:
            words = f"{owner} is stopped, and all that stands there is the ledger's"
            raise Violation("I38", words)


def _not_ours(world: World) -> set[str]:
    """Name who has an event at Stripe that comes to more than this ledger staged."""
    staged = {
        row.identifier: row.minutes
        for row in world.view.events()
        if row.reason not in UNCOUNTED
    }
    return {
        world.settings.owner_at_stripe(taken.customer)
        for taken in [*world.stripe.counting(), *world.stripe.foreign]
        if int(taken.value) > staged.get(taken.identifier, 0)
        or taken.identifier in world.stripe.doubled
    }
