"""Re-rating by the present rule is the present rating; other rules are exact."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.rating import Price, amount_micro, billed_minutes
from billing.domain.what_if import PRESENT, UNFLOORED, Rule, seconds_amount_micro

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
PRICES = st.decimals(0, 10, places=6).map(lambda each: Price(EPOCH, each))


@given(st.integers(0, 90_000), PRICES)
def test_the_present_rule_gives_what_is_billed(seconds: int, price: Price) -> None:
    billed = PRESENT.billed_seconds(seconds)
    minutes = billed_minutes(seconds)
    assert billed == minutes * 60
    assert seconds_amount_micro(billed, price) == amount_micro(minutes, price)


@pytest.mark.parametrize(
    ("rule", "seconds", "billed"),
    [
        (Rule(1, 0), 61, 61),
        (Rule(1, 0), 0, 0),
        (Rule(6, 0), 61, 66),
        (Rule(6, 30), 1, 30),
        (Rule(6, 30), 31, 36),
        (UNFLOORED, 0, 0),
        (UNFLOORED, 1, 60),
        (PRESENT, 0, 60),
        (PRESENT, 60, 60),
        (PRESENT, 61, 120),
    ],
)
def test_every_started_step_is_billed_and_the_least(
    rule: Rule, seconds: int, billed: int
) -> None:
    assert rule.billed_seconds(seconds) == billed


@pytest.mark.parametrize(
    ("seconds", "price", "micro"),
    [(1, "0.10", 1_667), (2, "0.10", 3_333), (3, "0.00001", 1), (1, "0.000030", 1)],
)
def test_a_share_of_a_minute_rounds_at_the_micro_unit(
    seconds: int, price: str, micro: int
) -> None:
    assert seconds_amount_micro(seconds, Price(EPOCH, Decimal(price))) == micro


@pytest.mark.parametrize(("step", "least"), [(0, 60), (-1, 0), (60, -1)])
def test_a_rule_that_bills_nothing_is_refused(step: int, least: int) -> None:
    with pytest.raises(ValueError, match=r"second|nothing"):
        Rule(step, least)
