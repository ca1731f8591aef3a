"""Rating: minutes, prices and amounts, against a reference written with fractions."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.call import DECIDED, NotBillable
from billing.domain.rating import (
    NoPrice,
    Price,
    PriceList,
    amount_micro,
    billed_minutes,
    why_not_billable,
)
from tests.domain.telling import NOON, tell

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
APRIL = datetime(2026, 4, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
TEN_CENTS = Price(MARCH, Decimal("0.10"))
DECIMALS = st.decimals(0, 1000, places=9)


def reference_minutes(seconds: int) -> int:
    """Say how many minutes are begun, with exact fractions."""
    return max(ceil(Fraction(seconds, 60)), 1)


def reference_micro(minutes: int, per_minute: Decimal) -> int:
    """Round to the nearest micro-unit, halves away from zero, with exact fractions."""
    exact = Fraction(per_minute) * minutes * 1_000_000
    nearest = floor(abs(exact) + Fraction(1, 2))
    return nearest if exact >= 0 else -nearest


@pytest.mark.parametrize(
    ("seconds", "minutes"),
    [
        (0, 1),
        (1, 1),
        (59, 1),
        (60, 1),
        (61, 2),
        (119, 2),
        (120, 2),
        (121, 3),
        (3600, 60),
        (3601, 61),
        (86_400, 1440),
        (2**31, 35_791_395),
    ],
)
def test_every_started_minute_is_billed_and_at_least_one(
    seconds: int, minutes: int
) -> None:
    assert billed_minutes(seconds) == minutes
    assert type(billed_minutes(seconds)) is int


@given(st.integers(0, 2**31))
def test_minutes_agree_with_the_reference(seconds: int) -> None:
    assert billed_minutes(seconds) == reference_minutes(seconds)


@given(st.integers(-(2**31), 2**31), DECIMALS)
def test_amounts_agree_with_the_reference(minutes: int, per_minute: Decimal) -> None:
    found = amount_micro(minutes, Price(MARCH, per_minute))
    assert found == reference_micro(minutes, per_minute)
    assert type(found) is int


@given(st.integers(0, 2**31), DECIMALS)
def test_a_reversal_cancels_to_the_unit(minutes: int, per_minute: Decimal) -> None:
    price = Price(MARCH, per_minute)
    assert amount_micro(minutes, price) + amount_micro(-minutes, price) == 0


@pytest.mark.parametrize(
    ("minutes", "per_minute", "micro"),
    [
        (0, "0.10", 0),
        (1, "0.10", 100_000),
        (61, "0.10", 6_100_000),
        (-2, "0.10", -200_000),
        (1, "0.0000004", 0),
        (1, "0.0000005", 1),
        (-1, "0.0000005", -1),
        (3, "0.0000005", 2),
        (-3, "0.0000005", -2),
        (5, "0.0000005", 3),
        (1, "0", 0),
        (1, "0.00000049999", 0),
    ],
)
def test_halves_round_away_from_zero(minutes: int, per_minute: str, micro: int) -> None:
    assert amount_micro(minutes, Price(MARCH, Decimal(per_minute))) == micro


@pytest.mark.parametrize("value", [0.1, 1, "0.10", None, True])
def test_a_price_is_a_decimal_and_nothing_else(value: object) -> None:
    with pytest.raises(TypeError, match="a price is a Decimal"):
        Price(MARCH, value)  # type: ignore[arg-type] # the refusal is what is tested


@pytest.mark.parametrize("digits", ["-0.01", "NaN", "sNaN", "Infinity", "-Infinity"])
def test_a_price_is_finite_and_not_negative(digits: str) -> None:
    with pytest.raises(ValueError, match="finite and not negative"):
        Price(MARCH, Decimal(digits))


def test_a_price_holds_from_an_aware_time() -> None:
    with pytest.raises(ValueError, match="aware"):
        Price(MARCH.replace(tzinfo=None), Decimal("0.10"))


def test_a_price_holds_from_its_date_until_the_next_begins() -> None:
    dearer = Price(APRIL, Decimal("0.12"))
    prices = PriceList([dearer, TEN_CENTS])
    assert prices.at(MARCH) == TEN_CENTS
    assert prices.at(APRIL - TICK) == TEN_CENTS
    assert prices.at(APRIL) == dearer
    assert prices.at(APRIL + timedelta(days=9000)) == dearer


def test_a_price_that_names_no_currency_is_in_dollars() -> None:
    assert TEN_CENTS.currency == "usd"


def test_before_the_first_date_no_price_holds() -> None:
    with pytest.raises(NoPrice, match=r"2026-02-28T23:59:59\.999999") as refusal:
        PriceList([TEN_CENTS]).at(MARCH - TICK)
    assert refusal.value.moment == MARCH - TICK
    with pytest.raises(NoPrice):
        PriceList([]).at(MARCH)


def test_a_date_has_one_price_and_a_list_one_currency() -> None:
    with pytest.raises(ValueError, match="same date"):
        PriceList([TEN_CENTS, Price(MARCH, Decimal("0.11"))])
    with pytest.raises(ValueError, match="more than one currency"):
        PriceList([TEN_CENTS, Price(APRIL, Decimal("0.10"), "eur")])


def test_a_list_knows_its_currency() -> None:
    assert PriceList([Price(MARCH, Decimal(1), "eur")]).currency == "eur"
    assert PriceList([]).currency == "usd"


@pytest.mark.parametrize(
    ("status", "connected", "reason"),
    [
        ("completed", True, None),
        ("failed", True, None),
        ("cancelled", True, None),
        ("completed", False, NotBillable.NEVER_CONNECTED),
        ("failed", False, NotBillable.NEVER_CONNECTED),
        ("cancelled", False, NotBillable.NEVER_CONNECTED),
        ("queued", False, NotBillable.UNDERWAY),
        ("ringing", False, NotBillable.UNDERWAY),
        ("in_progress", True, NotBillable.UNDERWAY),
    ],
)
def test_a_call_is_billed_when_it_is_over_and_was_connected(
    status: str, connected: bool, reason: NotBillable | None
) -> None:
    call = tell(status=status, started_at=NOON if connected else None)
    assert why_not_billable(call) is reason


def test_what_a_person_decided_not_to_bill_is_told_from_what_never_connected() -> None:
    call = tell(status=DECIDED, started_at=None)
    assert why_not_billable(call) is NotBillable.BY_DECISION
