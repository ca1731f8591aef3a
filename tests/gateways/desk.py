"""A desk from which a test reports minutes to the sandbox's Stripe."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from billing.domain.meter_event import MeterEvent, SendAnswer
from billing.domain.period import Window, hour_of
from billing.domain.request_rates import Rates
from billing.gateways.rate_limit import Pace
from billing.gateways.stripe.meter import StripeMeter
from billing.sandbox.faults import Fault, FaultKind
from billing.sandbox.request_log import RequestRecord
from billing.sandbox.world import METER, STRIPE_KEY
from tests.sandbox.pamela.pamela_world import NOW, World

CREATE = "stripe.meter_events.create"
HOUR = timedelta(hours=1)
DAY = Window(NOW - timedelta(hours=12), NOW + timedelta(hours=12))
FAST = 10_000  # a second: the rate limit has tests of its own


@dataclass
class MeterDesk:
    """A meter over real HTTP, and what the sandbox knows of it."""

    world: World
    slept: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.meter = self.connect()

    def connect(self, key: str = STRIPE_KEY, name: str = METER) -> StripeMeter:
        """Connect with a key to a meter of a name."""
        return StripeMeter(
            key,
            name,
            base_url=self.world.url,
            pace=Pace(Rates.alike(FAST)),
            sleep=self.slept.append,
        )

    def event(self, minutes: int = 5, sequence: int = 0, **more: Any) -> MeterEvent:
        """Return an event of the last hour."""
        hour = hour_of(NOW) - HOUR
        fields_: dict[str, Any] = {
            "customer": "acme",
            "stripe_customer": "cus_acme",
            "meter": METER,
            "livemode": False,
            "hour": hour,
            "sequence": sequence,
            "minutes": minutes,
        }
        return MeterEvent(**fields_ | more)

    def send(self, event: MeterEvent | None = None, key: str = "k0") -> SendAnswer:
        """Send an event once."""
        return self.meter.send(event or self.event(), key, lambda: True)

    def strike(
        self, kind: FaultKind, endpoint: str = CREATE, count: int = 1, detail: str = ""
    ) -> None:
        """Put one fault in force."""
        fault = Fault(kind=kind, endpoint=endpoint, count=count, detail=detail)
        self.world.sandbox.faults.replace_all([fault])

    def counted(self, customer: str = "cus_acme") -> int:
        """Return the minutes that Stripe really counted."""
        truth: Any = self.world.sandbox.stripe.truth()["test"]
        months = truth.get(customer, {}).get("months", {}).values()
        return sum(month.get(METER, 0) for month in months)

    def requests(self, endpoint: str = CREATE) -> list[RequestRecord]:
        """Return the requests that Stripe saw at an endpoint."""
        seen = self.world.sandbox.stripe_log.records()
        return [record for record in seen if record.endpoint == endpoint]
