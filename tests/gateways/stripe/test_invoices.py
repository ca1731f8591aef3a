"""Invoices and subscriptions: what Stripe bills of the minutes, to the minute."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.domain.period import BillingPeriod, Window
from billing.errors import MeterFault, MeterUnavailable, NoSuchCustomer
from billing.sandbox.faults import FaultKind
from billing.sandbox.stripe.billing.billing import StripeBilling
from billing.sandbox.stripe.mode import StripeMode
from billing.sandbox.world import METER
from tests.gateways.desk import MeterDesk
from tests.sandbox.pamela.pamela_world import NOW
from tests.sandbox.stripe.stripe_world import create_meter_event

FEBRUARY, MARCH = BillingPeriod(2026, 2), BillingPeriod(2026, 3)
LAST_MONTH = Window(FEBRUARY.start, FEBRUARY.end)
THIS_MONTH = Window(MARCH.start, MARCH.end)
HOUR = timedelta(hours=1)


class Shop:
    """A sandbox's Stripe that bills by the month, and whose clock is moved."""

    def __init__(self, desk: MeterDesk) -> None:
        self.desk = desk
        self.meter = desk.meter
        desk.world.sandbox.stripe.rules.invoice_grace = HOUR
        state = desk.meter.describe()
        assert state is not None
        self.price = self.priced(state.meter_id)
        self.customer = str(self.mode.create_customer({"name": "Shop"}, NOW)["id"])

    @property
    def mode(self) -> StripeMode:
        """Give the test half of the account."""
        return self.desk.world.sandbox.stripe.test

    @property
    def billing(self) -> StripeBilling:
        """Give the billing of the test half."""
        return self.mode.billing

    def priced(self, meter: str, amount: str = "10") -> str:
        """Make a price on a meter."""
        metered = {"interval": "month", "usage_type": "metered", "meter": meter}
        worded = {"currency": "usd", "unit_amount_decimal": amount}
        product = {"product_data": {"name": "Minutes"}}
        made = self.billing.create_price(
            {**worded, **product, "recurring": metered}, NOW
        )
        return str(made["id"])

    def other_price(self) -> str:
        """Make a price on another meter."""
        meter = {
            "display_name": "Texts",
            "event_name": "texts",
            "default_aggregation": {"formula": "sum"},
        }
        made = self.mode.create_meter(meter, NOW)
        return self.priced(str(made["id"]))

    def subscribe(self, since: datetime, *prices: str, **more: object) -> str:
        """Subscribe the customer, and return the subscription's id."""
        items = [{"price": price} for price in prices or (self.price,)]
        asked = {"customer": self.customer, "items": items, **more}
        return str(self.billing.create_subscription(asked, since)["id"])

    def use(self, moment: datetime, value: str, name: str = METER) -> None:
        """Report usage of a moment, now."""
        payload = {"stripe_customer_id": self.customer, "value": value}
        event = {"event_name": name, "payload": payload}
        asked = {**event, "timestamp": int(moment.timestamp())}
        now = self.desk.world.sandbox.clock.now()
        create_meter_event(self.mode, asked, now)


@pytest.fixture
def shop(desk: MeterDesk) -> Shop:
    """Connect to a Stripe that bills, with a customer who pays for nothing yet."""
    return Shop(desk)


def test_a_months_minutes_are_on_its_invoice(shop: Shop) -> None:
    shop.subscribe(MARCH.start)
    shop.use(NOW, "1234")
    shop.desk.world.advance(days=30)
    (invoice,) = shop.meter.read_invoices(shop.customer, THIS_MONTH)
    (line,) = invoice.lines
    assert (line.quantity, line.amount_minor, line.currency) == (1234, 12340, "usd")
    assert (line.price, line.window) == (shop.price, THIS_MONTH)
    assert (invoice.created_at, invoice.final) == (MARCH.end, True)
    assert invoice.finalized_at == MARCH.end + HOUR
    assert invoice.name.startswith("in_")


def test_a_draft_is_not_final_and_says_when_it_will_be(shop: Shop) -> None:
    shop.subscribe(MARCH.start)
    shop.use(NOW, "3")
    shop.desk.world.advance(days=21, hours=12, minutes=20)
    (invoice,) = shop.meter.read_invoices(shop.customer, THIS_MONTH)
    assert (invoice.status, invoice.final) == ("draft", False)
    assert invoice.finalized_at is None
    assert invoice.finalizes_at == MARCH.end + HOUR
    assert invoice.lines[0].quantity == 3


def test_invoices_of_other_months_are_not_read(shop: Shop) -> None:
    shop.subscribe(FEBRUARY.start)
    shop.use(MARCH.start, "1")
    shop.desk.world.advance(days=23)
    shop.use(MARCH.end, "20")
    shop.desk.world.advance(days=60)
    next_month = Window(MARCH.end, MARCH.next.end)
    for month, minutes in ((LAST_MONTH, 0), (THIS_MONTH, 1), (next_month, 20)):
        found = shop.meter.read_invoices(shop.customer, month)
        assert [line.quantity for one in found for line in one.lines] == [minutes]


