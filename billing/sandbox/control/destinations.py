"""Event destinations as the control surface makes, shows and spoils them."""

from typing import Any

from billing.sandbox.control.calls import ControlError
from billing.sandbox.control.request import Act, Order
from billing.sandbox.pamela.call import Document
from billing.sandbox.signed_delivery import NOT_LOOPBACK, is_loopback
from billing.sandbox.stripe.metering.error_reports import NO_METER, REPORT
from billing.sandbox.stripe.notify.destinations import EVERYTHING, Destination

LIMITS = {
    "copies": range(1, 11),
    "lost_per_thousand": range(1_001),
    "spread_seconds": range(10**9),
}
FLAGS = ("real_time",)


def _show(order: Order) -> Document:
    books = order.sandbox.stripe.test
    with books.lock:
        made = books.notices.destinations.values()
        return {"destinations": [one.to_json() for one in made]}


def _add(order: Order) -> Document:
    wanted = order.document("url", "events", *LIMITS, *FLAGS)
    url, events = wanted.get("url"), wanted.get("events", [EVERYTHING])
    if not isinstance(url, str) or not is_loopback(url):
        raise ControlError(f"url is an address: {NOT_LOOPBACK}")
    known = {EVERYTHING, REPORT, NO_METER}
    if not isinstance(events, list) or not events or not known.issuperset(events):
        raise ControlError(f"events is a list of {', '.join(sorted(known))}")
    options = _options(wanted)
    books, now = order.sandbox.stripe.test, order.sandbox.clock.now()
    with books.lock:
        name = books.new_name("we")
        made = books.notices.add(
            Destination(id=name, url=url, events=events, created_at=now, **options)
        )
        return made.to_json() | {"secret": made.secret()}


def _change(order: Order) -> Document:
    wanted = order.document("rotate", *LIMITS, *FLAGS)
    rotate = wanted.get("rotate", False)
    if type(rotate) is not bool:
        raise ControlError("rotate is true or false")
    options = _options(wanted)
    books, now = order.sandbox.stripe.test, order.sandbox.clock.now()
    with books.lock:
        found = _find(order)
        for name, value in options.items():
            setattr(found, name, value)
        books.notices.changes += 1
        if not rotate:
            return found.to_json()
        found.rotated_at.append(now)
        return found.to_json() | {"secret": found.secret()}


def _remove(order: Order) -> Document:
    books = order.sandbox.stripe.test
    with books.lock:
        name = _find(order).id
        books.notices.remove(name)
    return {"id": name, "deleted": True}


def _deliveries(order: Order) -> Document:
    books = order.sandbox.stripe.test
    with books.lock:
        return {"items": [one.to_json() for one in books.notices.notices.values()]}


def _find(order: Order) -> Destination:
    name = order.request.path_params["name"]
    found = order.sandbox.stripe.test.notices.destinations.get(name)
    if found is None:
        raise ControlError(f"there is no destination {name}", 404)
    return found


def _options(wanted: Document) -> dict[str, Any]:
    for name, allowed in LIMITS.items():
        value = wanted.get(name, allowed.start)
        if type(value) is not int or value not in allowed:
            least, most = allowed.start, allowed.stop - 1
            raise ControlError(f"{name} is a whole number from {least} to {most}")
    for name in FLAGS:
        if type(wanted.get(name, False)) is not bool:
            raise ControlError(f"{name} is true or false")
    return {name: wanted[name] for name in (*LIMITS, *FLAGS) if name in wanted}


ONE = "/_sandbox/stripe/destinations/{name}"
DESTINATIONS_TABLE: tuple[tuple[str, str, Act], ...] = (
    ("GET", "/_sandbox/stripe/destinations", _show),
    ("POST", "/_sandbox/stripe/destinations", _add),
    ("PUT", ONE, _change),
    ("DELETE", ONE, _remove),
    ("GET", "/_sandbox/stripe/deliveries", _deliveries),
)
