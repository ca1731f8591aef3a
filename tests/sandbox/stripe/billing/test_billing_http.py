"""Billing as Stripe's own client sees it, over real HTTP."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import stripe

from billing.sandbox.world import METER, STRIPE_KEY
from tests.sandbox.conftest import Serve
from tests.sandbox.pamela.pamela_world import NOW, empty_world
from tests.sandbox.stripe.billing.billing_world import DAY, BillingSite
from tests.sandbox.stripe.stripe_world import T0, second

MARCH = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def site(serve: Serve) -> BillingSite:
    site = BillingSite()
    site.url = serve(site.app())
    return site


def test_a_price_is_made_read_and_listed(site: BillingSite) -> None:
    prices = site.client().v1.prices
    wanted: Any = site.priced(unit_amount_decimal="12.5", metadata={"a": "b"})
    made = prices.create(wanted)
    assert made.recurring is not None
    assert (made.recurring.meter, made.recurring.usage_type) == (site.meter, "metered")
    assert (made.unit_amount, made.unit_amount_decimal) == (None, Decimal("12.5"))
    assert prices.retrieve(made.id).metadata["a"] == "b"
    params: Any = {"limit": 1, "active": True, "recurring": {"meter": site.meter}}
    ids = [listed.id for listed in prices.list(params).auto_paging_iter()]
    assert ids == [made.id, site.price]


def test_a_subscription_is_made_read_listed_and_cancelled(site: BillingSite) -> None:
    subscriptions = site.client().v1.subscriptions
    anchor = second(T0 + 5 * DAY)
    made = subscriptions.create(
        {
            "customer": site.customer,
            "items": [{"price": site.price}],
            "billing_cycle_anchor": anchor,
        }
    )
    (item,) = made.items.data
    assert (item.price.id, item.subscription) == (site.price, made.id)
    assert (item.current_period_start, item.current_period_end) == (second(T0), anchor)
    other = site.subscribe(T0)["id"]
    params: Any = {"limit": 1, "customer": site.customer, "status": "active"}
    ids = [listed.id for listed in subscriptions.list(params).auto_paging_iter()]
    assert ids == [other, made.id]
    assert subscriptions.cancel(made.id, {"invoice_now": False}).status == "canceled"
    assert subscriptions.retrieve(made.id).canceled_at == second(T0)
    with pytest.raises(stripe.InvalidRequestError):
        subscriptions.retrieve("sub_none")


def test_invoices_are_listed_in_pages_and_read_with_their_lines(
    site: BillingSite,
) -> None:
    subscription = site.subscribe(MARCH)["id"]
    site.use(MARCH + DAY, "2.5", T0)
    site.clock.set(datetime(2026, 5, 1, 0, 30, tzinfo=UTC))
    invoices = site.client().v1.invoices
    params: Any = {"limit": 1, "subscription": subscription}
    draft, final = invoices.list(params).auto_paging_iter()
    assert (draft.status, final.status) == ("draft", "paid")
    assert final.parent is not None
    assert final.parent.subscription_details is not None
    assert final.parent.subscription_details.subscription == subscription
    (line,) = invoices.line_items.list(final.id).auto_paging_iter()
    assert line.parent is not None
    assert line.parent.type == "subscription_item_details"
    assert line.pricing is not None
    assert line.pricing.price_details is not None
    assert line.pricing.price_details.price == site.price
    assert (line.quantity, line.quantity_decimal) == (2, Decimal("2.5"))
    assert line.period.start == second(MARCH)
    assert invoices.retrieve(final.id).lines.data[0].id == line.id
    with pytest.raises(stripe.InvalidRequestError):
        invoices.retrieve("in_none")


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({}, 2),
        ({"status": "draft"}, 1),
        ({"status": "paid"}, 1),
        ({"status": "void"}, 0),
        ({"customer": "cus_nobody"}, 0),
        ({"created": {"gte": second(datetime(2026, 4, 2, tzinfo=UTC))}}, 1),
        ({"created": {"lt": second(datetime(2026, 4, 2, tzinfo=UTC))}}, 1),
    ],
)
def test_invoices_are_listed_as_asked(
    site: BillingSite, query: dict[str, Any], count: int
) -> None:
    site.subscribe(MARCH)
    site.clock.set(datetime(2026, 5, 1, 0, 30, tzinfo=UTC))
    params: Any = query
    assert len(site.client().v1.invoices.list(params).data) == count


def test_the_running_cycle_can_be_previewed(site: BillingSite) -> None:
    site.subscribe(MARCH)
    site.use(MARCH + DAY, "7", T0)
    preview = site.client().v1.invoices.create_preview({"customer": site.customer})
    assert (preview.total, preview.lines.data[0].quantity) == (70, 7)
    with pytest.raises(stripe.InvalidRequestError):
        site.client().v1.invoices.create_preview({"customer": "cus_nobody"})


def test_every_customer_of_the_sandbox_is_subscribed_and_invoiced() -> None:
    with empty_world() as world:
        for name in ("cus_one", "cus_two"):
            world.control("POST", "/customers", json={"id": name})
        client = stripe.StripeClient(STRIPE_KEY, base_addresses={"api": world.url})
        for name in ("cus_one", "cus_two"):
            (subscription,) = client.v1.subscriptions.list({"customer": name}).data
            (item,) = subscription.items.data
            start = datetime.fromtimestamp(item.current_period_start, UTC)
            assert start == NOW.replace(day=1, hour=0)
            assert (item.price.currency, item.price.unit_amount) == ("usd", 10)
            months = client.v1.invoices.list({"customer": name}).data
            assert [invoice.status for invoice in months] == ["paid"] * 3
        (meter,) = client.v1.billing.meters.list().data
        assert meter.event_name == METER
        assert item.price.recurring is not None
        assert item.price.recurring.meter == meter.id
