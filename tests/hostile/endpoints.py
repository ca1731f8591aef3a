"""The endpoints that are used, of both APIs: which requests are meant, and who asks."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from billing.domain.meter_event import SendAnswer
from billing.domain.period import BillingPeriod, Window
from billing.gateways.pamela import PamelaUsage
from billing.gateways.stripe.meter import StripeMeter
from tests.gateways.scripted import EVENT, go
from tests.hostile.behaviours.talk import Asked

MARCH = BillingPeriod(2026, 3)
MONTH = Window(MARCH.start, MARCH.end)
DAY = Window(datetime(2026, 3, 10, tzinfo=UTC), datetime(2026, 3, 11, tzinfo=UTC))
SINCE = datetime(2026, 3, 1, tzinfo=UTC)
CALLS = "/api/b2b/v1/calls"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint: its requests, by method and path, and the read that needs it."""

    name: str
    method: str
    path: str  # a regular expression
    act: Callable[[Any], object]
    customer: str = "cus_acme"

    def is_asked(self, asked: Asked) -> bool:
        """Say whether a request is one to this endpoint."""
        whole = re.fullmatch(self.path, asked.path)
        return asked.method == self.method and whole is not None

    @property
    def is_stripe(self) -> bool:
        """Whether Stripe answers it."""
        return not self.path.startswith("/api/")


def sent(meter: StripeMeter) -> SendAnswer:
    """Report an event."""
    return meter.send(EVENT, "key", go)


def cancelled(meter: StripeMeter) -> SendAnswer:
    """Take an event back."""
    return meter.cancel(EVENT, "key", go)


def pages(source: PamelaUsage) -> list[object]:
    """Read all pages of a day."""
    return [call for page in source.list_calls(DAY) for call in page]


SUMMARIES = "/v1/billing/meters/mtr_1/event_summaries"
STRIPE = [
    Endpoint("meters", "GET", "/v1/billing/meters", StripeMeter.describe),
    Endpoint(
        "customer",
        "GET",
        "/v1/customers/[^/]+",
        lambda meter: meter.has_customer("cus_acme"),
    ),
    Endpoint(
        "customers",
        "GET",
        "/v1/customers",
        lambda meter: meter.list_customers(None),
    ),
    Endpoint(
        "deleted customers",
        "GET",
        "/v1/events",
        lambda meter: meter.deleted_customers(SINCE),
    ),
    Endpoint(
        "summary of a month",
        "GET",
        SUMMARIES,
        lambda meter: meter.read_total("cus_acme", MONTH),
    ),
    Endpoint(
        "summary by the hour",
        "GET",
        SUMMARIES,
        lambda meter: meter.read_hours("cus_acme", MONTH),
    ),
    Endpoint(
        "list of reports",
        "GET",
        "/v2/core/events",
        lambda meter: meter.error_reports(SINCE),
    ),
    Endpoint(
        "report", "GET", "/v2/core/events/.+", lambda meter: meter.error_reports(SINCE)
    ),
    Endpoint(
        "invoices",
        "GET",
        "/v1/invoices",
        lambda meter: meter.read_invoices("cus_acme", MONTH),
    ),
    Endpoint(
        "lines of an invoice",
        "GET",
        "/v1/invoices/.+/lines",
        lambda meter: meter.read_invoices("cus_paged", MONTH),
    ),
    Endpoint(
        "price",
        "GET",
        "/v1/prices/.+",
        lambda meter: meter.read_invoices("cus_acme", MONTH),
    ),
    Endpoint(
        "subscriptions",
        "GET",
        "/v1/subscriptions",
        lambda meter: meter.read_subscriptions("cus_acme"),
    ),
    Endpoint(
        "items",
        "GET",
        "/v1/subscription_items",
        lambda meter: meter.read_subscriptions("cus_paged"),
    ),
    Endpoint("event", "POST", "/v1/billing/meter_events", sent),
    Endpoint("cancellation", "POST", "/v1/billing/meter_event_adjustments", cancelled),
]
PAMELA = [
    Endpoint("usage", "GET", "/api/b2b/v1/usage.*", PamelaUsage.read_identity),
    Endpoint(
        "usage of a month",
        "GET",
        "/api/b2b/v1/usage.*",
        lambda source: source.read_totals(MARCH),
    ),
    Endpoint("list of calls", "GET", CALLS, pages),
    Endpoint("call", "GET", f"{CALLS}/.+", lambda source: source.get_call("call_1")),
    Endpoint("time", "GET", "/api/b2b/v1/.*", PamelaUsage.server_time),
]
ENDPOINTS = [*STRIPE, *PAMELA]
