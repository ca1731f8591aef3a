"""A running sandbox whose clock stands still, and both gateways connected to it."""

from collections.abc import Iterator

import pytest

from billing.gateways.pamela import PamelaUsage, connect_usage
from tests.gateways.desk import MeterDesk
from tests.sandbox.pamela.pamela_world import World, empty_world


@pytest.fixture
def world() -> Iterator[World]:
    """Run a sandbox with one account and one customer."""
    with empty_world() as world:
        world.sandbox.add_customer("cus_acme", "acme")
        yield world


@pytest.fixture
def slept() -> list[float]:
    """Collect the seconds that a gateway would have slept."""
    return []


@pytest.fixture
def usage(world: World, slept: list[float]) -> Iterator[PamelaUsage]:
    """Connect to the sandbox's Pamela; waits take no time."""
    key = world.account.api_key
    source = connect_usage("main", key, world.url, sleep=slept.append)
    yield source
    source.close()


@pytest.fixture
def desk(world: World, slept: list[float]) -> Iterator[MeterDesk]:
    """Connect to the sandbox's Stripe; waits take no time."""
    desk = MeterDesk(world, slept)
    yield desk
    desk.meter.close()
