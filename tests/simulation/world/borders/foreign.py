"""A foreign reporter: another program that sends to the same meter, for a while."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from billing.sandbox.stripe.http.errors import StripeError
from tests.simulation.world.catalogue import Fault
from tests.simulation.world.machine import HOUR
from tests.simulation.world.world import World

Later = Callable[[datetime, Callable[[], None]], None]


def plan_foreign_reporter(
    world: World, moment: Callable[[], datetime], later: Later
) -> None:
    """Let somebody else report calls of one customer, one event a call."""
    chance = world.chance
    for fault, begins in (
        (Fault.FOREIGN_BEFORE, world.schedule.now - 20 * HOUR),
        (Fault.FOREIGN_LATER, moment()),
    ):
        if not world.weather.strikes(fault):
            continue
        customer = chance.pick(sorted(world.settings.customers.values()))
        for _ in range(chance.between(1, 6)):
            at = begins + chance.span(timedelta(), 8 * HOUR)
            report = partial(_report, world, customer, chance.between(1, 40), at)
            later(max(at, world.schedule.now), report)
            if world.weather.strikes(Fault.FOREIGN_AGAIN):
                more = partial(_report, world, customer, chance.between(1, 40), at)
                soon = max(at, world.schedule.now) + chance.span(HOUR, 20 * HOUR)
                later(soon, more)


def _report(world: World, customer: str, minutes: int, at: datetime) -> None:
    try:
        world.stripe.take_foreign(customer, minutes, at)
    except StripeError:
        world.schedule.note("a foreign event is not taken")
