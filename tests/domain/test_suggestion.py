"""A name that is misspelt is answered with those that are like it."""

import pytest

from billing.domain.suggestion import did_you_mean


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("hazel-travl", "; did you mean hazel-travel?"),
        ("first_perod", "; did you mean first_period?"),
        ("nobody", ""),
        ("", ""),
    ],
)
def test_only_what_is_alike_is_suggested(name: str, question: str) -> None:
    assert did_you_mean(name, iter(["hazel-travel", "first_period"])) == question
