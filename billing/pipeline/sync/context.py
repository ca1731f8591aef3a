"""The sync of one customer: what its steps share while its lock is held."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from billing.domain.meter_contact import MeterMonth
from billing.domain.period import Window
from billing.domain.staging import MeterDestination
from billing.domain.summary_lag import LagsMeasured
from billing.errors import NoSuchCustomer
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Hold, Ledger
from billing.ledger.reconcile.summary_lags import lags_measured
from billing.ledger.sync.outbox import OpenEvent
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
    """What each customer is called now, and was called before."""

    def __init__(
        self, named: Mapping[str, str], linked: Mapping[str, frozenset[str]]
    ) -> None:
        """Take what the settings name, and the names that are one customer's."""
        self._named, self._linked = named, linked

    def stripe_customer(self, name: str) -> str | None:
        """Return Stripe's customer of a name; None when no settings name it."""
        return self._named.get(self.present(name))

    def present(self, name: str) -> str:
        """Return what a customer is called now; the same where that is not certain."""
        if name in self._named:
            return name
        present = [other for other in self.all_of(name) if other in self._named]
        return present[0] if len(present) == 1 else name

    def all_of(self, name: str) -> frozenset[str]:
        """Return every name that a customer has, or had before it was renamed."""
        return self._linked.get(name, frozenset({name}))


@dataclass(frozen=True, slots=True)
class SyncContext:
    """One customer under its lock, with where its minutes go."""

    ledger: Ledger
    sender: Sender
    policy: Policy
    to: MeterDestination
    present_name: str
    hold: Hold

    @property
    def actor(self) -> Actor:
        """Who acts, now."""
        return Actor(self.sender.owner, self.sender.time.now())

    def lags(self) -> LagsMeasured:
        """Return how late Stripe's summaries were seen to be, as of now."""
        with self.ledger.reading() as connection:
            return lags_measured(connection, self.sender.time.now())

    def read_minutes(self, stripe_customer: str, window: Window) -> int | None:
        """Read what a window holds at Stripe; None while nothing is to be read.

        Raises MeterFault, which ends this customer's part.
        """
        return self._read(self.sender.meter.read_total, stripe_customer, window)

    def read_hours(
        self, stripe_customer: str, window: Window
    ) -> dict[datetime, int] | None:
        """Read the same, hour by hour."""
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


@dataclass(frozen=True, slots=True)
class PreparedCustomer:
    """A customer that was staged with others: its lock, its events, its months."""

    hold: Hold
    lock: ExitStack  # frees the lock when it is closed
    staged: int
    events: Sequence[OpenEvent]
    clear: Collection[MeterMonth]  # into these may be sent
