"""Call metadata: what is kept of a call, and what could be somebody's number."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billing.domain.call_metadata import (
    MetadataRule,
    Withheld,
    could_be_phone,
)

NOW = datetime(2026, 3, 31, tzinfo=UTC)
DAY = timedelta(days=1)
RULE = MetadataRule(("campaign",))

ARABIC, FULL_WIDTH = ("".join(map(chr, range(at, at + 7))) for at in (0x660, 0xFF10))
NUMBERS = [
    "+15550100123",
    "15550100123",
    "555 0100",
    "(555) 010-0123",
    "+1.555.010.0123",
    "call 555-0100-123 now",
    "tel:+15550100",
    "00 49 30 / 555 01 23",
    "5550100",
    "1_2_3_4_5_6_7",
    "555\u20130100",
    "+1 5 5 5 0 1 0 0",
    ARABIC,
    FULL_WIDTH,
]
WORDS = ["spring", "spring-2026", "A/B 12", "v1.2.3", "123456", "a1b2c3d4e5f6a7", ""]


@pytest.mark.parametrize("text", NUMBERS)
def test_what_could_be_a_phone_number_is_told(text: str) -> None:
    assert could_be_phone(text)


@pytest.mark.parametrize("text", WORDS)
def test_words_and_short_numbers_are_no_phone_numbers(text: str) -> None:
    assert not could_be_phone(text)


@pytest.mark.parametrize(
    ("said", "kept", "withheld"),
    [
        ("spring", "spring", ()),
        (42, "42", ()),
        (True, "true", ()),
        (None, None, ()),
        ("", None, ()),
        ("+15550100123", None, (Withheld.COULD_BE_PHONE,)),
        (15550100123, None, (Withheld.COULD_BE_PHONE,)),
        (10**50, None, (Withheld.COULD_BE_PHONE,)),
        ({"name": "x"}, None, (Withheld.UNUSABLE,)),
        (["x"], None, (Withheld.UNUSABLE,)),
        (1.5, None, (Withheld.UNUSABLE,)),
        ("two\nlines", None, (Withheld.UNUSABLE,)),
        ("x" * 200, "x" * 200, ()),
        ("x" * 201, None, (Withheld.UNUSABLE,)),
    ],
)
def test_only_short_plain_values_are_kept(
    said: object, kept: str | None, withheld: tuple[Withheld, ...]
) -> None:
    read = RULE.read({"campaign": said, "name": "Ada"}, NOW, NOW)
    assert read.values == (("campaign", kept),)
    assert read.withheld == withheld


@pytest.mark.parametrize("metadata", [{}, None, "x", 7])
def test_a_call_without_metadata_says_nothing(metadata: Any) -> None:
    assert RULE.read(metadata, NOW, NOW).values == (("campaign", None),)


@pytest.mark.parametrize(("age", "kept"), [(DAY, 1), (7 * DAY, 1), (8 * DAY, 0)])
def test_nothing_is_kept_of_calls_older_than_the_retention(
    age: timedelta, kept: int
) -> None:
    rule = MetadataRule(("campaign",), 7 * DAY)
    read = rule.read({"metadata": {"campaign": "spring"}}, NOW - age, NOW)
    assert len(read.values) == kept
