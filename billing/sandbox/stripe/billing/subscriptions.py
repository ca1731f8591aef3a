"""Subscriptions of the Stripe stand-in: who pays which prices, in which cycles."""

from dataclasses import dataclass, field

from billing.sandbox.stripe.billing.customers import Customers
from billing.sandbox.stripe.billing.cycles import next_edge
from billing.sandbox.stripe.billing.prices import Prices
from billing.sandbox.stripe.http.errors import invalid, missing
from billing.sandbox.stripe.http.paging import Bounds, Cursor, listing
from billing.sandbox.stripe.http.params import Fields

PATH = "/v1/subscriptions"
MOST_ITEMS = 20
STATUSES = frozenset({"active", "canceled", "ended", "all", "past_due", "unpaid"})
AUTOMATIC = "charge_automatically"


@dataclass(frozen=True)
class Item:
    """One price of a subscription."""

    id: str
    price: str


@dataclass
class Subscription:
    """A customer's subscription; cycles are unix seconds, start in and end out."""

    id: str
    created: int
    livemode: bool
    customer: str
    currency: str
    items: list[Item]
    start: int
    anchor: int
    billed_until: int  # the end of the last cycle that has its invoice
    metadata: dict[str, str] = field(default_factory=dict)
    ended_at: int | None = None
    invoiced_at_end: bool = False

    @property
    def status(self) -> str:
        """Return active or canceled."""
        return "active" if self.ended_at is None else "canceled"

    def bills(self, price: str) -> bool:
        """Say whether one of its items has this price."""
        return price in {item.price for item in self.items}

    def cycle_from(self, start: int) -> range:
        """Return the cycle that starts then; one that is backdated is long."""
        return range(start, next_edge(self.anchor, max(start, self.created)))

    def cycle_at(self, second: int) -> range:
        """Return the cycle that a second lies in: the last one, once it is over."""
        if self.ended_at is not None:
            second = min(second, self.ended_at - 1)
        cycle = self.cycle_from(self.start)
        while cycle.stop <= second:
            cycle = self.cycle_from(cycle.stop)
        return cycle

    def due_cycle(self, second: int) -> range | None:
        """Return the next cycle to be invoiced by then, if there is one."""
        cycle = self.cycle_from(self.billed_until)
        if self.ended_at is not None and self.ended_at < cycle.stop:
            if not self.invoiced_at_end or self.ended_at <= cycle.start:
                return None
            cycle = range(cycle.start, self.ended_at)
        return cycle if cycle.stop <= second else None

    def to_json(self, prices: Prices, second: int) -> dict[str, object]:
        """Render the subscription as it is at a unix second."""
        cycle = self.cycle_at(second)
        rows = [self._item_json(item, prices, cycle) for item in self.items]
        billed = self.billed_until > self.start
        return {
            "id": self.id,
            "object": "subscription",
            "billing_cycle_anchor": self.anchor,
            "billing_mode": {"type": "flexible"},
            "cancel_at": None,
            "cancel_at_period_end": False,
            "canceled_at": self.ended_at,
            "collection_method": AUTOMATIC,
            "created": self.created,
            "currency": self.currency,
            "customer": self.customer,
            "ended_at": self.ended_at,
            "items": listing(
                f"/v1/subscription_items?subscription={self.id}", rows, more=False
            ),
            "latest_invoice": self.invoice_id(self.billed_until) if billed else None,
            "livemode": self.livemode,
            "metadata": dict(self.metadata),
            "start_date": self.start,
            "status": self.status,
        }

    def invoice_id(self, cycle_end: int) -> str:
        """Return the id of the invoice for the cycle that ends then."""
        return f"in_{self.id.removeprefix('sub_')}{cycle_end}"

    def _item_json(self, item: Item, prices: Prices, cycle: range) -> dict[str, object]:
        return {
            "id": item.id,
            "object": "subscription_item",
            "created": self.created,
            "current_period_end": cycle.stop,
            "current_period_start": cycle.start,
            "metadata": {},
            "price": prices.by_id[item.price].to_json(),
            "subscription": self.id,
        }


