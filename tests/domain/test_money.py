"""Amounts are spelled to the last micro-unit, and never rounded."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.money import (
    UNKNOWN,
    format_known,
    format_micro,
    minor_per_unit,
)

# As Stripe lists them: no smaller unit, and a thousand of them.
WHOLE = "bif clp djf gnf jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf"
THOUSANDTHS = "bhd jod kwd omr tnd"


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
    ("currencies", "minor", "spelled"),
    [("usd eur gbp", 100, "7.00"), (WHOLE, 1, "7"), (THOUSANDTHS, 1_000, "7.00")],
)
def test_a_unit_has_its_currencys_minor_units(
    currencies: str, minor: int, spelled: str
) -> None:
    for currency in currencies.split():
        assert minor_per_unit(currency) == minor
        assert format_micro(7_000_000, currency) == spelled


def test_an_amount_that_nobody_knows_is_neither_spelled_nor_nought() -> None:
    assert format_known(None, "usd") is None
    assert format_known(0, "usd") == "0.00"
    assert UNKNOWN == "\N{EN DASH}"
