"""Invoices of the Stripe stand-in: drafts that follow usage, then frozen figures."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from billing.sandbox.stripe.billing.prices import Price, Prices
from billing.sandbox.stripe.billing.subscriptions import (
    Item,
    Subscription,
    Subscriptions,
)
from billing.sandbox.stripe.http.errors import missing
from billing.sandbox.stripe.http.paging import Bounds, Cursor
from billing.sandbox.stripe.http.params import Fields
from billing.sandbox.stripe.metering.events import MeterEvents
from billing.sandbox.stripe.metering.meters import Meters
from billing.sandbox.stripe.metering.summaries import aggregate
from billing.sandbox.stripe.rules import StripeRules

STATUSES = frozenset({"draft", "open", "paid", "uncollectible", "void"})
CYCLE = "subscription_cycle"
INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Invoice:
    """A cycle's invoice; all else follows from its times and from the events."""

    id: str
    subscription: str
    start: int
    end: int
    finalizes_at: int  # unix seconds, as are start and end
    reason: str = CYCLE

    @property
    def window(self) -> range:
        """Return the seconds whose usage it bills."""
        return range(self.start, self.end)


@dataclass(frozen=True)
class Line:
    """What an invoice says of one item: the quantity that counted, and its price."""

    id: str
    item: Item
    price: Price
    quantity: Decimal

    @property
    def amount(self) -> int:
        """Return what it costs, in cents; a half is rounded up."""
        exact = self.quantity * self.price.unit_amount
        return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


@dataclass(frozen=True)
class InvoiceQuery:
    """Which invoices are asked for, and which page of them."""

    customer: str | None
    subscription: str | None
    status: str | None
    created: Bounds
    cursor: Cursor

    @classmethod
    def read(cls, fields: Fields) -> "InvoiceQuery":
        """Read the query."""
        query = cls(
            customer=fields.maybe_text("customer"),
            subscription=fields.maybe_text("subscription"),
            status=fields.choice("status", STATUSES),
            created=Bounds.read(fields),
            cursor=Cursor.read(fields),
        )
        fields.choice("collection_method", frozenset({"charge_automatically"}))
        fields.end()
        return query


class Invoices:
    """The invoices of one mode; each is made once its cycle is over."""

    def __init__(
        self,
        rules: StripeRules,
        subscriptions: Subscriptions,
        prices: Prices,
        meters: Meters,
        events: MeterEvents,
    ) -> None:
        self._rules = rules
        self._subscriptions = subscriptions
        self._prices = prices
        self._meters = meters
        self._events = events
        self.by_id: dict[str, Invoice] = {}

    def settle(self, now: datetime) -> None:
        """Make the invoices of all cycles that are over; the grace is fixed then."""
        grace = int(self._rules.invoice_grace.total_seconds())
        for subscription in self._subscriptions.by_id.values():
            while cycle := subscription.due_cycle(int(now.timestamp())):
                name = subscription.invoice_id(cycle.stop)
                until = cycle.stop + grace
                made = Invoice(
                    id=name,
                    subscription=subscription.id,
                    start=cycle.start,
                    end=cycle.stop,
                    finalizes_at=until,
                )
                self.by_id[name] = made
                subscription.billed_until = cycle.stop

    def find(self, name: str, now: datetime) -> Invoice:
        """Return the invoice of this id, or raise the 404."""
        self.settle(now)
        invoice = self.by_id.get(name)
        if invoice is None or invoice.end > now.timestamp():
            raise missing("invoice", name)
        return invoice

    def present(self, now: datetime) -> list[Invoice]:
        """Return all invoices that there are by now, the newest first."""
        self.settle(now)
        made = [i for i in self.by_id.values() if i.end <= now.timestamp()]
        return sorted(made, key=lambda i: (i.end, i.id), reverse=True)

    def matching(self, query: InvoiceQuery, now: datetime) -> Iterator[Invoice]:
        """Yield the invoices that a list asks for, the newest first."""
        for invoice in self.present(now):
            if (
                query.customer in {None, self.subscription(invoice).customer}
                and query.subscription in {None, invoice.subscription}
                and query.created.hold(invoice.end)
                and query.status in {None, self.status(invoice, now)}
            ):
                yield invoice

    def preview(self, subscription: Subscription, now: datetime) -> Invoice:
        """Return what the invoice of the running cycle looks like by now."""
        cycle = subscription.cycle_at(int(now.timestamp()))
        name = f"upcoming_{subscription.invoice_id(cycle.stop)}"
        return Invoice(
            id=name,
            subscription=subscription.id,
            start=cycle.start,
            end=cycle.stop,
            finalizes_at=cycle.stop,
            reason="upcoming",
        )

    def subscription(self, invoice: Invoice) -> Subscription:
        """Return the subscription that an invoice bills."""
        return self._subscriptions.by_id[invoice.subscription]

    def lines(self, invoice: Invoice, now: datetime) -> list[Line]:
        """Return an invoice's lines; those of a final one never change again.

        What counts is what was received, and neither rejected nor cancelled, before
        the invoice became final; a draft knows what counts by now.
        """
        by = min(now + INSTANT, datetime.fromtimestamp(invoice.finalizes_at, UTC))
        subscription = self.subscription(invoice)
        lines = []
        for number, item in enumerate(subscription.items):
            price = self._prices.by_id[item.price]
            meter = self._meters.by_id[price.meter]
            counted = self._events.counted(
                meter, subscription.customer, invoice.window, by
            )
            quantity = max(aggregate(meter, counted), Decimal(0))
            name = f"il_{invoice.id.rpartition('in_')[2]}{number}"
            lines.append(Line(name, item, price, quantity))
        return lines

    def status(self, invoice: Invoice, now: datetime) -> str:
        """Return draft, open or paid."""
        if now.timestamp() < invoice.finalizes_at:
            return "draft"
        paid_at = self.paid_at(invoice, now)
        return "open" if paid_at is None else "paid"

    def paid_at(self, invoice: Invoice, now: datetime) -> int | None:
        """Return when a final invoice was paid; what costs nothing is paid at once."""
        delay = int(self._rules.payment_delay.total_seconds())
        paid_at = invoice.finalizes_at + delay
        if paid_at <= now.timestamp():
            return paid_at
        owed = any(line.amount for line in self.lines(invoice, now))
        return None if owed else invoice.finalizes_at
