"""Rejections on request: received events that Stripe throws away later on."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

CODE = re.compile(r"[a-z][a-z0-9_]{0,99}")
MESSAGES = {
    "archived_meter": "The meter for event name {name} is archived.",
    "meter_event_customer_not_found": "No such customer: '{customer}'.",
    "meter_event_dimension_count_too_high": "The event has too many dimensions.",
    "meter_event_invalid_value": "The payload's value is not valid.",
    "meter_event_no_customer_defined": "The payload names no customer.",
    "meter_event_value_not_found": "The payload has no value.",
    "meter_event_value_too_many_digits": "The payload's value has too many digits.",
    "missing_dimension_payload_keys": "The payload lacks keys of dimensions.",
    "no_meter": "No meter found for event name {name}.",
    "timestamp_in_future": "The event's timestamp is in the future.",
    "timestamp_too_far_in_past": "The event's timestamp is too far in the past.",
}


def error_message(code: str, event_name: str, customer: str) -> str:
    """Say in Stripe's manner why an event was rejected; the codes are an open list."""
    wording = MESSAGES.get(code, f"The event was rejected: {code}.")
    return wording.format(name=event_name, customer=customer)


@dataclass
class Rejection:
    """An order to reject events received from now on; what is None limits nothing."""

    code: str
    customer: str | None = None
    count: int | None = None  # how many it still takes
    delay: timedelta = timedelta(0)

    def takes(self, customer: str) -> bool:
        """Say whether an event of this customer is to be rejected."""
        return self.count != 0 and self.customer in {None, customer}

    def use(self) -> None:
        """Count an event that was rejected."""
        if self.count is not None:
            self.count -= 1


class Rejections:
    """The orders in force; the first that takes an event decides about it."""

    def __init__(self, orders: Iterable[Rejection] = ()) -> None:
        self.orders = list(orders)

    def order_for(self, customer: str) -> Rejection | None:
        """Return the order that rejects an event of this customer, if any does."""
        return next((order for order in self.orders if order.takes(customer)), None)
