"""The customers of a Stripe account: all of them page by page, and who was deleted."""

from collections.abc import Callable, Sequence
from datetime import datetime

from billing.gateways.stripe.fields import Json, read_flag, read_text
from billing.gateways.stripe.reads import PAGE_SIZE, StripeReads
from billing.ports import CustomerPage

CUSTOMERS, EVENTS = "/v1/customers", "/v1/events"
DELETED = "customer.deleted"
RefuseMode = Callable[[object, str], None]


def read_customer_page(
    reads: StripeReads, after: str | None, refuse_other_mode: RefuseMode
) -> CustomerPage:
    """Read a page of the customers; raises MeterFault, or what an odd field raises."""
    asked: Json = {"limit": PAGE_SIZE}
    if after is not None:
        asked = {**asked, "starting_after": after}
    page = reads.get(CUSTOMERS, asked).fields
    names = []
    for row in _rows_of(page):
        refuse_other_mode(row["livemode"], "a customer")
        names.append(read_text(row["id"], "the id of a customer"))
    more = read_flag(page.get("has_more"), "has_more")
    if after in names or (more and not names):
        raise ValueError("the list of customers does not go on")
    return CustomerPage(names, more)


def read_deleted_customers(
    reads: StripeReads, since: datetime, refuse_other_mode: RefuseMode
) -> Sequence[str]:
    """Read whose deletion was an event since a moment; raises likewise."""
    asked = {"type": DELETED, "created": {"gte": int(since.timestamp())}}
    names = []
    for row in reads.list_all(EVENTS, asked).rows:
        refuse_other_mode(row["livemode"], "an event")
        if row["type"] != DELETED:
            raise ValueError("it is of another type than was asked for")
        names.append(read_text(row["data"]["object"]["id"], "the id of a customer"))
    return names


def _rows_of(page: Json) -> Sequence[Json]:
    rows = page["data"]
    if not isinstance(rows, list):
        raise TypeError("data is no list")
    return rows
