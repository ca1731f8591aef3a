"""What Stripe would invoice otherwise than the ledger has it, each with a remedy."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.domain.rating import Price
from billing.domain.stripe_invoice import MeteredItem, StripeInvoice
from billing.domain.subscription_terms import (
    find_grace_misfits,
    find_misfits,
    observed_grace,
)

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
PRICE = Price(datetime(2020, 1, 1, tzinfo=UTC), Decimal("0.10"))
ITEM = MeteredItem(
    subscription="sub_1",
    item="si_1",
    price="price_1",
    status="active",
    anchor=FIRST,
    unit_amount_decimal=Decimal(10),
    currency="usd",
    interval="month",
)


@pytest.mark.parametrize("status", ["active", "trialing", "past_due"])
def test_a_monthly_subscription_from_the_first_at_our_price_fits(status: str) -> None:
    assert find_misfits([replace(ITEM, status=status)], PRICE) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"anchor": FIRST + SECOND}, "2026-03-01T00:00:01Z"),
        ({"anchor": FIRST.replace(day=15)}, "2026-03-15"),
        ({"anchor": FIRST - SECOND}, "2026-02-28T23:59:59Z"),
        ({"interval": "week"}, "every week"),
        ({"interval": "3 months"}, "every 3 months"),
        ({"threshold": True}, "threshold"),
        ({"unit_amount_decimal": Decimal("10.0001")}, "bills 10.0001 usd"),
        ({"unit_amount_decimal": Decimal("0.10")}, "bills 0.10 usd"),
        ({"unit_amount_decimal": None}, "bills tiers"),
        ({"currency": "eur"}, "bills 10 eur"),
        ({"status": "unpaid"}, "no active subscription on the meter, sub_1 is unpaid"),
    ],
)
def test_each_misfit_is_found_with_its_remedy(
    changes: dict[str, Any], words: str
) -> None:
    [misfit] = find_misfits([replace(ITEM, **changes)], PRICE)
    assert words in misfit.found
    assert misfit.remedy


@pytest.mark.parametrize(
    ("per_minute", "currency", "theirs"),
    [
        ("0.10", "usd", "10.000"),
        ("0.125", "usd", "12.5"),
        ("0.000001", "usd", "0.0001"),
        ("15", "jpy", "15"),
        ("0.005", "kwd", "5"),
    ],
)
def test_prices_are_compared_exactly_in_minor_units(
    per_minute: str, currency: str, theirs: str
) -> None:
    ours = Price(PRICE.effective_from, Decimal(per_minute), currency)
    item = replace(ITEM, unit_amount_decimal=Decimal(theirs), currency=currency)
    assert find_misfits([item], ours) == []


def test_two_active_items_invoice_the_same_minutes_twice() -> None:
    other = replace(ITEM, subscription="sub_2", item="si_2")
    [misfit] = find_misfits([ITEM, other], PRICE)
    assert "2 active items on the meter, of sub_1 and sub_2" in misfit.found
    paused = replace(other, status="paused")
    assert find_misfits([ITEM, paused], PRICE) == []


def test_without_a_subscription_usage_waits() -> None:
    [misfit] = find_misfits([], PRICE)
    assert misfit.found == "no active subscription on the meter"
    assert "waits" in misfit.remedy


def invoice(
    days: int, finalized: timedelta | None = None, finalizes: timedelta | None = None
) -> StripeInvoice:
    made = FIRST + timedelta(days=days)
    return StripeInvoice(
        name=f"in_{days}",
        status="open",
        final=finalized is not None,
        created_at=made,
        finalized_at=None if finalized is None else made + finalized,
        finalizes_at=None if finalizes is None else made + finalizes,
        lines=(),
    )


@pytest.mark.parametrize(
    ("invoices", "grace"),
    [
        ([], None),
        ([invoice(0)], None),
        ([invoice(0, finalized=HOUR)], HOUR),
        ([invoice(0, finalizes=2 * HOUR)], 2 * HOUR),
        ([invoice(31, finalizes=3 * HOUR), invoice(0, finalized=HOUR)], 3 * HOUR),
        ([invoice(0, finalized=HOUR), invoice(31)], HOUR),
    ],
)
def test_the_newest_invoice_that_tells_shows_the_grace_period(
    invoices: list[StripeInvoice], grace: timedelta | None
) -> None:
    assert observed_grace(invoices) == grace


@pytest.mark.parametrize(
    ("observed", "wanted", "words"),
    [
        (None, 3 * HOUR, []),
        (72 * HOUR, 72 * HOUR, []),
        (72 * HOUR + 20 * 60 * SECOND, 72 * HOUR, []),
        (None, HOUR, ["too short"]),
        (HOUR, HOUR, ["too short"]),
        (2 * HOUR, 2 * HOUR, ["too short"]),
        (2 * HOUR + SECOND, 2 * HOUR, []),
        (72 * HOUR, HOUR, ["72 h, the settings say 1 h"]),
        (HOUR, 72 * HOUR, ["1 h, the settings say 72 h", "1 h is too short"]),
        (90 * 60 * SECOND, 48 * HOUR, ["1 h 30 min, the", "too short"]),
    ],
)
def test_the_grace_period_is_long_enough_and_as_the_settings_say(
    observed: timedelta | None, wanted: timedelta, words: list[str]
) -> None:
    misfits = find_grace_misfits(observed, wanted)
    assert len(misfits) == len(words)
    for misfit, said in zip(misfits, words, strict=True):
        assert said in misfit.found
        assert misfit.remedy
