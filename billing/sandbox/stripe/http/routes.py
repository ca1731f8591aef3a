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
from billing.sandbox.stripe.http.request import (
    AdmittedRequest,
    Endpoint,
    Route,
    name_without_params,
)
from billing.sandbox.stripe.metering.event_json import (
    adjustment_json,
    adjustment_json_v2,
    event_json,
    event_json_v2,
    read_adjustment,
    read_event,
)
from billing.sandbox.stripe.metering.events import EventRequest, MeterEvent
from billing.sandbox.stripe.mode import Json


async def _receive(
    request: AdmittedRequest, *, v2: bool
) -> tuple[EventRequest, MeterEvent]:
    """Take an event, holding its customer and meter for as long as that takes."""
    sent = read_event(request.mode, request.params, request.now, v2=v2)
    with request.mode.occupied(sent):
        await asyncio.sleep(request.mode.rules.processing.total_seconds())
        taken = request.mode.receive_event(sent, request.now, request_key=request.key)
        return sent, taken


async def _create_event(request: AdmittedRequest) -> Json:
    return event_json(request.mode, *await _receive(request, v2=False))


async def _create_event_v2(request: AdmittedRequest) -> Json:
    return event_json_v2(request.mode, *await _receive(request, v2=True))


def _cancel_event(request: AdmittedRequest) -> Json:
    cancelled = request.mode.cancel_event(*read_adjustment(request.params), request.now)
    return adjustment_json(request.mode, cancelled)


def _cancel_event_v2(request: AdmittedRequest) -> Json:
    cancelled = request.mode.cancel_event(*read_adjustment(request.params), request.now)
    return adjustment_json_v2(request.mode, cancelled)


def _unknown(request: AdmittedRequest) -> Json:
    message = f"Unrecognized request URL: {request.name}"
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
        lambda request: request.mode.list_meters(request.params),
    ),
    (
        "POST",
        "/v1/billing/meters",
        "meters.create",
        lambda request: request.mode.create_meter(request.params, request.now),
    ),
    (
        "GET",
        "/v1/billing/meters/{name}",
        "meters.retrieve",
        lambda request: request.mode.retrieve_meter(name_without_params(request)),
    ),
    (
        "POST",
        "/v1/billing/meters/{name}",
        "meters.update",
        lambda request: request.mode.update_meter(
            request.name, request.params, request.now
        ),
    ),
    (
        "POST",
        "/v1/billing/meters/{name}/deactivate",
        "meters.deactivate",
        lambda request: request.mode.deactivate_meter(
            request.name, request.params, request.now
        ),
    ),
    (
        "POST",
        "/v1/billing/meters/{name}/reactivate",
        "meters.reactivate",
        lambda request: request.mode.reactivate_meter(
            request.name, request.params, request.now
        ),
    ),
    (
        "GET",
        "/v1/billing/meters/{name}/event_summaries",
        "event_summaries.list",
        lambda request: request.mode.list_summaries(
            request.name, request.params, request.now
        ),
    ),
    (
        "GET",
        "/v1/events",
        "events.list",
        lambda request: request.mode.list_events(request.params, request.now),
    ),
    (
        "GET",
        "/v2/core/events",
        "core_events.list",
        lambda request: request.mode.list_core_events(request.params, request.now),
    ),
    (
        "GET",
        "/v2/core/events/{name}",
        "core_events.retrieve",
        lambda request: request.mode.retrieve_core_event(
            name_without_params(request), request.now
        ),
    ),
    (
        "GET",
        "/v1/customers",
        "customers.list",
        lambda request: request.mode.list_customers(request.params),
    ),
    (
        "POST",
        "/v1/customers",
        "customers.create",
        lambda request: request.mode.create_customer(request.params, request.now),
    ),
    (
        "GET",
        "/v1/customers/{name}",
        "customers.retrieve",
        lambda request: request.mode.retrieve_customer(name_without_params(request)),
    ),
    (
        "POST",
        "/v1/customers/{name}",
        "customers.update",
        lambda request: request.mode.update_customer(request.name, request.params),
    ),
    (
        "DELETE",
        "/v1/customers/{name}",
        "customers.delete",
        lambda request: request.mode.delete_customer(
            name_without_params(request), request.now
        ),
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
    async def route(http: Request) -> Response:
        return await exchange.answer(http, endpoint)

    return route
