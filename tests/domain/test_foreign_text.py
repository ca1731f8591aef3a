"""Foreign text: nothing in it acts, no number and no secret is left, it is bounded."""

import time
from unicodedata import category

import pytest

from billing.domain.foreign_text import (
    LONGEST_TEXT,
    each_text,
    first_words,
    foreign_text,
    visible,
    visible_lines,
    without_numbers,
)
from billing.domain.held_secrets import HeldSecrets
from tests.domain.test_call_metadata import NUMBERS

WITHHELD = "(withheld: it could be a phone number)"
SECRETS = HeldSecrets([("stripe.api_key", "sk_test_abcdef")])
# A control, a bidirectional sign, one without a look, half a character, and line ends.
ACTING = [
    ("\x1b[2J", r"\x1b[2J"),
    ("\x07", r"\x07"),
    ("\0", r"\x00"),
    ("\x7f", r"\x7f"),
    ("\x9b31m", r"\x9b31m"),
    ("\u202egnp.exe", r"\u202egnp.exe"),
    ("\u2066", r"\u2066"),
    ("\u200b", r"\u200b"),
    ("\ufeff", r"\ufeff"),
    ("\ud83d", r"\ud83d"),
    ("\udcff", r"\udcff"),
    ("\u2028", r"\u2028"),
    ("\U000e0041", r"\U000e0041"),
    ("a\r\nb\tc", r"a\r\nb\tc"),
]


@pytest.mark.parametrize(("said", "shown"), ACTING)
def test_what_would_act_is_shown_as_an_escape(said: str, shown: str) -> None:
    assert visible(said) == shown
    assert foreign_text(said) == shown


def test_every_sign_that_is_left_has_a_look() -> None:
    every = "".join(map(chr, range(0x110000)))
    shown = visible(every)
    left = {category(sign) for sign in shown if not sign.isprintable()}
    assert left == {"Zs"}
    assert visible(shown) == shown


@pytest.mark.parametrize("text", ["plain", "Zürich, 1 000 €", "日本語", "a\u00a0b", ""])
def test_what_does_no_harm_stays_as_it_is(text: str) -> None:
    assert visible(text) == text
    assert foreign_text(text) == text


def test_only_the_ends_of_lines_stay_where_lines_are_meant() -> None:
    assert visible_lines("a\nb\r\n\x1bc") == "a\nb\\r\n\\x1bc"


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize(
    "sentence", ["{}", "call {} now", "to={}&x=1", '"{}"', "'to': '{}',", "电话{}。"]
)
def test_a_number_is_withheld_from_a_sentence(number: str, sentence: str) -> None:
    if "call" in number or number.startswith("tel"):
        sentence = "{}"
    left = without_numbers(sentence.format(number))
    assert WITHHELD in left
    assert sum(sign.isdigit() for sign in left) < 7


@pytest.mark.parametrize(
    "text",
    [
        "%2B4915112345678",
        "to%3D%2B49%20151%20234%205678",
        "x+4915112345678y",
        "电话13800138000给",
        "4915112345678 2nd try",
        "555-123-4567x12",
        "+49\u200b151\u202d2345678",
        "2026-03-10 4915112345678",
    ],
)
def test_a_number_is_withheld_however_it_is_written(text: str) -> None:
    left = foreign_text(text)
    assert WITHHELD in left
    assert "345" not in left
    assert "38001" not in left


@pytest.mark.parametrize(
    "text",
    [
        "HTTP 503 after 12 tries, 3000 ms",
        "1,234,567 minutes, $1,234,567.89, -12345 cents",
        "2026-03-10T11:00:00Z is before 2026-03-10 12:00:00.123456+00:00",
        "2026-03-10 and 2026-03-11, 2026-03",
        "test-stripe_minutes-cus_acme-20260310T11-0:3 exists",
        "cus_123456789, in_1234567890 and req_8123456789ab",
        "550e8400-e29b-41d4-a716-446655440000 is not there",
        "10.20.30.40:65535 and 127.0.0.1",
        "/v1/x?start_time=1773144000&created[gte]=1773144000",
        "<Connection object at 0x7f1234567890>",
        "123456",
    ],
)
def test_names_times_amounts_and_addresses_stay(text: str) -> None:
    assert foreign_text(text) == text


def test_a_secret_a_number_and_a_control_at_once() -> None:
    said = "\x1b[1mNo key sk_test_abcdef for +49 151 2345678\x07"
    assert foreign_text(said, SECRETS) == (
        rf"\x1b[1mNo key (the secret stripe.api_key) for {WITHHELD}\x07"
    )


@pytest.mark.parametrize("size", [LONGEST_TEXT + 1, 5_000, 1_000_000])
def test_a_long_text_is_cut_between_words(size: int) -> None:
    told = foreign_text("word " * (size // 5 + 1))
    assert len(told) == LONGEST_TEXT
    assert told.endswith("…")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("one two", "one two"),
        ("one two t", "one …"),
        ("one twoandmore", "one …"),
        ("oneandtwoandmore", " …"),
    ],
)
def test_the_first_words_are_whole(text: str, shown: str) -> None:
    assert first_words(text, 8) == shown


@pytest.mark.parametrize(("words", "cut"), [(800, False), (801, True)])
def test_of_a_text_no_more_than_its_beginning_is_looked_at(
    words: int, cut: bool
) -> None:
    told = foreign_text("word " * words, longest=9_000)
    assert told == ("word " * 799 + "…" if cut else "word " * words)


def test_no_part_of_what_is_hidden_is_left_where_a_text_is_cut() -> None:
    for before in range(3_970, 4_000):
        told = foreign_text(
            "x " * 10 + "y" * (before - 20) + " sk_test_abcdef", SECRETS
        )
        assert "sk_test" not in told


@pytest.mark.parametrize(
    "text",
    [
        "1" * 4_000,
        "1-" * 2_000,
        "1 " * 2_000 + "a",
        "%2B" * 1_300,
        "://" * 1_300,
        "a-" * 2_000 + "=",
        "a" * 3_900 + "://",
        "basic " * 660,
        "password" * 500,
        "test-" * 800,
        "1.1.1." * 660,
        "2026-" * 800,
    ],
)
def test_no_text_takes_long(text: str) -> None:
    started = time.process_time()
    foreign_text(text, SECRETS)
    assert time.process_time() - started < 1


def test_each_text_of_a_document_is_changed_and_its_numbers_are_not() -> None:
    said = {"a\x07": ["b\x07", {"c": ("d\x07", 5, None, True)}], "e": "f"}
    assert each_text(said, visible) == {
        r"a\x07": [r"b\x07", {"c": [r"d\x07", 5, None, True]}],
        "e": "f",
    }
