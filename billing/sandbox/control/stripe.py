"""The control surface's Stripe: what it is to do that nobody can ask Stripe for."""

from dataclasses import fields
from datetime import timedelta

from billing.sandbox.control.calls import ControlError
from billing.sandbox.control.request import Act, Order
from billing.sandbox.pamela.call import Document
from billing.sandbox.stripe.metering.rejections import CODE, Rejection

LONGEST_SECONDS = 10**9
LONGEST = {"invoice_grace": 72 * 3_600}


def seconds(value: object, name: str, most: int = LONGEST_SECONDS) -> timedelta:
    """Read a duration in seconds, or say what is wrong with it."""
    number = value if isinstance(value, int | float) else -1
    # A truth value is no number, and what is not a number (NaN) lies nowhere.
    if not isinstance(value, bool) and 0 <= number <= most:
        return timedelta(seconds=number)
    raise ControlError(f"{name} is 0 to {most} seconds, got {value!r}")


def _show_rules(order: Order) -> Document:
    rules = order.sandbox.stripe.rules
    shown = {field.name: getattr(rules, field.name) for field in fields(rules)}
    return {name: _plain(value) for name, value in shown.items()}


def _change_rules(order: Order) -> Document:
    stripe, now = order.sandbox.stripe, order.sandbox.clock.now()
    known = {one.name: getattr(stripe.rules, one.name) for one in fields(stripe.rules)}
    wanted = order.document(*known)
    read = {name: _read_rule(name, known[name], wanted[name]) for name in wanted}
    for books in (stripe.test, stripe.live):
        with books.lock:
            # What is over has been under the rules of its time.
            books.billing.invoices.settle(now)
    for name, value in read.items():
        setattr(stripe.rules, name, value)
    return _show_rules(order)


def _read_rule(name: str, before: object, value: object) -> object:
    if isinstance(before, timedelta):
        most = LONGEST.get(name, LONGEST_SECONDS)
        return seconds(value, name, most)
    if isinstance(before, bool):
        if type(value) is not bool:
            raise ControlError(f"{name} is true or false, got {value!r}")
        return value
    least = 1 if name.endswith("_per_second") else 0
    if type(value) is not int or not least <= value < LONGEST_SECONDS:
        raise ControlError(f"{name} is a whole number from {least}, got {value!r}")
    return value


def _plain(value: object) -> object:
    if not isinstance(value, timedelta):
        return value
    whole = not value % timedelta(seconds=1)
    return value // timedelta(seconds=1) if whole else value.total_seconds()


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
    delay = seconds(wanted.get("delay_seconds", 0), "delay_seconds")
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
        "delay_seconds": _plain(order.delay),
    }


STRIPE_TABLE: tuple[tuple[str, str, Act], ...] = (
    ("GET", "/_sandbox/stripe/rules", _show_rules),
    ("PUT", "/_sandbox/stripe/rules", _change_rules),
    ("GET", "/_sandbox/stripe/rejections", _show_rejections),
    ("POST", "/_sandbox/stripe/rejections", _add_rejection),
    ("DELETE", "/_sandbox/stripe/rejections", _lift_rejections),
)