def test_a_cycle_across_two_months_is_read_for_both(shop: Shop) -> None:
    middle = datetime(2026, 2, 20, tzinfo=UTC)
    shop.subscribe(middle)
    shop.use(MARCH.start, "7")
    shop.desk.world.advance(days=60)
    windows = []
    for month in (LAST_MONTH, THIS_MONTH):
        found = shop.meter.read_invoices(shop.customer, month)
        windows.append([one.lines[0].window.start.day for one in found])
    assert windows == [[20], [20, 20]]


def test_minutes_that_came_after_the_invoice_are_on_none(shop: Shop) -> None:
    shop.subscribe(MARCH.start)
    shop.use(NOW, "5")
    shop.desk.world.advance(days=23)
    shop.use(NOW, "2")
    shop.desk.world.advance(days=40)
    assert shop.meter.read_total(shop.customer, THIS_MONTH) == 7
    (invoice,) = shop.meter.read_invoices(shop.customer, THIS_MONTH)
    assert invoice.lines[0].quantity == 5


def test_lines_of_other_meters_are_left_out(shop: Shop) -> None:
    other = shop.other_price()
    shop.subscribe(MARCH.start, other, shop.price)
    shop.subscribe(MARCH.start, other)
    shop.use(NOW, "5")
    shop.use(NOW, "99", "texts")
    shop.desk.world.advance(days=30)
    (invoice,) = shop.meter.read_invoices(shop.customer, THIS_MONTH)
    assert [(line.price, line.quantity) for line in invoice.lines] == [(shop.price, 5)]


def test_two_prices_on_the_meter_are_both_told(shop: Shop) -> None:
    state = shop.meter.describe()
    assert state is not None
    shop.subscribe(MARCH.start, shop.price, shop.priced(state.meter_id, "0.5"))
    shop.use(NOW, "5")
    shop.desk.world.advance(days=30)
    (invoice,) = shop.meter.read_invoices(shop.customer, THIS_MONTH)
    assert [line.quantity for line in invoice.lines] == [5, 5]


def test_each_price_is_asked_for_once(shop: Shop) -> None:
    shop.subscribe(FEBRUARY.start, shop.price, shop.other_price())
    shop.desk.world.advance(days=60)
    for _ in range(3):
        shop.meter.read_invoices(shop.customer, LAST_MONTH)
    assert len(shop.desk.requests("stripe.prices.retrieve")) == 2


def test_a_part_of_a_minute_on_an_invoice_is_a_fault(shop: Shop) -> None:
    shop.subscribe(MARCH.start)
    shop.use(NOW, "2.5")
    shop.desk.world.advance(days=30)
    with pytest.raises(MeterFault, match=r"holds 2\.5 minutes, which is not whole"):
        shop.meter.read_invoices(shop.customer, THIS_MONTH)


def test_nobody_has_no_invoice_and_is_no_customer(shop: Shop) -> None:
    assert shop.meter.read_invoices(shop.customer, THIS_MONTH) == []
    assert shop.meter.read_subscriptions(shop.customer) == []
    with pytest.raises(NoSuchCustomer):
        shop.meter.read_total("cus_nobody", THIS_MONTH)


def test_a_read_of_invoices_is_tried_again(shop: Shop) -> None:
    shop.subscribe(MARCH.start)
    shop.use(NOW, "5")
    shop.desk.world.advance(days=30)
    shop.desk.strike(FaultKind.ERROR_503, "stripe.*", count=3)
    assert len(shop.meter.read_invoices(shop.customer, THIS_MONTH)) == 1
    shop.desk.strike(FaultKind.ERROR_503, "stripe.*", count=99)
    for read in (
        lambda: shop.meter.read_invoices(shop.customer, THIS_MONTH),
        lambda: shop.meter.read_subscriptions(shop.customer),
    ):
        with pytest.raises(MeterUnavailable):
            read()


def test_a_subscription_tells_its_terms(shop: Shop) -> None:
    anchor = datetime(2026, 3, 15, 7, 30, 11, tzinfo=UTC)
    params: dict[str, Any] = {"billing_cycle_anchor": int(anchor.timestamp())}
    name = shop.subscribe(NOW, shop.other_price(), shop.price, **params)
    (item,) = shop.meter.read_subscriptions(shop.customer)
    assert (item.subscription, item.price) == (name, shop.price)
    assert (item.status, item.anchor, item.interval) == ("active", anchor, "month")
    assert (item.unit_amount_decimal, item.currency) == (Decimal(10), "usd")


def test_a_cancelled_subscription_bills_nothing_any_more(shop: Shop) -> None:
    name = shop.subscribe(MARCH.start)
    shop.billing.cancel_subscription(name, {}, NOW)
    assert shop.meter.read_subscriptions(shop.customer) == []
