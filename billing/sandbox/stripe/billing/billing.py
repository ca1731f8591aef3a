"""Billing in one mode of a Stripe account: prices, subscriptions and invoices."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import RLock

from billing.sandbox.stripe.billing.customers import Customers
from billing.sandbox.stripe.billing.invoice_json import PATH, invoice_json, line_json
from billing.sandbox.stripe.billing.invoices import Invoice, InvoiceQuery, Invoices
from billing.sandbox.stripe.billing.prices import Price, Prices
from billing.sandbox.stripe.billing.subscriptions import Subscription, Subscriptions
from billing.sandbox.stripe.http.errors import invalid
from billing.sandbox.stripe.http.paging import Cursor, listing
from billing.sandbox.stripe.http.params import Fields
from billing.sandbox.stripe.metering.events import MeterEvents
from billing.sandbox.stripe.metering.meters import Meters
from billing.sandbox.stripe.rules import StripeRules

Params = Mapping[str, object]
Json = dict[str, object]


@dataclass
class BillingState:
    """What is remembered of billing between two runs."""

    prices: list[Price] = field(default_factory=list)
    subscriptions: list[Subscription] = field(default_factory=list)
    invoices: list[Invoice] = field(default_factory=list)


@dataclass(frozen=True)
class BillingContext:
    """What billing shares with the rest of the account."""

    rules: StripeRules
    customers: Customers
    meters: Meters
    events: MeterEvents
    new_name: Callable[[str], str]
    lock: RLock
    livemode: bool


class StripeBilling:
    """Everything that can be asked of billing; invoices follow from the time given."""

    def __init__(self, context: BillingContext, state: BillingState) -> None:
        self._context = context
        self._lock = context.lock
        self.prices = Prices(state.prices)
        self.subscriptions = Subscriptions(
            context.customers, self.prices, state.subscriptions
        )
        self.invoices = Invoices(
            context.rules,
            self.subscriptions,
            self.prices,
            context.meters,
            context.events,
        )
        self.invoices.by_id.update({invoice.id: invoice for invoice in state.invoices})

    def state(self) -> BillingState:
        """Return what has to be remembered."""
        return BillingState(
            list(self.prices.by_id.values()),
            list(self.subscriptions.by_id.values()),
            list(self.invoices.by_id.values()),
        )

    def create_price(self, params: Params, now: datetime) -> Json:
        """Create a monthly price of metered usage."""
        with self._lock:
            context, name = self._context, self._context.new_name("price")
            second, fields = int(now.timestamp()), Fields(params)
            price = Price.read(
                fields, name, second, context.meters, livemode=context.livemode
            )
            return self.prices.add(price)

    def retrieve_price(self, name: str) -> Json:
        """Return a price."""
        with self._lock:
            return self.prices.find(name).to_json()

    def list_prices(self, params: Params) -> Json:
        """Return a page of prices."""
        with self._lock:
            return self.prices.list_page(Fields(params))

    def create_subscription(self, params: Params, now: datetime) -> Json:
        """Create a subscription; its cycles begin now, or where its anchor says."""
        with self._lock:
            name, second = self._context.new_name("sub"), int(now.timestamp())
            made = self.subscriptions.add(
                Fields(params), name, second, livemode=self._context.livemode
            )
            return made.to_json(self.prices, second)

    def retrieve_subscription(self, name: str, now: datetime) -> Json:
        """Return a subscription, with the cycle that runs now."""
        with self._lock:
            self.invoices.settle(now)
            subscription = self.subscriptions.find(name)
            return subscription.to_json(self.prices, int(now.timestamp()))

    def list_subscriptions(self, params: Params, now: datetime) -> Json:
        """Return a page of subscriptions."""
        with self._lock:
            self.invoices.settle(now)
            return self.subscriptions.list_page(Fields(params), int(now.timestamp()))

    def cancel_subscription(self, name: str, params: Params, now: datetime) -> Json:
        """Cancel a subscription at once; its last usage is billed on request only."""
        with self._lock:
            fields = Fields(params)
            invoiced = fields.maybe_flag("invoice_now") or False
            fields.maybe_flag("prorate")
            fields.end()
            subscription = self.subscriptions.find(name)
            self.subscriptions.end(
                subscription, int(now.timestamp()), invoiced=invoiced
            )
            return self.retrieve_subscription(name, now)

    def retrieve_invoice(self, name: str, now: datetime) -> Json:
        """Return an invoice as it is now."""
        with self._lock:
            return invoice_json(self.invoices, self.invoices.find(name, now), now)

    def list_invoices(self, params: Params, now: datetime) -> Json:
        """Return a page of invoices, the newest first."""
        with self._lock:
            query = InvoiceQuery.read(Fields(params))
            invoices = list(self.invoices.matching(query, now))
            rows, more = query.cursor.page(invoices, lambda invoice: invoice.id)
            shown = [invoice_json(self.invoices, invoice, now) for invoice in rows]
            return listing(PATH, shown, more=more)

    def list_lines(self, name: str, params: Params, now: datetime) -> Json:
        """Return a page of an invoice's lines."""
        with self._lock:
            fields = Fields(params)
            cursor = Cursor.read(fields)
            fields.end()
            invoice = self.invoices.find(name, now)
            lines = self.invoices.lines(invoice, now)
            rows, more = cursor.page(lines, lambda line: line.id)
            shown = [line_json(self.invoices, invoice, line) for line in rows]
            return listing(f"{PATH}/{name}/lines", shown, more=more)

    def preview_invoice(self, params: Params, now: datetime) -> Json:
        """Return what the running cycle would cost by now."""
        with self._lock:
            fields = Fields(params)
            customer = fields.maybe_text("customer")
            name = fields.maybe_text("subscription")
            fields.end()
            subscription = self._previewed(customer, name)
            invoice = self.invoices.preview(subscription, now)
            return invoice_json(self.invoices, invoice, now)

    def _previewed(self, customer: str | None, name: str | None) -> Subscription:
        if name is not None:
            return self.subscriptions.find(name, "subscription")
        active = [
            subscription
            for subscription in self.subscriptions.by_id.values()
            if subscription.customer == customer and subscription.status == "active"
        ]
        if len(active) != 1:
            raise invalid(
                "Name a subscription, or a customer who has exactly one.",
                param="subscription",
            )
        return active[0]
