"""Amounts are spelled to the last micro-unit, and never rounded."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.money import format_micro, minor_per_unit


@pytest.mark.parametrize(
    ("amount_micro", "currency", "spelled"),
    [
        (0, "usd", "0.00"),
        (100_000, "usd", "0.10"),
        (-100_000, "usd", "-0.10"),
        (1, "usd", "0.000001"),
        (-1, "usd", "-0.000001"),
        (12_340_001, "usd", "12.340001"),
        (12_345_000, "eur", "12.345"),
        (1_000_000_000_000, "usd", "1000000.00"),
        (7_000_000, "jpy", "7"),
        (7_500_000, "jpy", "7.5"),
    ],
)
def test_an_amount_is_spelled(amount_micro: int, currency: str, spelled: str) -> None:
    assert format_micro(amount_micro, currency) == spelled


@given(st.integers(-(10**18), 10**18), st.sampled_from(["usd", "jpy"]))
def test_the_spelling_is_exactly_the_amount(amount_micro: int, currency: str) -> None:
    spelled = Decimal(format_micro(amount_micro, currency))
    assert spelled * 1_000_000 == amount_micro


@pytest.mark.parametrize(
    ("currency", "minor"),
    [("usd", 100), ("eur", 100), ("jpy", 1), ("krw", 1), ("kwd", 1_000)],
)
def test_a_unit_has_its_currencys_minor_units(currency: str, minor: int) -> None:
    assert minor_per_unit(currency) == minor
