"""Invoices and subscriptions in rare shapes: long, tiered, void, or nonsense."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from billing.domain.period import Window
from billing.errors import MeterFault, MeterUnfit
from billing.gateways.stripe.meter import StripeMeter
from tests.gateways.scripted import METER_ROW, listing, meter_at, serving

START = datetime(2026, 3, 1, tzinfo=UTC)
END = datetime(2026, 4, 1, tzinfo=UTC)
MARCH = Window(START, END)
Row = dict[str, Any]


def line(number: int = 0, quantity: str | None = "5", **more: Any) -> Row:
    """Word a line of an invoice."""
    worded: Row = {
        "id": f"il_{number}",
        "object": "line_item",
        "amount": 50,
        "currency": "usd",
        "parent": {"type": "subscription_item_details"},
        "period": {"start": int(START.timestamp()), "end": int(END.timestamp())},
        "pricing": {"price_details": {"price": "price_ours"}, "type": "price_details"},
        "quantity": 0,
        "quantity_decimal": quantity,
    }
    return worded | more


def invoice(*lines: Row, more: bool = False, **fields: Any) -> Row:
    """Word an invoice."""
    worded: Row = {
        "id": "in_1",
        "object": "invoice",
        "created": int(END.timestamp()),
        "status": "paid",
        "status_transitions": {"finalized_at": int(END.timestamp()) + 3600},
        "automatically_finalizes_at": None,
        "livemode": False,
        "lines": listing(*lines, more=more),
    }
    return worded | fields


def price(name: str, **recurring: Any) -> Row:
    """Word a price."""
    worded: Row = {"id": name, "object": "price", "currency": "usd"}
    usual = {"interval": "month", "interval_count": 1, "meter": "mtr_1"}
    return worded | {"unit_amount_decimal": "2.5", "recurring": usual | recurring}


PRICES = {
    "price_ours": price("price_ours"),
    "price_other": price("price_other", meter="mtr_2"),
    "price_licensed": price("price_licensed", meter=None),
    "price_once": price("price_once") | {"recurring": None},
}


def subscription(*items: Row, more: bool = False, **fields: Any) -> Row:
    """Word a subscription."""
    worded: Row = {
        "id": "sub_1",
        "object": "subscription",
        "status": "active",
        "billing_cycle_anchor": int(START.timestamp()),
        "livemode": False,
        "items": listing(*items, more=more),
    }
    return worded | fields


def item(number: int, priced: Row) -> Row:
    """Word an item of a subscription."""
    return {"id": f"si_{number}", "object": "subscription_item", "price": priced}


@contextmanager
def telling(**lists: list[Row]) -> Iterator[StripeMeter]:
    """Give a meter at a Stripe that has these lists, each on one page."""

    def answer(path: str) -> object:
        path = path.partition("?")[0]
        name = path.rpartition("/")[2]
        if "/prices/" in path:
            return (PRICES | {"price_alias": PRICES["price_ours"]})[name]
        return listing(*(lists | {"meters": [METER_ROW]})[name])

    with serving(answer) as server, meter_at(server.url) as meter:
        yield meter


def read(*invoices: Row, **lists: list[Row]) -> list[tuple[str, bool, list[int]]]:
    """Read invoices, as (status, final, quantities)."""
    with telling(invoices=list(invoices), **lists) as meter:
        return [
            (invoice.status, invoice.final, [line.quantity for line in invoice.lines])
            for invoice in meter.read_invoices("cus_acme", MARCH)
        ]


@pytest.mark.parametrize(
    ("status", "final"),
    [
        ("draft", False),
        ("open", True),
        ("paid", True),
        ("uncollectible", True),
        ("void", False),
    ],
)
def test_an_invoice_is_final_once_it_is_owed_and_not_when_it_is_void(
    status: str, final: bool
) -> None:
    assert read(invoice(line(), status=status)) == [(status, final, [5])]


def test_each_tier_has_a_line_of_its_own() -> None:
    assert read(invoice(line(0, "1000"), line(1, "234"))) == [
        ("paid", True, [1000, 234])
    ]


def test_the_lines_of_a_long_invoice_are_all_read() -> None:
    lines = [line(number, "1") for number in range(150)]
    ((_, _, quantities),) = read(invoice(*lines[:10], more=True), lines=lines)
    assert quantities == [1] * 150


def test_quantities_are_exact_where_a_float_would_not_be() -> None:
    assert read(invoice(line(0, "9999999999.000000000000"))) == [
        ("paid", True, [10**10 - 1])
    ]


def test_a_line_is_ours_by_its_price_whatever_it_hangs_on() -> None:
    lines = [
        line(0, "1", parent={"type": "invoice_item_details"}),
        line(1, "2", pricing={"price_details": {"price": PRICES["price_ours"]}}),
        line(2, "4", pricing={"price_details": {"price": "price_other"}}),
        line(3, "8", pricing={"price_details": {"price": "price_licensed"}}),
        line(4, "16", pricing={"price_details": {"price": "price_once"}}),
        line(5, "32", pricing=None),
        line(6, "64", pricing={"price_details": None}),
    ]
    assert read(invoice(*lines)) == [("paid", True, [1, 2])]


def test_a_fraction_on_another_meter_is_none_of_our_business() -> None:
    other = {"price_details": {"price": "price_other"}}
    assert read(invoice(line(), line(1, "2.5", pricing=other))) == [("paid", True, [5])]


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        (invoice(line(quantity=None)), "il_0 has no exact quantity"),
        (invoice(line(quantity="many")), "cannot be read"),
        (invoice(line(period=None)), "cannot be read"),
        (invoice(line(), created="soon"), "cannot be read"),
        (invoice(line(), lines=None), "cannot be read"),
        ({"id": "in_1", "livemode": False}, "cannot be read"),
    ],
)
def test_an_invoice_that_makes_no_sense_is_a_fault(spoilt: Row, words: str) -> None:
    with pytest.raises(MeterFault, match=words):
        read(spoilt)


def test_invoices_and_subscriptions_of_the_other_mode_are_refused() -> None:
    live = {"livemode": True}
    with pytest.raises(MeterUnfit, match="in_1 is not in test mode"):
        read(invoice(line()) | live)
    with (
        telling(subscriptions=[subscription() | live]) as meter,
        pytest.raises(MeterUnfit, match="sub_1 is not in test mode"),
    ):
        meter.read_subscriptions("cus_acme")


@pytest.mark.parametrize(
    ("status", "bills"),
    [
        ("active", True),
        ("trialing", True),
        ("past_due", True),
        ("unpaid", True),
        ("paused", True),
        ("incomplete", False),
        ("incomplete_expired", False),
        ("canceled", False),
    ],
)
def test_some_subscriptions_bill_nothing(status: str, bills: bool) -> None:
    document = subscription(item(0, PRICES["price_ours"]), status=status)
    with telling(subscriptions=[document]) as meter:
        items = meter.read_subscriptions("cus_acme")
    assert [item_read.status for item_read in items] == [status] * bills


def test_the_items_of_a_large_subscription_are_all_read() -> None:
    items = [item(number, PRICES["price_ours"]) for number in range(20)]
    document = subscription(*items[:10], more=True)
    with telling(subscriptions=[document], subscription_items=items) as meter:
        assert len(meter.read_subscriptions("cus_acme")) == 20


@pytest.mark.parametrize(
    ("recurring", "interval"),
    [
        ({}, "month"),
        ({"interval_count": 3}, "3 months"),
        ({"interval": "year"}, "year"),
    ],
)
def test_an_item_tells_how_often_it_is_billed(recurring: Row, interval: str) -> None:
    document = subscription(item(0, price("price_ours", **recurring)))
    with telling(subscriptions=[document]) as meter:
        (item_read,) = meter.read_subscriptions("cus_acme")
    assert (item_read.interval, item_read.unit_amount_decimal) == (
        interval,
        Decimal("2.5"),
    )


def test_a_price_in_tiers_has_no_amount_of_its_own() -> None:
    tiered = PRICES["price_ours"] | {"unit_amount_decimal": None}
    with telling(subscriptions=[subscription(item(0, tiered))]) as meter:
        (item_read,) = meter.read_subscriptions("cus_acme")
    assert item_read.unit_amount_decimal is None


def test_items_on_other_meters_are_left_out() -> None:
    items = [item(number, priced) for number, priced in enumerate(PRICES.values())]
    with telling(subscriptions=[subscription(*items)]) as meter:
        (item_read,) = meter.read_subscriptions("cus_acme")
    assert item_read.item == "si_0"


def test_what_is_of_another_customer_is_a_fault() -> None:
    with (
        telling(invoices=[invoice(line(), customer="cus_other")]) as meter,
        pytest.raises(MeterFault, match="it is of another customer than cus_acme"),
    ):
        meter.read_invoices("cus_acme", MARCH)
    with (
        telling(subscriptions=[subscription(customer="cus_other")]) as meter,
        pytest.raises(MeterFault, match="it is of another customer than cus_acme"),
    ):
        meter.read_subscriptions("cus_acme")


def test_an_answer_about_another_price_is_a_fault() -> None:
    lines = [line(pricing={"price_details": {"price": "price_alias"}})]
    with pytest.raises(MeterFault, match="names another price than price_alias"):
        read(invoice(*lines))
