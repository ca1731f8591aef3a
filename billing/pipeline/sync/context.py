"""The sync of one customer: what its steps share while its lock is held."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from billing.domain.period import Window
from billing.domain.staging import MeterDestination
from billing.errors import MeterFault, NoSuchCustomer
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Hold, Ledger
from billing.pipeline.sync.send import Sender

T = TypeVar("T")


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


class CustomerNames:
    """The names of Stripe's customers, now and before: some were renamed here."""

    def __init__(self, named: Mapping[str, str], registered: Mapping[str, str]) -> None:
        """Take what the settings name, and the last word on all that they ever did."""
        self._named = named
        self._present = {
            stripe_customer: name for name, stripe_customer in sorted(named.items())
        }
        self._before = {
            name: stripe_customer
            for name, stripe_customer in registered.items()
            if name not in named and stripe_customer in self._present
        }
        self._names_before: dict[str, list[str]] = defaultdict(list)
        for name, stripe_customer in self._before.items():
            self._names_before[stripe_customer].append(name)

    def stripe_customer(self, name: str) -> str | None:
        """Return Stripe's customer of a name; None when no settings name it."""
        return self._named.get(name) or self._before.get(name)

    def present(self, name: str) -> str:
        """Return what a customer is called now."""
        before = self._before.get(name)
        return self._present[before] if before else name

    def all_of(self, name: str) -> frozenset[str]:
        """Return every name that a customer has, or had before it was renamed."""
        before = self._names_before.get(self.stripe_customer(name) or "", [])
        return frozenset({name, self.present(name), *before})


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
        return self._read(self.sender.meter.read_total, stripe_customer, window)

    def read_hours(
        self, stripe_customer: str, window: Window
    ) -> dict[datetime, int] | None:
        """Read the same, hour by hour; None when it cannot be read now."""
        return self._read(self.sender.meter.read_hours, stripe_customer, window)

    def _read(
        self, read: Callable[[str, Window], T], stripe_customer: str, window: Window
    ) -> T | None:
        if self.sender.breaker.stopped:
            return None
        try:
            return read(stripe_customer, window)
        except NoSuchCustomer:
            return None
        except MeterFault as fault:
            self.sender.breaker.stop(str(fault))
            return None
