"""Prices and subscriptions: cycles to the second, and what may be asked."""

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from billing.sandbox.stripe.billing.cycles import END_OF_TIME, cycle_edge, next_edge
from tests.sandbox.stripe.billing.billing_world import DAY, BillingSite, refusal_of
from tests.sandbox.stripe.stripe_world import T0, second


@pytest.fixture
def site() -> BillingSite:
    return BillingSite()


def at(text: str) -> int:
    return second(datetime.fromisoformat(text).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("anchor", "edges"),
    [
        ("2026-01-01", ["2026-02-01", "2026-03-01", "2026-04-01"]),
        ("2026-01-31T23:59:59", ["2026-02-28T23:59:59", "2026-03-31T23:59:59"]),
        ("2028-01-30", ["2028-02-29", "2028-03-30"]),
        ("2026-11-15T08:00:01", ["2026-12-15T08:00:01", "2027-01-15T08:00:01"]),
    ],
)
def test_cycles_follow_their_anchor_to_the_second(
    anchor: str, edges: list[str]
) -> None:
    first = at(anchor)
    for months, edge in enumerate(edges, start=1):
        assert cycle_edge(first, months) == at(edge)
        assert next_edge(first, at(edge) - 1) == at(edge)
        assert next_edge(first, at(edge)) > at(edge)


def test_time_has_an_end() -> None:
    assert next_edge(at("2026-01-15"), at("9999-12-20")) == END_OF_TIME


def period(subscription: Any) -> tuple[int, int]:
    """Give the period that runs for a subscription's only item."""
    (item,) = subscription["items"]["data"]
    return item["current_period_start"], item["current_period_end"]


def test_a_subscription_begins_its_cycles_when_it_is_made(site: BillingSite) -> None:
    made = site.subscribe(T0)
    assert (made["billing_cycle_anchor"], made["status"]) == (second(T0), "active")
    assert period(made) == (at("2026-03-10T12:00"), at("2026-04-10T12:00"))
    later = site.billing.retrieve_subscription(made["id"], T0 + 70 * DAY)
    assert period(later) == (at("2026-05-10T12:00"), at("2026-06-10T12:00"))
    assert str(later["latest_invoice"]).startswith("in_")


def test_an_anchor_to_come_makes_the_first_cycle_short(site: BillingSite) -> None:
    made = site.subscribe(T0, billing_cycle_anchor=at("2026-04-01"))
    assert period(made) == (second(T0), at("2026-04-01"))
    later = site.billing.retrieve_subscription(made["id"], T0 + 30 * DAY)
    assert period(later) == (at("2026-04-01"), at("2026-05-01"))


def test_a_start_in_the_past_makes_the_first_cycle_long(site: BillingSite) -> None:
    start = at("2026-01-01")
    made = site.subscribe(T0, backdate_start_date=start, billing_cycle_anchor=start)
    assert period(made) == (start, at("2026-04-01"))
    site.use(T0 - 20 * DAY, "5", T0)
    assert site.billed(T0 + 30 * DAY) == [("paid", "5", 50)]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"customer": None}, "customer"),
        ({"customer": "cus_nobody"}, "customer"),
        ({"items": None}, "items"),
        ({"items": [{"price": "price_none"}]}, "items[0][price]"),
        ({"items": [{}]}, "items[0][price]"),
        ({"items": "price_1"}, "items"),
        ({"billing_cycle_anchor": second(T0) - 1}, "billing_cycle_anchor"),
        ({"billing_cycle_anchor": second(T0 + 32 * DAY)}, "billing_cycle_anchor"),
        ({"backdate_start_date": second(T0) + 1}, "backdate_start_date"),
        ({"collection_method": "barter"}, "collection_method"),
        ({"trial_days": 5}, "trial_days"),
    ],
)
def test_a_subscription_that_stripe_would_refuse_is_refused(
    site: BillingSite, change: dict[str, object], param: str
) -> None:
    assert refusal_of(lambda: site.subscribe(T0, **change)) == (400, param)


def test_two_items_cannot_have_one_price(site: BillingSite) -> None:
    twice = [{"price": site.price}, {"price": site.price}]
    assert refusal_of(lambda: site.subscribe(T0, items=twice)) == (400, "items")
    quantity = [{"price": site.price, "quantity": 1}]
    assert refusal_of(lambda: site.subscribe(T0, items=quantity)) == (
        400,
        "items[0][quantity]",
    )


