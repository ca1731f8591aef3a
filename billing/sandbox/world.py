"""The sandbox's world: a Pamela and a Stripe on one clock, with faults and logs."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from billing.sandbox.clock import SandboxClock, first_of_month
from billing.sandbox.faults import Faults
from billing.sandbox.pamela.call import Document, written
from billing.sandbox.pamela.state import PamelaState
from billing.sandbox.pamela.truth import pamela_truth
from billing.sandbox.request_log import RequestLog
from billing.sandbox.stripe.account import StripeAccount
from billing.sandbox.stripe.rules import StripeRules

STRIPE_KEY = "sk_test_sandbox"
METER = "stripe_minutes"
CENTS_A_MINUTE = "10"
MONTHS_SUBSCRIBED = 3  # customers subscribed at the start of the month so long ago
STATE_VERSION = 1

RateLimits = Literal["live", "test", "off"]


@dataclass(frozen=True)
class BilledCustomer:
    """Who is billed: a Stripe customer, and the name that calls give in metadata."""

    id: str
    name: str


@dataclass
class Sandbox:
    """Everything that runs behind one port."""

    pamela: PamelaState
    stripe: StripeAccount
    clock: SandboxClock
    faults: Faults = field(default_factory=Faults)
    pamela_log: RequestLog = field(default_factory=RequestLog)
    stripe_log: RequestLog = field(default_factory=RequestLog)

    def add_customer(self, customer_id: str | None, name: str | None) -> BilledCustomer:
        """Create a Stripe customer, under a given id where one is wanted.

        They have been subscribed to the price of a minute for a while.
        """
        params = {} if name is None else {"name": name}
        mode, now = self.stripe.test, self.clock.now()
        made = mode.create_customer(params, now, name=customer_id)
        since = first_of_month(now, -MONTHS_SUBSCRIBED)
        for price in list(mode.billing.prices.by_id)[:1]:
            mode.billing.create_subscription(
                {"customer": made["id"], "items": [{"price": price}]}, since
            )
        return BilledCustomer(str(made["id"]), str(made["name"] or ""))

    def customers(self) -> list[BilledCustomer]:
        """Return Stripe's customers, in the order of their creation."""
        mode = self.stripe.test
        with mode.lock:
            present = [c for c in mode.customers.by_id.values() if not c.deleted]
        return [
            BilledCustomer(customer.id, customer.name or "") for customer in present
        ]

    def truth(self) -> Document:
        """Return what was really counted on both sides, as of now."""
        now = self.clock.now()
        return {
            "now": written(now),
            "pamela": pamela_truth(self.pamela, now),
            "stripe": self.stripe.truth(now=now),
        }

    def version(self) -> tuple[int, int, int]:
        """Return what grows when there may be something new to save."""
        return (
            self.pamela.changes,
            self.stripe_log.seen,
            self.stripe.test.notices.changes,
        )

    def to_state(self) -> Document:
        """Return both APIs and the clock as plain JSON values; faults are not kept."""
        return {
            "version": STATE_VERSION,
            "now": written(self.clock.now()),
            "pamela": self.pamela.to_state(),
            "stripe": self.stripe.to_state(),
        }

    @classmethod
    def from_state(
        cls, saved: dict[str, Any], *, rate_limits: RateLimits = "live"
    ) -> "Sandbox":
        """Return the sandbox that `to_state` wrote down; its clock goes on."""
        if saved.get("version") != STATE_VERSION:
            raise ValueError(
                f"this sandbox reads state of version {STATE_VERSION}, "
                f"got {saved.get('version')!r}"
            )
        now = datetime.fromisoformat(saved["now"])
        pamela = PamelaState.from_state(saved["pamela"], now)
        rules = stripe_rules(rate_limits)
        stripe = StripeAccount.from_state(saved["stripe"], rules)
        return cls(pamela, stripe, SandboxClock(now))


def new_sandbox(
    pamela: PamelaState,
    customers: list[BilledCustomer],
    now: datetime,
    *,
    rate_limits: RateLimits = "live",
) -> Sandbox:
    """Put a Stripe with these customers, the meter and a price beside a Pamela."""
    stripe = StripeAccount({STRIPE_KEY: False}, stripe_rules(rate_limits))
    meter = stripe.test.create_meter(
        {
            "display_name": "Call minutes",
            "event_name": METER,
            "default_aggregation": {"formula": "sum"},
        },
        now,
    )
    stripe.test.billing.create_price(
        {
            "currency": "usd",
            "unit_amount_decimal": CENTS_A_MINUTE,
            "recurring": {
                "interval": "month",
                "usage_type": "metered",
                "meter": meter["id"],
            },
            "product_data": {"name": "Call minutes"},
        },
        now,
    )
    sandbox = Sandbox(pamela=pamela, stripe=stripe, clock=SandboxClock(now))
    for customer in customers:
        sandbox.add_customer(customer.id, customer.name)
    return sandbox


def stripe_rules(rate_limits: RateLimits) -> StripeRules:
    """Return Stripe's rules with the limits of live mode, of test mode, or none.

    The sandbox's key is a test key, for which Stripe allows 25 requests a second;
    `live` gives it the limits of live mode, so that trying a month does not take
    minutes.
    """
    # Whoever starts early in a month can still have all of the last one invoiced.
    return StripeRules(
        rate_limited=rate_limits != "off",
        test_keys_as_live=rate_limits == "live",
        invoice_grace=timedelta(hours=72),
    )
