"""The control surface under `/_sandbox`: for people and tests, never for the product.

| request | body | does |
|---|---|---|
| GET /_sandbox | | the clock, accounts with their keys, customers, Stripe key |
| GET /_sandbox/clock | | `{"now": time}` |
| PUT /_sandbox/clock | `{"now": time}` or `{"advance_seconds": n}` | moves the clock |
| POST /_sandbox/calls | list of calls | adds them, or changes those with a known id |
| DELETE /_sandbox/calls/{id} | | makes a call disappear |
| POST /_sandbox/customers | `{"id"?: text, "name"?: text}` | adds a Stripe customer |
| PUT /_sandbox/subscription | as the partner API shows it | changes it |
| GET /_sandbox/deliveries | | webhooks, and what came of them |
| POST /_sandbox/tool_calls | `{"call_id", "tool_name", "arguments"}` | asks now |
| GET /_sandbox/faults | | faults in force, and how often each kind has struck |
| PUT /_sandbox/faults | list of faults | puts these in force and lifts all others |
| GET, PUT /_sandbox/pamela/rules | `{"filtered_by": time}` | lists filter by it |
| GET, PUT /_sandbox/stripe/rules | rules, as shown | changes those given; in seconds |
| GET, POST, DELETE /_sandbox/stripe/rejections | an order | rejects events later on |
| GET, POST /_sandbox/stripe/destinations | `{"url", "events"?}` | notifies a server |
| PUT, DELETE /_sandbox/stripe/destinations/{id} | options | spoils it, or ends it |
| GET /_sandbox/stripe/deliveries | | notifications, and what came of them |
| GET /_sandbox/truth | | what was really counted and invoiced, every request seen |

Calls and the subscription belong to the account whose API key is sent as
`Authorization: Bearer`; a deletion without one looks in every account. Calls have the
API's own field names, and whatever is given is served back, however broken; missing
fields follow from the others or are null; `take_calls` says what the extra key
`_sandbox` of a call can script. A fault is `{"kind", "endpoint", "probability",
"count", "starts_at", "ends_at" or "seconds", "detail"}`; only the kind is needed. `GET
/_sandbox/truth?requests=no` leaves the requests out; `GET
/_sandbox/deliveries?call_id=…` shows one call's. A tool call is signed, sent and
answered at once, with `{"status", "body", "error", "delivery_id"}`.

An order to reject is `{"code", "customer"?, "count"?, "delay_seconds"?}`; it holds for
events received from now on, and DELETE lifts all. A destination's options are
`copies`, `lost_per_thousand`, `spread_seconds` (late by up to this, so out of request),
`real_time` (signed at this machine's time) and, for PUT, `"rotate": true`; its secret
is shown when it is new. Times are ISO 8601 with an offset. Bad input is answered with
400 and `{"error": text}`, and changes nothing.
"""

from collections.abc import Awaitable, Callable
from dataclasses import asdict

from fastapi import APIRouter, Request, Response

from billing.sandbox.control.calls import ControlError, needed_moment, take_calls
from billing.sandbox.control.destinations import DESTINATIONS_TABLE
from billing.sandbox.control.faults import fault_json, read_faults
from billing.sandbox.control.pamela import PAMELA_TABLE
from billing.sandbox.control.request import Act, ControlRequest
from billing.sandbox.control.stripe import STRIPE_TABLE
from billing.sandbox.control.webhooks import call_tool, show_deliveries
from billing.sandbox.pamela.accounts import AccountSubscription
from billing.sandbox.pamela.call import Document, written
from billing.sandbox.pamela.errors import json_response
from billing.sandbox.request_log import RequestLog
from billing.sandbox.stripe.http.errors import StripeError
from billing.sandbox.stripe.rules import StripeRules
from billing.sandbox.world import METER, STRIPE_KEY, Sandbox


def _show_base(request: ControlRequest) -> Document:
    sandbox = request.sandbox
    with sandbox.pamela.lock:
        accounts = [account.describe() for account in sandbox.pamela.accounts]
    return {
        "now": written(sandbox.clock.now()),
        "url": str(request.http.base_url).rstrip("/"),
        "accounts": accounts,
        "customers": [asdict(customer) for customer in sandbox.customers()],
        "stripe_key": STRIPE_KEY,
        "meter_event_name": METER,
        "stripe_limits": _limits(sandbox.stripe.rules),
        "control": [f"{method} {path}" for method, path, _ in TABLE],
    }


def _limits(rules: StripeRules) -> Document | None:
    """Return how many requests a second the test key may make; None without a limit."""
    if not rules.rate_limited:
        return None
    if not rules.test_keys_as_live:
        limit = rules.test_requests_per_second
        return {"events": limit, "endpoint": limit, "account": limit}
    return {
        "events": rules.live_events_per_second,
        "endpoint": rules.live_endpoint_per_second,
        "account": rules.live_requests_per_second,
    }


def _show_clock(request: ControlRequest) -> Document:
    return {"now": written(request.sandbox.clock.now())}


