"""Stops: nobody waits for a person because of minutes that are the ledger's own."""

from collections import defaultdict
from datetime import UTC, datetime

from tests.simulation.trace import Violation
from tests.simulation.world.world import World

Hour = tuple[str, str]  # who truly owes it, and the hour
UNCOUNTED = {"rejected", "replaced", "voided"}


def judge_stops(world: World) -> None:
    """Demand of each customer that is stopped an hour that holds more than is ours.

    A ledger that cannot know that it has another memory takes the rest for somebody's.
    """
    if world.judge.relaxed and not world.was_accepted:
        return
    more = _more_than_ours(world)
    for owner in sorted(world.stopped):
        if not any(who == owner and minutes > 0 for (who, _), minutes in more.items()):
            raise Violation("I38", f"{owner} is stopped, and no hour holds what is not")


def _more_than_ours(world: World) -> dict[Hour, int]:
    """Return what each hour at Stripe holds beyond all that this ledger ever staged."""
    more: dict[Hour, int] = defaultdict(int)
    for taken in [*world.stripe.counting(), *world.stripe.foreign]:
        hour = datetime.fromtimestamp(taken.timestamp - taken.timestamp % 3_600, UTC)
        owner = world.settings.owner_at_stripe(taken.customer)
        more[owner, hour.isoformat()] += int(taken.value)
    for row in world.view.events():
        if row.reason not in UNCOUNTED:
            owner = world.settings.owner_at_stripe(row.stripe_customer)
            more[owner, row.hour] -= max(row.minutes, 0)
    return more
