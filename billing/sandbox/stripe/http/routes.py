"""The Stripe stand-in's routes, as one table."""

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response

from billing.sandbox.clock import SandboxClock
from billing.sandbox.faults import Faults
from billing.sandbox.request_log import RequestLog
from billing.sandbox.stripe.account import StripeAccount
from billing.sandbox.stripe.http.billing_routes import BILLING_TABLE
from billing.sandbox.stripe.http.errors import StripeError
from billing.sandbox.stripe.http.exchange import StripeExchange
from billing.sandbox.stripe.http.request import Endpoint, Route, StripeCall, alone
from billing.sandbox.stripe.metering.event_json import (
    adjustment_json,
    adjustment_json_v2,
    event_json,
    event_json_v2,
    read_adjustment,
    read_event,
)
from billing.sandbox.stripe.metering.events import MeterEvent, SentEvent
from billing.sandbox.stripe.mode import Json


async def _receive(call: StripeCall, *, v2: bool) -> tuple[SentEvent, MeterEvent]:
    """Take an event, holding its customer and meter for as long as that takes."""
    sent = read_event(call.books, call.params, call.now, v2=v2)
    with call.books.occupied(sent):
        await asyncio.sleep(call.books.rules.processing.total_seconds())
        taken = call.books.receive_event(sent, call.now, request_key=call.key)
        return sent, taken


async def _create_event(call: StripeCall) -> Json:
    return event_json(call.books, *await _receive(call, v2=False))


async def _create_event_v2(call: StripeCall) -> Json:
    return event_json_v2(call.books, *await _receive(call, v2=True))


def _cancel_event(call: StripeCall) -> Json:
    cancelled = call.books.cancel_event(*read_adjustment(call.params), call.now)
    return adjustment_json(call.books, cancelled)


def _cancel_event_v2(call: StripeCall) -> Json:
    cancelled = call.books.cancel_event(*read_adjustment(call.params), call.now)
    return adjustment_json_v2(call.books, cancelled)


def _unknown(call: StripeCall) -> Json:
    message = f"Unrecognized request URL: {call.name}"
    raise StripeError(
        http_status=404,
        type="invalid_request_error",
        message=message,
        v2_code="not_found",
    )


TABLE: tuple[Route, ...] = (
    ("POST", "/v1/billing/meter_events", "meter_events.create", _create_event),
    ("POST", "/v2/billing/meter_events", "meter_events.create", _create_event_v2),
    (
        "POST",
        "/v1/billing/meter_event_adjustments",
        "meter_event_adjustments.create",
        _cancel_event,
    ),
    (
        "POST",
        "/v2/billing/meter_event_adjustments",
        "meter_event_adjustments.create",
        _cancel_event_v2,
    ),
    (
        "GET",
        "/v1/billing/meters",
        "meters.list",
        lambda call: call.books.list_meters(call.params),
    ),
    (
        "POST",
        "/v1/billing/meters",
        "meters.create",
        lambda call: call.books.create_meter(call.params, call.now),
    ),
    (
        "GET",
        "/v1/billing/meters/{name}",
        "meters.retrieve",
        lambda call: call.books.retrieve_meter(alone(call)),
    ),
    (
        "POST",
        "/v1/billing/meters/{name}",
        "meters.update",
        lambda call: call.books.update_meter(call.name, call.params, call.now),
    ),
    (
        "POST",
        "/v1/billing/meters/{name}/deactivate",
        "meters.deactivate",
        lambda call: call.books.deactivate_meter(call.name, call.params, call.now),
    ),
    (
        "POST",
        "/v1/billing/meters/{name}/reactivate",
        "meters.reactivate",
        lambda call: call.books.reactivate_meter(call.name, call.params, call.now),
    ),
    (
        "GET",
        "/v1/billing/meters/{name}/event_summaries",
        "event_summaries.list",
        lambda call: call.books.list_summaries(call.name, call.params, call.now),
    ),
    (
        "GET",
        "/v2/core/events",
        "core_events.list",
        lambda call: call.books.list_core_events(call.params, call.now),
    ),
    (
        "GET",
        "/v2/core/events/{name}",
        "core_events.retrieve",
        lambda call: call.books.retrieve_core_event(alone(call), call.now),
    ),
    (
        "GET",
        "/v1/customers",
        "customers.list",
        lambda call: call.books.list_customers(call.params),
    ),
    (
        "POST",
        "/v1/customers",
        "customers.create",
        lambda call: call.books.create_customer(call.params, call.now),
    ),
    (
        "GET",
        "/v1/customers/{name}",
        "customers.retrieve",
        lambda call: call.books.retrieve_customer(alone(call)),
    ),
    (
        "POST",
        "/v1/customers/{name}",
        "customers.update",
        lambda call: call.books.update_customer(call.name, call.params),
    ),
    (
        "DELETE",
        "/v1/customers/{name}",
        "customers.delete",
        lambda call: call.books.delete_customer(alone(call), call.now),
    ),
    *BILLING_TABLE,
)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def stripe_router(
    account: StripeAccount,
    clock: SandboxClock,
    faults: Faults,
    log: RequestLog | None = None,
) -> APIRouter:
    """Return the routes of an account; `log` notes every request that is seen."""
    exchange = StripeExchange(
        account, clock, faults, RequestLog() if log is None else log
    )
    router = APIRouter()
    for method, path, name, operation in TABLE:
        endpoint = Endpoint(method, path, f"stripe.{name}", operation)
        router.add_route(path, _route(exchange, endpoint), methods=[method])
    for version in ("v1", "v2"):
        path = f"/{version}/{{name:path}}"
        endpoint = Endpoint("*", path, "stripe.unknown", _unknown)
        router.add_route(path, _route(exchange, endpoint), methods=list(METHODS))
    return router


def _route(
    exchange: StripeExchange, endpoint: Endpoint
) -> Callable[[Request], Awaitable[Response]]:
    async def route(request: Request) -> Response:
        return await exchange.answer(request, endpoint)

    return route
