"""The Stripe stand-in's routes of prices, subscriptions and invoices, as a table."""

from billing.sandbox.stripe.http.request import (
    AdmittedRequest,
    Route,
    name_without_params,
)
from billing.sandbox.stripe.mode import Json


def _create_price(request: AdmittedRequest) -> Json:
    return request.mode.billing.create_price(request.params, request.now)


def _list_prices(request: AdmittedRequest) -> Json:
    return request.mode.billing.list_prices(request.params)


def _retrieve_price(request: AdmittedRequest) -> Json:
    return request.mode.billing.retrieve_price(name_without_params(request))


def _create_subscription(request: AdmittedRequest) -> Json:
    return request.mode.billing.create_subscription(request.params, request.now)


def _list_subscriptions(request: AdmittedRequest) -> Json:
    return request.mode.billing.list_subscriptions(request.params, request.now)


def _retrieve_subscription(request: AdmittedRequest) -> Json:
    return request.mode.billing.retrieve_subscription(
        name_without_params(request), request.now
    )


def _cancel_subscription(request: AdmittedRequest) -> Json:
    return request.mode.billing.cancel_subscription(
        request.name, request.params, request.now
    )


def _list_invoices(request: AdmittedRequest) -> Json:
    return request.mode.billing.list_invoices(request.params, request.now)


def _preview_invoice(request: AdmittedRequest) -> Json:
    return request.mode.billing.preview_invoice(request.params, request.now)


def _retrieve_invoice(request: AdmittedRequest) -> Json:
    return request.mode.billing.retrieve_invoice(
        name_without_params(request), request.now
    )


def _list_lines(request: AdmittedRequest) -> Json:
    return request.mode.billing.list_lines(request.name, request.params, request.now)


SUBSCRIPTION = "/v1/subscriptions/{name}"
PREVIEW = "/v1/invoices/create_preview"
BILLING_TABLE: tuple[Route, ...] = (
    ("GET", "/v1/prices", "prices.list", _list_prices),
    ("POST", "/v1/prices", "prices.create", _create_price),
    ("GET", "/v1/prices/{name}", "prices.retrieve", _retrieve_price),
    ("GET", "/v1/subscriptions", "subscriptions.list", _list_subscriptions),
    ("POST", "/v1/subscriptions", "subscriptions.create", _create_subscription),
    ("GET", SUBSCRIPTION, "subscriptions.retrieve", _retrieve_subscription),
    ("DELETE", SUBSCRIPTION, "subscriptions.cancel", _cancel_subscription),
    ("GET", "/v1/invoices", "invoices.list", _list_invoices),
    ("POST", PREVIEW, "invoices.create_preview", _preview_invoice),
    ("GET", "/v1/invoices/{name}", "invoices.retrieve", _retrieve_invoice),
    ("GET", "/v1/invoices/{name}/lines", "invoices.lines", _list_lines),
)
