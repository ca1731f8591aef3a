"""The Stripe stand-in's routes of prices, subscriptions and invoices, as a table."""

from billing.sandbox.stripe.http.request import Route, StripeCall, alone
from billing.sandbox.stripe.mode import Json


def _create_price(call: StripeCall) -> Json:
    return call.books.billing.create_price(call.params, call.now)


def _list_prices(call: StripeCall) -> Json:
    return call.books.billing.list_prices(call.params)


def _retrieve_price(call: StripeCall) -> Json:
    return call.books.billing.retrieve_price(alone(call))


def _create_subscription(call: StripeCall) -> Json:
    return call.books.billing.create_subscription(call.params, call.now)


def _list_subscriptions(call: StripeCall) -> Json:
    return call.books.billing.list_subscriptions(call.params, call.now)


def _retrieve_subscription(call: StripeCall) -> Json:
    return call.books.billing.retrieve_subscription(alone(call), call.now)


def _cancel_subscription(call: StripeCall) -> Json:
    return call.books.billing.cancel_subscription(call.name, call.params, call.now)


def _list_invoices(call: StripeCall) -> Json:
    return call.books.billing.list_invoices(call.params, call.now)


def _preview_invoice(call: StripeCall) -> Json:
    return call.books.billing.preview_invoice(call.params, call.now)


def _retrieve_invoice(call: StripeCall) -> Json:
    return call.books.billing.retrieve_invoice(alone(call), call.now)


def _list_lines(call: StripeCall) -> Json:
    return call.books.billing.list_lines(call.name, call.params, call.now)


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
