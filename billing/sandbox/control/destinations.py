"""Event destinations as the control surface makes, shows and spoils them."""

from typing import Any

from billing.sandbox.control.calls import ControlError
from billing.sandbox.control.request import Act, ControlRequest
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


def _show(request: ControlRequest) -> Document:
    mode = request.sandbox.stripe.test
    with mode.lock:
        destinations = mode.notices.destinations.values()
        return {"destinations": [destination.to_json() for destination in destinations]}


def _add(request: ControlRequest) -> Document:
    wanted = request.document("url", "events", *LIMITS, *FLAGS)
    url, events = wanted.get("url"), wanted.get("events", [EVERYTHING])
    if not isinstance(url, str) or not is_loopback(url):
        raise ControlError(f"url is an address: {NOT_LOOPBACK}")
    types = {EVERYTHING, REPORT, NO_METER}
    if not isinstance(events, list) or not events or not types.issuperset(events):
        raise ControlError(f"events is a list of {', '.join(sorted(types))}")
    options = _options(wanted)
    mode, now = request.sandbox.stripe.test, request.sandbox.clock.now()
    with mode.lock:
        name = mode.new_name("we")
        made = mode.notices.add(
            Destination(id=name, url=url, events=events, created_at=now, **options)
        )
        return made.to_json() | {"secret": made.secret()}


def _change(request: ControlRequest) -> Document:
    wanted = request.document("rotate", *LIMITS, *FLAGS)
    rotate = wanted.get("rotate", False)
    if type(rotate) is not bool:
        raise ControlError("rotate is true or false")
    options = _options(wanted)
    mode, now = request.sandbox.stripe.test, request.sandbox.clock.now()
    with mode.lock:
        destination = _find(request)
        for name, value in options.items():
            setattr(destination, name, value)
        mode.notices.changes += 1
        if not rotate:
            return destination.to_json()
        destination.rotated_at.append(now)
        return destination.to_json() | {"secret": destination.secret()}


def _remove(request: ControlRequest) -> Document:
    mode = request.sandbox.stripe.test
    with mode.lock:
        name = _find(request).id
        mode.notices.remove(name)
    return {"id": name, "deleted": True}


def _deliveries(request: ControlRequest) -> Document:
    mode = request.sandbox.stripe.test
    with mode.lock:
        return {"items": [notice.to_json() for notice in mode.notices.notices.values()]}


def _find(request: ControlRequest) -> Destination:
    name = request.http.path_params["name"]
    destination = request.sandbox.stripe.test.notices.destinations.get(name)
    if destination is None:
        raise ControlError(f"there is no destination {name}", 404)
    return destination


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
