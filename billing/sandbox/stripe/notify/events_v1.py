"""The event list of Stripe's API v1: of what can happen, who was deleted."""

from collections.abc import Iterable
from datetime import datetime

from billing.sandbox.stripe.billing.customers import Customer
from billing.sandbox.stripe.http.paging import Bounds, Cursor, listing
from billing.sandbox.stripe.http.params import Fields
from billing.sandbox.stripe.rules import StripeRules

PATH = "/v1/events"
DELETED = "customer.deleted"


def list_events_v1(
    customers: Iterable[Customer], rules: StripeRules, fields: Fields, now: datetime
) -> dict[str, object]:
    """Return a page of events that are not forgotten yet, the newest first."""
    cursor, created = Cursor.read(fields), Bounds.read(fields)
    kind = fields.maybe_text("type")
    fields.end()
    oldest = int((now - rules.event_memory).timestamp())
    gone = [
        (customer.deleted_at, customer)
        for customer in customers
        if customer.deleted_at is not None
        and customer.deleted_at >= oldest
        and created.hold(customer.deleted_at)
        and kind in {None, DELETED}
    ]
    gone.sort(key=lambda pair: pair[0], reverse=True)
    rows = [_event_json(customer, second) for second, customer in gone]
    page, more = cursor.page(rows, lambda row: str(row["id"]))
    return listing(PATH, list(page), more=more)


def _event_json(customer: Customer, second: int) -> dict[str, object]:
    return {
        "id": f"evt_{customer.id.removeprefix('cus_')}",
        "object": "event",
        "created": second,
        "data": {"object": {"id": customer.id, "object": "customer"}},
        "livemode": customer.livemode,
        "type": DELETED,
    }
