"""The README of a bundle: whoever holds the key can write it, and is not believed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from billing.verifier.bundle_names import GUIDE, MANIFEST
from billing.verifier.program import FAILED, PASSED, report_verification
from billing.verifier.readme import readme_statements
from tests.tamper.bundles import Original, pack, repair, sign

FROZEN = "The month was frozen at 2026-04-02T09:00:00+00:00 by alice.\n"
OPEN = """
THE MONTH IS PROVISIONAL: it is not closed, and its figures may still change.
"""


def verdict_on(original: Original, target: Path, words: bytes) -> tuple[int, str]:
    """Verify a bundle with another README, which the true key signed."""
    files = repair({**original.files, GUIDE: words}, original.key)
    code, _, lines = report_verification(pack(files, target))
    return code, lines[0]


LIES_OF_AN_OPEN_MONTH: dict[str, Callable[[str], str]] = {
    "it is frozen": lambda text: text.replace(OPEN, FROZEN),
    "it is frozen, too": lambda text: text.replace(OPEN, OPEN + FROZEN),
    "it is frozen, at the end": lambda text: text + FROZEN,
    "its figures are final": lambda text: text.replace("may still change", "are final"),
    "no mark in the title": lambda text: text.replace(", PROVISIONAL", ""),
    "another month": lambda text: text.replace("2026-03", "2026-02", 1),
    "another month below": lambda text: text.replace("in 2026-03", "in 2026-02"),
}
LIES_OF_A_CLOSED_MONTH: dict[str, Callable[[str], str]] = {
    "it is open": lambda text: text.replace("The month was frozen", "It is open", 1),
    "another closed it": lambda text: text.replace(" by ", " by not ", 1),
    "it closed later": lambda text: text.replace("frozen at 2026", "frozen at 2027", 1),
    "more is proved": lambda text: text.replace("- Whose key it is.\n", ""),
    "figures of nobody": lambda text: text.replace("Totals", "9,581 minutes") + "9\n",
    "nothing": lambda text: "",
}


@pytest.mark.parametrize("lie", LIES_OF_AN_OPEN_MONTH)
def test_an_open_month_never_reads_as_another(
    bundles: list[Original], target: Path, lie: str
) -> None:
    words = bundles[0].files[GUIDE].decode()
    lying = LIES_OF_AN_OPEN_MONTH[lie](words)
    assert lying != words
    code, sentence = verdict_on(bundles[0], target, lying.encode())
    assert (code, sentence[:18]) == (FAILED, "FAIL  README.txt: ")


@pytest.mark.parametrize("lie", LIES_OF_A_CLOSED_MONTH)
def test_a_closed_month_reads_as_it_was_closed(
    original: Original, target: Path, lie: str
) -> None:
    words = original.files[GUIDE].decode()
    lying = LIES_OF_A_CLOSED_MONTH[lie](words)
    assert lying != words
    code, sentence = verdict_on(original, target, lying.encode())
    assert (code, sentence[:18]) == (FAILED, "FAIL  README.txt: ")


def test_another_key_than_the_one_that_signed_is_not_named(
    original: Original, target: Path
) -> None:
    key = original.key.fingerprint.encode()
    words = original.files[GUIDE].replace(key, b"0" * 32)
    sentence = "FAIL  README.txt: its key is not what the bundle shows"
    assert verdict_on(original, target, words) == (FAILED, sentence)


@pytest.mark.parametrize("words", [b"\xff\n", bytes(2**20), b"x\n" * 2**20])
def test_a_readme_that_nobody_can_read_is_one_sentence(
    original: Original, target: Path, words: bytes
) -> None:
    code, sentence = verdict_on(original, target, words)
    assert (code, sentence[:18]) == (FAILED, "FAIL  README.txt: ")


def test_the_names_of_its_statements_are_no_statements(
    original: Original, target: Path
) -> None:
    words = original.files[GUIDE].decode()
    close = json.loads(original.files[MANIFEST])["close"]
    key = original.key.fingerprint
    for name, statement in readme_statements("2026-03", key, close).items():
        assert words.count(statement) == 1
        hollow = words.replace(statement, f"{{{name}}}") + statement
        assert verdict_on(original, target, hollow.encode())[0] == FAILED


def test_the_words_are_those_of_the_format_that_a_bundle_names(
    original: Original, target: Path
) -> None:
    document = json.loads(original.files[MANIFEST])
    document["format"] = "pamela-billing audit bundle 3"
    files = sign(original.files, document, original.key)
    code, _, lines = report_verification(pack(files, target))
    sentence = "FAIL  README.txt: its words are not those that such a bundle has"
    assert (code, lines[0]) == (FAILED, sentence)


def test_what_is_written_is_what_is_expected(
    bundles: list[Original], target: Path
) -> None:
    for original in bundles:
        words = original.files[GUIDE]
        assert verdict_on(original, target, words)[0] == PASSED
