"""Rules of the little tariff, some of them left open on purpose."""

import pytest

from tests.mutation.planted.tariff import charged, digits, is_long


@pytest.mark.parametrize(("minutes", "cost"), [(5, 0), (10, 0), (11, 1), (70, 60)])
def test_the_first_minutes_are_free(minutes: int, cost: int) -> None:
    assert charged(minutes) == cost


def test_digits_are_counted() -> None:
    assert [digits(number) for number in (7, 10, 99, 100)] == [1, 2, 2, 3]


def test_a_call_of_two_hours_is_long() -> None:
    assert is_long(120)
    assert not is_long(5)
