"""Money is spelled exactly, with the places that its currency has."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.money import format_micro


@pytest.mark.parametrize(
    ("micro", "currency", "spelled"),
    [
        (0, "usd", "0.00"),
        (100_000, "usd", "0.10"),
        (12_340_000, "usd", "12.34"),
        (12_345_000, "usd", "12.345"),
        (12_340_001, "usd", "12.340001"),
        (-100_000, "usd", "-0.10"),
        (-1, "usd", "-0.000001"),
        (10**18, "usd", "1000000000000.00"),
        (0, "jpy", "0"),
        (15_000_000, "jpy", "15"),
        (15_500_000, "jpy", "15.5"),
        (-15_000_000, "jpy", "-15"),
    ],
)
def test_an_amount_has_its_usual_places_or_as_many_as_it_needs(
    micro: int, currency: str, spelled: str
) -> None:
    assert format_micro(micro, currency) == spelled


@given(st.integers(-(2**63), 2**63), st.sampled_from(["usd", "eur", "jpy"]))
def test_nothing_is_rounded(micro: int, currency: str) -> None:
    assert Decimal(format_micro(micro, currency)) * 1_000_000 == micro
