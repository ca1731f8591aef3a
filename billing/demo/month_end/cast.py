"""The cast: whose calls the month end tells of, and when they were."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.demo.world import World
from billing.domain.period import BillingPeriod
from billing.sandbox.seeds.call_generator import Caller
from billing.sandbox.seeds.worlds import ACCOUNTS, CLOSING, CUSTOMER_KEY

Document = dict[str, object]
OWNERS = {name: account for account in CLOSING for name in ACCOUNTS[account]}
CUSTOMERS = tuple(sorted(OWNERS))
# In the order of their names, which is that of a sync one after another.
FIRST, SECOND, THIRD, REJECTED, LAST = CUSTOMERS
NEW_STRIPE_CUSTOMER = "cus_dogwoodvets2"


@dataclass(frozen=True, slots=True)
class NamedCalls:
    """The calls that the story tells of by name."""

    plain: str
    late: str
    corrected: str
    troubled: str
    unconnected: str
    quarantined: str


@dataclass(slots=True)
class Cast:
    """Who speaks; it makes the calls that happen while the story goes on."""

    world: World
    api_keys: Mapping[str, str]  # by account
    month: BillingPeriod
    chance: random.Random

    def talk(self, customer: str, started: datetime, seconds: int) -> Document:
        """Return a call that was answered."""
        return self._caller(customer).answered(
            customer, started - timedelta(seconds=4), started, seconds
        )

    def ring_out(self, customer: str, created: datetime) -> Document:
        """Return a call that nobody answered."""
        return self._caller(customer).unanswered(customer, created, "failed")

    def seconds(self) -> int:
        """Return how long somebody talks."""
        return self.chance.randint(70, 400)

    def show(self, customer: str, *calls: Document) -> None:
        """Let Pamela have these calls, or these changes of calls that it has."""
        self.world.put_calls(self.api_keys[OWNERS[customer]], calls)

    def hour(self, day: int, hour: int, minute: int = 0) -> datetime:
        """Return a moment of a day after the month: 0 is its last day, 1 the next."""
        return self.month.end + timedelta(days=day - 1, hours=hour, minutes=minute)

    def _caller(self, customer: str) -> Caller:
        several = len(ACCOUNTS[OWNERS[customer]]) > 1
        return Caller(self.chance, CUSTOMER_KEY if several else None)