def test_a_subscription_is_cancelled_once(site: BillingSite) -> None:
    name = site.subscribe(T0)["id"]
    cancelled = site.billing.cancel_subscription(name, {}, T0 + DAY)
    assert (cancelled["status"], cancelled["ended_at"]) == (
        "canceled",
        second(T0 + DAY),
    )
    again = refusal_of(site.billing.cancel_subscription, name, {}, T0 + DAY)
    assert again == (404, "id")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, 2),
        ({"status": "all"}, 3),
        ({"status": "canceled"}, 1),
        ({"status": "ended"}, 1),
        ({"status": "past_due"}, 0),
        ({"customer": "cus_other"}, 1),
        ({"price": "price_none"}, 0),
        ({"created": {"gte": second(T0 + DAY)}}, 1),
        ({"created": second(T0)}, 1),
    ],
)
def test_subscriptions_are_listed_as_asked(
    site: BillingSite, asked: dict[str, object], found: int
) -> None:
    site.mode.create_customer({}, T0, name="cus_other")
    site.billing.cancel_subscription(site.subscribe(T0)["id"], {}, T0)
    site.subscribe(T0)
    site.subscribe(T0 + DAY, customer="cus_other")
    listed: Any = site.billing.list_subscriptions(asked, T0 + 2 * DAY)
    assert len(listed["data"]) == found


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"currency": "dollars"}, "currency"),
        ({"unit_amount_decimal": None}, "unit_amount"),
        ({"unit_amount": 10}, "unit_amount"),
        ({"unit_amount_decimal": "-1"}, "unit_amount_decimal"),
        ({"unit_amount_decimal": "1e2"}, "unit_amount_decimal"),
        ({"recurring": None}, "recurring[interval]"),
        ({"recurring": {"interval": "week"}}, "recurring[interval]"),
        (
            {"recurring": {"interval": "month", "interval_count": 2}},
            "recurring[interval_count]",
        ),
        ({"recurring": {"interval": "month"}}, "recurring[usage_type]"),
        ({"product_data": None}, "product"),
        ({"tiers": "many"}, "tiers"),
    ],
)
def test_a_price_that_stripe_would_refuse_is_refused(
    site: BillingSite, change: dict[str, object], param: str
) -> None:
    priced = site.priced(**change)
    assert refusal_of(site.billing.create_price, priced, T0) == (400, param)


def test_a_price_needs_a_meter_that_there_is(site: BillingSite) -> None:
    priced = site.priced()
    priced["recurring"]["meter"] = "mtr_none"
    wanted = (400, "recurring[meter]")
    assert refusal_of(site.billing.create_price, priced, T0) == wanted
    assert refusal_of(site.billing.retrieve_price, "price_none") == (404, "id")


@pytest.mark.parametrize(
    ("decimal", "whole", "shown"),
    [("10", 10, "10"), ("0.50", None, "0.5"), ("10.0", 10, "10"), ("0", 0, "0")],
)
def test_a_price_is_shown_exactly(
    site: BillingSite, decimal: str, whole: int | None, shown: str
) -> None:
    made = site.billing.create_price(site.priced(unit_amount_decimal=decimal), T0)
    assert (made["unit_amount"], made["unit_amount_decimal"]) == (whole, shown)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, 2),
        ({"active": "true"}, 2),
        ({"active": "false"}, 0),
        ({"type": "one_time"}, 0),
        ({"currency": "eur"}, 1),
        ({"lookup_keys": ["euros"]}, 1),
        ({"product": "prod_x"}, 0),
        ({"recurring": {"usage_type": "metered"}}, 2),
        ({"recurring": {"meter": "mtr_none"}}, 0),
        ({"created": {"gt": second(T0)}}, 0),
        ({"limit": "1"}, 1),
    ],
)
def test_prices_are_listed_as_asked(
    site: BillingSite, asked: dict[str, object], found: int
) -> None:
    euros = site.priced(currency="eur", lookup_key="euros")
    site.billing.create_price(euros, T0)
    listed: Any = site.billing.list_prices(asked)
    assert len(listed["data"]) == found


def test_an_edge_is_never_skipped() -> None:
    anchor = at("2026-01-31")
    moments = range(anchor, anchor + 400 * 86_400, 43_200)
    edges = [next_edge(anchor, moment) for moment in moments]
    assert all(edge > moment for edge, moment in zip(edges, moments, strict=True))
    assert max(after - one for one, after in pairwise(edges)) <= 31 * 86_400
