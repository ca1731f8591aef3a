"""The control surface's Stripe: what it is to do that nobody can ask Stripe for."""

from dataclasses import fields
from datetime import timedelta

from billing.sandbox.control.calls import ControlError
from billing.sandbox.control.durations import LONGEST_SECONDS, plain_duration, seconds
from billing.sandbox.control.request import Act, ControlRequest
from billing.sandbox.pamela.call import Document
from billing.sandbox.stripe.metering.rejections import CODE, Rejection

LONGEST = {"invoice_grace": 72 * 3_600, "round_trip": 3_600, "round_trip_spread": 3_600}


def _show_rules(request: ControlRequest) -> Document:
    rules = request.sandbox.stripe.rules
    shown = {field.name: getattr(rules, field.name) for field in fields(rules)}
    return {name: _plain(value) for name, value in shown.items()}


def _change_rules(request: ControlRequest) -> Document:
    stripe, now = request.sandbox.stripe, request.sandbox.clock.now()
    before = {
        field.name: getattr(stripe.rules, field.name) for field in fields(stripe.rules)
    }
    wanted = request.document(*before)
    read = {name: _read_rule(name, before[name], wanted[name]) for name in wanted}
    for mode in (stripe.test, stripe.live):
        with mode.lock:
            # What is over has been under the rules of its time.
            mode.billing.invoices.settle(now)
    for name, value in read.items():
        setattr(stripe.rules, name, value)
    return _show_rules(request)


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
    return plain_duration(value) if isinstance(value, timedelta) else value


def _show_rejections(request: ControlRequest) -> Document:
    mode = request.sandbox.stripe.test
    with mode.lock:
        return {"rejections": [_rejection_json(o) for o in mode.rejections.orders]}


def _add_rejection(request: ControlRequest) -> Document:
    wanted = request.document("code", "customer", "count", "delay_seconds")
    code, customer, count = map(wanted.get, ("code", "customer", "count"))
    if not isinstance(code, str) or not CODE.fullmatch(code):
        raise ControlError("code is one of Stripe's, such as archived_meter")
    if customer is not None and not isinstance(customer, str):
        raise ControlError("customer is the id of a Stripe customer")
    if count is not None and (type(count) is not int or count < 1):
        raise ControlError("count is a whole number from 1, or null for endless")
    delay = seconds(wanted.get("delay_seconds", 0), "delay_seconds")
    request.sandbox.stripe.test.reject(Rejection(code, customer, count, delay))
    return _show_rejections(request)


def _lift_rejections(request: ControlRequest) -> Document:
    mode = request.sandbox.stripe.test
    with mode.lock:
        mode.rejections.orders.clear()
    return _show_rejections(request)


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
