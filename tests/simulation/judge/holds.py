"""Holds: what a person holds is not sent, is told, and waits for that person alone."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from billing.domain.meter_event import MeterEvent
from tests.simulation.trace import Violation
from tests.simulation.world.borders.settings import SimSettings

if TYPE_CHECKING:
    from tests.simulation.world.world import World

LOOK_EVERY = timedelta(seconds=2)


def judge_holds(
    holds: Mapping[str | None, datetime],
    owners: Mapping[str, str],
    event: MeterEvent,
    now: datetime,
) -> None:
    """Nothing leaves that a person holds; a sync at work sees it within a second."""
    truth = SimSettings.owner_at_stripe(event.stripe_customer)
    for customer, since in holds.items():
        held = customer is None or owners[customer] == truth
        if held and now - since > LOOK_EVERY:
            raise Violation("I39", f"{event.identifier} is sent, held since {since}")


def is_held_by_person(world: "World", customer: str) -> bool:
    """Whether a person holds the sending of a customer, by whichever name."""
    owners = world.settings.owners
    return any(
        held is None or owners[held] == owners[customer] for held in world.judge.holds
    )


def judge_holds_told(world: "World") -> None:
    """Each run tells of a hold that stands: who else would lift it?"""
    for customer in world.judge.holds:
        of = f"nothing is sent for {customer or 'any customer'}:"
        if not any(words.startswith(of) for words in world.complaints):
            words = f"the hold of {customer or 'all'} stands, and nothing says so"
            raise Violation("I39", words)
        world.trace.sometimes("a hold stays")