class Subscriptions:
    """The subscriptions of one mode, in the order of their creation."""

    def __init__(
        self,
        customers: Customers,
        prices: Prices,
        subscriptions: list[Subscription] | None = None,
    ) -> None:
        self._customers = customers
        self._prices = prices
        self.by_id = {made.id: made for made in subscriptions or []}

    def find(self, name: str, param: str = "id") -> Subscription:
        """Return the subscription of this id, or raise what Stripe answers."""
        subscription = self.by_id.get(name)
        if subscription is None:
            raise missing("subscription", name, param)
        return subscription

    def add(
        self, fields: Fields, name: str, second: int, *, livemode: bool
    ) -> Subscription:
        """Create a subscription from the fields of a request."""
        customer = fields.text("customer")
        if not self._customers.exists(customer):
            raise missing("customer", customer, "customer")
        items = self._read_items(fields.groups("items"), name)
        fields.choice("collection_method", frozenset({AUTOMATIC}))
        fields.choice("proration_behavior", frozenset({"create_prorations", "none"}))
        start = fields.maybe_whole("backdate_start_date")
        anchor = fields.maybe_whole("billing_cycle_anchor")
        metadata = fields.texts("metadata") or {}
        fields.end()
        if start is not None and start > second:
            raise invalid(
                "backdate_start_date has to be in the past.",
                param="backdate_start_date",
            )
        start = second if start is None else start
        if anchor is not None and not start <= anchor <= next_edge(start, second):
            raise invalid(
                "billing_cycle_anchor has to lie between the start and the end of "
                "the first natural billing cycle.",
                param="billing_cycle_anchor",
            )
        currency = self._prices.by_id[items[0].price].currency
        made = Subscription(
            id=name,
            created=second,
            livemode=livemode,
            customer=customer,
            currency=currency,
            items=items,
            start=start,
            anchor=start if anchor is None else anchor,
            billed_until=start,
            metadata=metadata,
        )
        self.by_id[name] = made
        return made

    def end(self, subscription: Subscription, second: int, *, invoiced: bool) -> None:
        """Cancel a subscription at once; usage of its last cycle may go unbilled."""
        if subscription.ended_at is not None:
            raise missing("subscription", subscription.id)
        subscription.ended_at = second
        subscription.invoiced_at_end = invoiced

    def end_all_of(self, customer: str, second: int) -> None:
        """Cancel what a customer has, who is deleted."""
        for subscription in self.by_id.values():
            if subscription.customer == customer and subscription.ended_at is None:
                self.end(subscription, second, invoiced=False)

    def list_page(self, fields: Fields, second: int) -> dict[str, object]:
        """List the subscriptions, the newest first; canceled ones on request."""
        cursor = Cursor.read(fields)
        customer, price = fields.maybe_text("customer"), fields.maybe_text("price")
        status = fields.choice("status", STATUSES) or "active"
        created = Bounds.read(fields)
        fields.end()
        wanted = {"ended": "canceled"}.get(status, status)
        matching = [
            subscription
            for subscription in reversed(self.by_id.values())
            if customer in {None, subscription.customer}
            and wanted in {"all", subscription.status}
            and (price is None or subscription.bills(price))
            and created.hold(subscription.created)
        ]
        rows, more = cursor.page(matching, lambda subscription: subscription.id)
        shown = [row.to_json(self._prices, second) for row in rows]
        return listing(PATH, shown, more=more)

    def _read_items(self, groups: list[Fields], name: str) -> list[Item]:
        if not 1 <= len(groups) <= MOST_ITEMS:
            raise invalid(
                f"A subscription has 1 to {MOST_ITEMS} items.",
                param="items",
                code="parameter_missing",
            )
        items: list[Item] = []
        for number, group in enumerate(groups):
            price = self._prices.find(group.text("price"), f"items[{number}][price]")
            group.end()
            if price.id in {item.price for item in items}:
                raise invalid(
                    f"Two items have the same price: {price.id}", param="items"
                )
            items.append(Item(f"si_{name.removeprefix('sub_')}{number}", price.id))
        if len({self._prices.by_id[item.price].currency for item in items}) > 1:
            raise invalid("All prices need one currency.", param="items")
        return items