def _move_clock(request: ControlRequest) -> Document:
    wanted = request.document("now", "advance_seconds")
    if len(wanted) != 1:
        raise ControlError("either now or advance_seconds is expected")
    clock = request.sandbox.clock
    try:
        if "now" in wanted:
            clock.set(needed_moment(wanted["now"], "now"))
        elif type(wanted["advance_seconds"]) is int:
            clock.advance(wanted["advance_seconds"])
        else:
            raise ControlError("advance_seconds is a whole number")
    except OverflowError as error:
        raise ControlError("the clock cannot go that far") from error
    return _show_clock(request)


def _take_calls(request: ControlRequest) -> Document:
    pamela, now = request.sandbox.pamela, request.sandbox.clock.now()
    return take_calls(pamela, request.account(), request.json(), now)


def _remove_call(request: ControlRequest) -> Document:
    pamela = request.sandbox.pamela
    call_id = request.http.path_params["name"]
    sent = "Authorization" in request.http.headers
    accounts = [request.account()] if sent else list(pamela.accounts)
    # any() stops at the first account that had the call.
    if not any(pamela.remove_call(account, call_id) for account in accounts):
        raise ControlError(f"there is no call {call_id}", 404)
    return {"id": call_id, "deleted": True}


def _add_customer(request: ControlRequest) -> Document:
    wanted = request.document("id", "name")
    texts = {}
    for field in ("id", "name"):
        text = wanted.get(field)
        if text is not None and (not isinstance(text, str) or not text):
            raise ControlError(f"{field} is a text that is not empty")
        texts[field] = text
    try:
        return asdict(request.sandbox.add_customer(texts["id"], texts["name"]))
    except StripeError as error:
        raise ControlError(error.message) from error


def _set_subscription(request: ControlRequest) -> Document:
    wanted = request.document("subscription_status", "grace_period_ends_at")
    account = request.account()
    try:
        subscription = AccountSubscription.from_json(wanted)
    except ValueError as error:
        raise ControlError(str(error)) from error
    with request.sandbox.pamela.lock:
        account.subscription = subscription
        request.sandbox.pamela.changed()
    return subscription.to_json()


def _show_deliveries(request: ControlRequest) -> Document:
    call_id = request.http.query_params.get("call_id")
    return show_deliveries(request.sandbox.pamela, call_id)


async def _call_tool(request: ControlRequest) -> Document:
    wanted = request.document("call_id", "tool_name", "arguments")
    return await call_tool(request.sandbox, request.account(), wanted)


def _show_faults(request: ControlRequest) -> Document:
    faults = request.sandbox.faults
    # A key of JSON is a plain text, not a member of an enumeration.
    struck = {f"{kind}": times for kind, times in faults.struck.items()}
    in_force = [fault_json(fault) for fault in faults.in_force()]
    return {"faults": in_force, "struck": struck}


def _set_faults(request: ControlRequest) -> Document:
    now = request.sandbox.clock.now()
    request.sandbox.faults.replace_all(read_faults(request.json(), now))
    return _show_faults(request)


def _show_truth(request: ControlRequest) -> Document:
    sandbox = request.sandbox
    truth = sandbox.truth()
    if request.http.query_params.get("requests") == "no":
        return truth
    logs = {"pamela": sandbox.pamela_log, "stripe": sandbox.stripe_log}
    return truth | {"requests": {name: _log(log) for name, log in logs.items()}}


def _log(log: RequestLog) -> Document:
    return {"seen": log.seen, "latest": log.to_json()}


TABLE: tuple[tuple[str, str, Act], ...] = (
    ("GET", "/_sandbox", _show_base),
    ("GET", "/_sandbox/clock", _show_clock),
    ("PUT", "/_sandbox/clock", _move_clock),
    ("POST", "/_sandbox/calls", _take_calls),
    ("DELETE", "/_sandbox/calls/{name}", _remove_call),
    ("POST", "/_sandbox/customers", _add_customer),
    ("PUT", "/_sandbox/subscription", _set_subscription),
    ("GET", "/_sandbox/deliveries", _show_deliveries),
    ("POST", "/_sandbox/tool_calls", _call_tool),
    ("GET", "/_sandbox/faults", _show_faults),
    ("PUT", "/_sandbox/faults", _set_faults),
    ("GET", "/_sandbox/truth", _show_truth),
    *PAMELA_TABLE,
    *STRIPE_TABLE,
    *DESTINATIONS_TABLE,
)


def control_router(sandbox: Sandbox) -> APIRouter:
    """Return the routes of the control surface."""
    router = APIRouter()
    for method, path, act in TABLE:
        router.add_route(path, _route(sandbox, act), methods=[method])
    return router


def _route(sandbox: Sandbox, act: Act) -> Callable[[Request], Awaitable[Response]]:
    async def route(http: Request) -> Response:
        request = ControlRequest(sandbox, http, await http.body())
        try:
            done = act(request)
            return json_response(await done if isinstance(done, Awaitable) else done)
        except ControlError as error:
            return json_response({"error": str(error)}, error.status)

    return route
