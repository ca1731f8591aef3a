"""What one mode of a Stripe account remembers between two runs."""

from dataclasses import dataclass, field
from datetime import datetime

from billing.sandbox.stripe.billing.billing import BillingState
from billing.sandbox.stripe.billing.customers import Customer
from billing.sandbox.stripe.http.idempotency import StoredAnswer
from billing.sandbox.stripe.metering.events import MeterEvent
from billing.sandbox.stripe.metering.meters import Meter
from billing.sandbox.stripe.metering.rejections import Rejection
from billing.sandbox.stripe.notify.destinations import Destination, Notice


@dataclass(frozen=True)
class Adjustment:
    """The cancellation of a meter event."""

    id: str
    event_name: str
    identifier: str
    created_at: datetime
    status: str


@dataclass
class ModeState:
    """What one mode of an account remembers between two runs."""

    customers: list[Customer] = field(default_factory=list)
    meters: list[Meter] = field(default_factory=list)
    events: list[MeterEvent] = field(default_factory=list)
    adjustments: list[Adjustment] = field(default_factory=list)
    answers: dict[str, StoredAnswer] = field(default_factory=dict)
    issued: int = 0
    rejections: list[Rejection] = field(default_factory=list)
    billing: BillingState = field(default_factory=BillingState)
    destinations: list[Destination] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
