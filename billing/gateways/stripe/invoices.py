"""Invoices and subscriptions: what Stripe bills of a meter's minutes."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from billing.domain.period import Window
from billing.domain.stripe_invoice import InvoiceLine, MeteredItem, StripeInvoice
from billing.errors import MeterFault
from billing.gateways.stripe.answers import whole_minutes
from billing.gateways.stripe.meter_identity import OurMeters
from billing.gateways.stripe.requests import StripeReads

PAGE_SIZE = 100
BILLED = frozenset({"open", "paid", "uncollectible"})
# Subscriptions that bill nothing, or nothing any more.
OVER = frozenset({"canceled", "incomplete", "incomplete_expired"})
Json = Mapping[str, Any]


class StripeInvoices:
    """Reads what is billed of some meters; remembers which prices are on a meter."""

    def __init__(self, reads: StripeReads) -> None:
        self._reads = reads
        self._meters: dict[str, str | None] = {}

    def read_invoices(
        self, stripe_customer: str, window: Window, meters: OurMeters
    ) -> list[StripeInvoice]:
        """Read the invoices with lines of these meters in a window, oldest first."""
        params: Any = {
            "customer": stripe_customer,
            # Minutes are billed in arrears, so never before the window.
            "created": {"gte": int(window.start.timestamp())},
            "limit": PAGE_SIZE,
        }
        listed: list[Json] = self._reads.ask(
            lambda client: [
                invoice.to_dict()
                for invoice in client.v1.invoices.list(params).auto_paging_iter()
            ]
        )
        for row in listed:
            meters.refuse_other_mode(row.get("livemode"), f"the invoice {row['id']}")
        invoices = [self._invoice(row, window, meters) for row in listed]
        with_lines = [invoice for invoice in invoices if invoice.lines]
        return sorted(
            with_lines, key=lambda invoice: (invoice.created_at, invoice.name)
        )

    def read_subscriptions(
        self, stripe_customer: str, meters: OurMeters
    ) -> list[MeteredItem]:
        """Read the items of a customer's subscriptions that bill the meter in use."""
        params: Any = {"customer": stripe_customer, "limit": PAGE_SIZE}
        listed: list[Json] = self._reads.ask(
            lambda client: [
                subscription.to_dict()
                for subscription in client.v1.subscriptions.list(
                    params
                ).auto_paging_iter()
            ]
        )
        for row in listed:
            name = f"the subscription {row['id']}"
            meters.refuse_other_mode(row.get("livemode"), name)
        return [
            _item_of(subscription, item)
            for subscription in listed
            if subscription["status"] not in OVER
            for item in self._items(subscription)
            if _meter_of(item["price"]) == meters.in_use
        ]

    def _invoice(
        self, invoice: Json, window: Window, meters: OurMeters
    ) -> StripeInvoice:
        lines = [
            _line_of(line, price)
            for line in self._lines(invoice)
            if _window_of(line).overlaps(window)
            if (price := _price_of(line)) is not None
            if self._meter(price) in meters.ids
        ]
        times = invoice.get("status_transitions") or {}
        return StripeInvoice(
            name=invoice["id"],
            status=invoice["status"],
            final=invoice["status"] in BILLED,
            created_at=_moment(invoice["created"]),
            finalized_at=_maybe_moment(times.get("finalized_at")),
            finalizes_at=_maybe_moment(invoice.get("automatically_finalizes_at")),
            lines=tuple(lines),
        )

    def _lines(self, invoice: Json) -> list[Json]:
        name = invoice["id"]
        return self._all_of(
            invoice["lines"],
            lambda client: client.v1.invoices.line_items.list(
                name, {"limit": PAGE_SIZE}
            ),
        )

    def _items(self, subscription: Json) -> list[Json]:
        name = subscription["id"]
        return self._all_of(
            subscription["items"],
            lambda client: client.v1.subscription_items.list(
                {"subscription": name, "limit": PAGE_SIZE}
            ),
        )

    def _all_of(self, first: Json, list_all: Callable[[Any], Any]) -> list[Json]:
        """Return a list's rows; what came with its parent may be the first few."""
        if not first.get("has_more"):
            return list(first["data"])
        return self._reads.ask(
            lambda client: [
                row.to_dict() for row in list_all(client).auto_paging_iter()
            ]
        )

    def _meter(self, price: str) -> str | None:
        if price not in self._meters:
            document = self._reads.ask(
                lambda client: client.v1.prices.retrieve(price).to_dict()
            )
            self._meters[price] = _meter_of(document)
        return self._meters[price]


def _price_of(line: Json) -> str | None:
    details = (line.get("pricing") or {}).get("price_details") or {}
    price = details.get("price")
    return price["id"] if isinstance(price, Mapping) else price


def _line_of(line: Json, price: str) -> InvoiceLine:
    exact = line.get("quantity_decimal")
    if exact is None:
        raise MeterFault(f"the invoice line {line['id']} has no exact quantity")
    return InvoiceLine(
        price=price,
        quantity=whole_minutes(exact, f"the invoice line {line['id']}"),
        window=_window_of(line),
        amount_minor=line["amount"],
        currency=line["currency"],
    )


def _item_of(subscription: Json, item: Json) -> MeteredItem:
    price = item["price"]
    exact = price.get("unit_amount_decimal")
    return MeteredItem(
        subscription=subscription["id"],
        item=item["id"],
        price=price["id"],
        status=subscription["status"],
        anchor=_moment(subscription["billing_cycle_anchor"]),
        unit_amount_decimal=None if exact is None else Decimal(str(exact)),
        currency=price["currency"],
        interval=_interval_of(price["recurring"]),
        threshold=any(
            document.get("billing_thresholds") for document in (subscription, item)
        ),
    )


def _interval_of(recurring: Json) -> str:
    count, interval = recurring.get("interval_count", 1), recurring["interval"]
    return str(interval) if count == 1 else f"{count} {interval}s"


def _meter_of(price: Json) -> str | None:
    meter = (price.get("recurring") or {}).get("meter")
    return str(meter) if meter else None


def _window_of(line: Json) -> Window:
    period = line["period"]
    return Window(_moment(period["start"]), _moment(period["end"]))


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _maybe_moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else _moment(seconds)
