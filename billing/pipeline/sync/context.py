"""The sync of one customer: what its steps share while its lock is held."""

from dataclasses import dataclass
from enum import StrEnum

from billing.domain.period import Window
from billing.domain.staging import MeterDestination
from billing.errors import MeterFault, NoSuchCustomer
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Hold, Ledger
from billing.pipeline.sync.send import Sender


class Negative(StrEnum):
    """What becomes of a difference below zero that no cancellation can report."""

    EVENT = "event"  # an event with a negative value
    HOLD = "hold"  # nothing: a person decides


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator decided of uncertain events and of differences below zero."""

    negative: Negative = Negative.EVENT
    rearm: bool = True


USUAL = Policy()


@dataclass(frozen=True, slots=True)
class SyncContext:
    """One customer under its lock, with where its minutes go."""

    ledger: Ledger
    sender: Sender
    policy: Policy
    to: MeterDestination
    hold: Hold

    @property
    def actor(self) -> Actor:
        """Who acts, now."""
        return Actor(self.sender.owner, self.sender.time.now())

    def read_minutes(self, stripe_customer: str, window: Window) -> int | None:
        """Read what a window holds at Stripe; None when it cannot be read now."""
        if self.sender.breaker.stopped:
            return None
        try:
            return self.sender.meter.read_total(stripe_customer, window)
        except NoSuchCustomer:
            return None
        except MeterFault as fault:
            self.sender.breaker.stop(str(fault))
            return None
