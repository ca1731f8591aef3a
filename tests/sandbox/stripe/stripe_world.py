"""A Stripe account with a meter and a customer, for tests to ask things of."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import stripe
from fastapi import FastAPI

from billing.sandbox.clock import SandboxClock
from billing.sandbox.faults import Fault, Faults
from billing.sandbox.request_log import RequestLog
from billing.sandbox.stripe.account import StripeAccount
from billing.sandbox.stripe.http.routes import stripe_router
from billing.sandbox.stripe.metering.event_json import event_json, read_event
from billing.sandbox.stripe.mode import Json, Params, StripeMode
from billing.sandbox.stripe.rules import StripeRules

T0 = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
TEST_KEY = "sk_test_sandbox"
LIVE_KEY = "sk_live_sandbox"
EVENT = "stripe_minutes"
METER = {
    "display_name": "Minutes",
    "event_name": EVENT,
    "default_aggregation": {"formula": "sum"},
}


def second(moment: datetime) -> int:
    """Give the unix second of a moment."""
    return int(moment.timestamp())


def create_meter_event(mode: StripeMode, params: Params, now: datetime) -> Json:
    """Take a meter event as v1 does, in one step and without HTTP."""
    sent = read_event(mode, params, now)
    with mode.occupied(sent):
        return event_json(mode, sent, mode.receive_event(sent, now))


@dataclass
class StripeWorld:
    """An account without HTTP: one active meter, one customer, and time at hand."""

    rules: StripeRules = field(default_factory=lambda: StripeRules(rate_limited=False))

    def __post_init__(self) -> None:
        self.account = StripeAccount({TEST_KEY: False, LIVE_KEY: True}, self.rules)
        self.meter = str(self.mode.create_meter(METER, T0)["id"])
        self.customer = str(self.mode.create_customer({"name": "Acme"}, T0)["id"])

    @property
    def mode(self) -> StripeMode:
        """Give the test half of the account."""
        return self.account.mode(TEST_KEY)

    def event(self, identifier: str = "e1", value: str = "5", **fields: object) -> Json:
        """Word a meter event."""
        payload = {"stripe_customer_id": self.customer, "value": value}
        worded = {"event_name": EVENT, "payload": payload, "identifier": identifier}
        return {**worded, **fields}

    def send(self, event: Json, now: datetime = T0) -> Json:
        """Send a meter event."""
        return create_meter_event(self.mode, event, now)

    def summaries(
        self, start: datetime, end: datetime, now: datetime, **fields: object
    ) -> list[tuple[int, Decimal | int]]:
        """Read summaries as (start, value)."""
        answer = self.mode.list_summaries(
            self.meter,
            {
                "customer": self.customer,
                "start_time": second(start),
                "end_time": second(end),
                **fields,
            },
            now,
        )
        rows = answer["data"]
        assert isinstance(rows, list)
        return [(row["start_time"], row["aggregated_value"]) for row in rows]

    def minutes(self, now: datetime, hour: datetime = T0) -> Decimal | int:
        """Read what an hour adds up to, 0 when there is no row."""
        rows = self.summaries(hour, hour + timedelta(hours=1), now)
        return rows[0][1] if rows else 0


class StripeSite(StripeWorld):
    """The same account behind HTTP, with a clock that stands still, and faults."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.clock = SandboxClock(T0, ticks=lambda: 0.0)
        self.faults = Faults()
        self.log = RequestLog()
        self.url = ""

    def app(self) -> FastAPI:
        """Give the app to serve."""
        app = FastAPI()
        app.include_router(
            stripe_router(self.account, self.clock, self.faults, self.log)
        )
        return app

    def client(self, key: str = TEST_KEY) -> stripe.StripeClient:
        """Give Stripe's own client, which tries everything once."""
        return stripe.StripeClient(
            key,
            max_network_retries=0,
            base_addresses={"api": self.url, "meter_events": self.url},
        )

    def headers(self, error: stripe.StripeError) -> dict[str, str]:
        """Give the headers that an error came with."""
        assert error.headers is not None
        return error.headers

    def strike(self, *faults: Fault) -> None:
        """Put faults in force."""
        self.faults.replace_all(list(faults))
