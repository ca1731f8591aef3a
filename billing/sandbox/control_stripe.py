"""The control surface's Stripe: what it is to do that nobody can ask Stripe for."""

from datetime import timedelta

from billing.sandbox.control_calls import ControlError
from billing.sandbox.control_orders import Act, Order
from billing.sandbox.pamela_calls import Document
from billing.sandbox.stripe_rejections import CODE, Rejection

LONGEST_SECONDS = 10**9


def whole_seconds(value: object, name: str) -> timedelta:
    """Read a duration in whole seconds, or say what is wrong with it."""
    if type(value) is not int or not 0 <= value < LONGEST_SECONDS:
        raise ControlError(f"{name} is a whole number of seconds, got {value!r}")
    return timedelta(seconds=value)


def _show_rejections(order: Order) -> Document:
    books = order.sandbox.stripe.test
    with books.lock:
        return {"rejections": [_rejection_json(o) for o in books.rejections.orders]}


def _add_rejection(order: Order) -> Document:
    wanted = order.document("code", "customer", "count", "delay_seconds")
    code, customer, count = map(wanted.get, ("code", "customer", "count"))
    if not isinstance(code, str) or not CODE.fullmatch(code):
        raise ControlError("code is one of Stripe's, such as archived_meter")
    if customer is not None and not isinstance(customer, str):
        raise ControlError("customer is the id of a Stripe customer")
    if count is not None and (type(count) is not int or count < 1):
        raise ControlError("count is a whole number from 1, or null for endless")
    delay = whole_seconds(wanted.get("delay_seconds", 0), "delay_seconds")
    order.sandbox.stripe.test.reject(Rejection(code, customer, count, delay))
    return _show_rejections(order)


def _lift_rejections(order: Order) -> Document:
    books = order.sandbox.stripe.test
    with books.lock:
        books.rejections.orders.clear()
    return _show_rejections(order)


def _rejection_json(order: Rejection) -> Document:
    return {
        "code": order.code,
        "customer": order.customer,
        "count": order.count,
        "delay_seconds": order.delay // timedelta(seconds=1),
    }


STRIPE_TABLE: tuple[tuple[str, str, Act], ...] = (
    ("GET", "/_sandbox/stripe/rejections", _show_rejections),
    ("POST", "/_sandbox/stripe/rejections", _add_rejection),
    ("DELETE", "/_sandbox/stripe/rejections", _lift_rejections),
)
