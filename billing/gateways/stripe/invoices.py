"""Invoices and subscriptions: what Stripe bills of a meter's minutes."""

from collections.abc import Mapping
from datetime import datetime

from billing.domain.period import Window
from billing.domain.stripe_invoice import InvoiceLine, MeteredItem, StripeInvoice
from billing.errors import MeterFault
from billing.gateways.stripe.fields import (
    Json,
    read_flag,
    read_moment,
    read_number,
    read_text,
    read_whole,
    whole_minutes,
)
from billing.gateways.stripe.meter_identity import OurMeters
from billing.gateways.stripe.reads import StripeReads, segment

BILLED = frozenset({"open", "paid", "uncollectible"})
# Subscriptions that bill nothing, or nothing any more.
OVER = frozenset({"canceled", "incomplete", "incomplete_expired"})
_NO_PARAMETERS: Json = {}


class StripeInvoices:
    """Reads what is billed of some meters; remembers which prices are on a meter."""

    def __init__(self, reads: StripeReads) -> None:
        self._reads = reads
        self._meters: dict[str, str | None] = {}

    def read_invoices(
        self, stripe_customer: str, window: Window, meters: OurMeters
    ) -> list[StripeInvoice]:
        """Read the invoices with lines of these meters in a window, oldest first."""
        parameters = {
            "customer": stripe_customer,
            # Minutes are billed in arrears, so never before the window.
            "created": {"gte": int(window.start.timestamp())},
        }
        listed = self._reads.list_all("/v1/invoices", parameters).rows
        for row in listed:
            meters.refuse_other_mode(row.get("livemode"), f"the invoice {row['id']}")
            _refuse_another(row, stripe_customer)
        invoices = [self._invoice(row, window, meters) for row in listed]
        with_lines = [invoice for invoice in invoices if invoice.lines]
        return sorted(
            with_lines, key=lambda invoice: (invoice.created_at, invoice.name)
        )

    def read_subscriptions(
        self, stripe_customer: str, meters: OurMeters
    ) -> list[MeteredItem]:
        """Read the items of a customer's subscriptions that bill the meter in use."""
        parameters = {"customer": stripe_customer}
        listed = self._reads.list_all("/v1/subscriptions", parameters).rows
        for row in listed:
            name = f"the subscription {row['id']}"
            meters.refuse_other_mode(row.get("livemode"), name)
            _refuse_another(row, stripe_customer)
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
            status=read_text(invoice["status"], "status"),
            final=invoice["status"] in BILLED,
            created_at=read_moment(invoice["created"], "created"),
            finalized_at=_maybe_moment(times, "finalized_at"),
            finalizes_at=_maybe_moment(invoice, "automatically_finalizes_at"),
            lines=tuple(lines),
        )

    def _lines(self, invoice: Json) -> list[Json]:
        path = f"/v1/invoices/{segment(invoice['id'])}/lines"
        return self._all_of(invoice["lines"], path)

    def _items(self, subscription: Json) -> list[Json]:
        named = {"subscription": subscription["id"]}
        return self._all_of(subscription["items"], "/v1/subscription_items", named)

    def _all_of(
        self, first: Json, path: str, parameters: Json = _NO_PARAMETERS
    ) -> list[Json]:
        """Return a list's rows; what came with its parent may be the first few."""
        if read_flag(first.get("has_more", False), "has_more"):
            return self._reads.list_all(path, parameters).rows
        if not isinstance(first["data"], list):
            raise TypeError("data is no list")
        return first["data"]

    def _meter(self, price: str) -> str | None:
        if price not in self._meters:
            document = self._reads.get(f"/v1/prices/{segment(price)}").fields
            if document["id"] != price:
                raise ValueError(f"the answer names another price than {price}")
            self._meters[price] = _meter_of(document)
        return self._meters[price]


def _refuse_another(row: Json, stripe_customer: str) -> None:
    if row.get("customer") not in {None, stripe_customer}:
        raise ValueError(f"it is of another customer than {stripe_customer}")


def _price_of(line: Json) -> str | None:
    details = (line.get("pricing") or {}).get("price_details") or {}
    price = details.get("price")
    name = price["id"] if isinstance(price, Mapping) else price
    return None if name is None else read_text(name, "the id of a price")


def _line_of(line: Json, price: str) -> InvoiceLine:
    name = read_text(line["id"], "the id of an invoice line")
    exact = line.get("quantity_decimal")
    if exact is None:
        raise MeterFault(f"the invoice line {name} has no exact quantity")
    return InvoiceLine(
        price=price,
        quantity=whole_minutes(exact, f"the invoice line {name}"),
        window=_window_of(line),
        amount_minor=read_whole(line["amount"], "amount"),
        currency=read_text(line["currency"], "currency"),
    )


def _item_of(subscription: Json, item: Json) -> MeteredItem:
    price = item["price"]
    exact = price.get("unit_amount_decimal")
    anchor = subscription["billing_cycle_anchor"]
    return MeteredItem(
        subscription=subscription["id"],
        item=read_text(item["id"], "the id of an item"),
        price=read_text(price["id"], "the id of a price"),
        status=read_text(subscription["status"], "status"),
        anchor=read_moment(anchor, "billing_cycle_anchor"),
        unit_amount_decimal=None
        if exact is None
        else read_number(exact, "unit_amount_decimal"),
        currency=read_text(price["currency"], "currency"),
        interval=_interval_of(price["recurring"]),
        threshold=any(
            document.get("billing_thresholds") for document in (subscription, item)
        ),
    )


def _interval_of(recurring: Json) -> str:
    interval = read_text(recurring["interval"], "interval")
    count = read_whole(recurring.get("interval_count", 1), "interval_count")
    return interval if count == 1 else f"{count} {interval}s"


def _meter_of(price: Json) -> str | None:
    meter = (price.get("recurring") or {}).get("meter")
    return read_text(meter, "meter") if meter else None


def _window_of(line: Json) -> Window:
    period = line["period"]
    return Window(
        read_moment(period["start"], "the start of a line"),
        read_moment(period["end"], "the end of a line"),
    )


def _maybe_moment(fields: Json, name: str) -> datetime | None:
    value = fields.get(name)
    return None if value is None else read_moment(value, name)
