"""The other program: it has fed the meter so far, with an event for each call."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from billing.demo.month_end.cast import Document
from billing.demo.world import World


@dataclass(slots=True)
class OtherProgram:
    """Reports each call when it is over, dated by its end; it rounds as we do."""

    world: World
    stripe_key: str
    meter: str
    stripe_customers: Mapping[str, str]
    minutes: int = field(default=0)

    def report(self, customer: str, calls: Iterable[Document]) -> None:
        """Send one meter event for every call that was answered."""
        for call in calls:
            minutes = call["billed_minutes"]
            if not isinstance(minutes, int):
                continue
            ended_at = datetime.fromisoformat(str(call["ended_at"]))
            self.world.post_form(
                "/v1/billing/meter_events",
                {
                    "event_name": self.meter,
                    "identifier": f"other-program-{call['id']}",
                    "timestamp": f"{int(ended_at.timestamp())}",
                    "payload[stripe_customer_id]": self.stripe_customers[customer],
                    "payload[value]": f"{minutes}",
                },
                self.stripe_key,
            )
            self.minutes += minutes
