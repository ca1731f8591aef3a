"""Closes: what must stand in the way of a close, and what must not."""

from typing import TYPE_CHECKING

from billing.domain.close_obstacles import Obstacle, ObstacleKind
from billing.domain.period import BillingPeriod
from tests.simulation.trace import Violation

if TYPE_CHECKING:
    from tests.simulation.world.world import World


def judge_obstacle(obstacle: Obstacle, first_period: BillingPeriod) -> None:
    """A month that is not billed here can never be closed: it hinders no other."""
    if obstacle.kind is ObstacleKind.EARLIER_OPEN:
        for name in obstacle.names:
            if BillingPeriod.parse(name) < first_period:
                words = f"{name} stands in the way, and is not billed here"
                raise Violation("I9", words)


def judge_absent(world: "World", labels: set[str], month: BillingPeriod) -> None:
    """No month is closed while an account that has calls in it is not there."""
    pulled = {
        account
        for (account,) in world.view.rows(
            "SELECT DISTINCT account FROM pull WHERE period = ?", str(month)
        )
    }
    for name, (label, _) in world.settings.homes.items():
        if label not in labels and name in pulled:
            raise Violation("I37", f"{month} is closed without {label}")
