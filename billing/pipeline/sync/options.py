"""Sync options: what a sync is handed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from billing.domain.customer_existence import FEW
from billing.domain.request_rates import LIVE
from billing.domain.sender_count import SenderLimits
from billing.domain.staging import MeterDestination
from billing.ledger.adopt.shadow import NO_SHADOW, ShadowRule
from billing.pipeline.circuit_breaker import never
from billing.pipeline.concurrency import THREADS, Concurrency
from billing.pipeline.sync.context import USUAL, CustomerNames, Policy
from billing.pipeline.sync.send import Retries
from billing.ports import Clock, Meter

USUAL_SENDERS = SenderLimits(rate=LIVE.events)


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """What a sync is handed: the meter's mode, its customers, its clock and policy."""

    livemode: bool
    stripe_customers: Mapping[str, str]
    clock: Clock
    retries: Retries
    actor: str
    at_once: bool = False
    stopping: Callable[[], bool] = never
    concurrency: Concurrency = THREADS
    policy: Policy = USUAL
    settle_only: bool = False
    shadow: ShadowRule = NO_SHADOW
    senders: SenderLimits = USUAL_SENDERS
    # Rather than more of Stripe's customers are asked for, all are listed.
    few: int = FEW
    # Tells processes apart that work side by side, so that each begins elsewhere.
    spread: str = ""

    def destination(
        self, customer: str, names: CustomerNames, meter: Meter
    ) -> MeterDestination | None:
        """Return where a customer's minutes go; None when no settings name it."""
        name = names.stripe_customer(customer)
        if name is None:
            return None
        return MeterDestination(
            customer=customer,
            stripe_customer=name,
            meter=meter.event_name,
            livemode=self.livemode,
            other_names=names.all_of(customer) - {customer},
        )
