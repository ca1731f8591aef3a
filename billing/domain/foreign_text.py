"""Foreign text: what others say, made such that it may be kept and shown."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from unicodedata import category

from billing.domain.held_secrets import (
    NO_SECRETS,
    HeldSecrets,
    without_secret_forms,
)

LONGEST_TEXT = 1_000
_FEWEST_DIGITS = 7
# What is looked at of a text: the rest of it nobody reads.
_READ = 4_000
_WITHHELD = "(withheld: it could be a phone number)"

# Times, addresses and names that are made of digits, and are no phone numbers.
_KNOWN = re.compile(
    r"""(
      (?<![0-9])[12][0-9]{3}-[0-9]{2}-[0-9]{2}
        (?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?
           (?:Z|[+-][0-9]{2}:?[0-9]{2})?)?
        (?![0-9]|-[0-9])
    | (?<![0-9])[12][0-9]{7}T[0-9]{2}(?:[0-9]{2}){0,2}Z?(?![0-9])
    | \b(?:live|test)-[\w.]{1,40}-\w{1,64}-[0-9]{8}T[0-9]{2}-[0-9]{1,2}\b
    | (?<![0-9.])(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})\.){3}
        (?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})(?![0-9]|\.[0-9])
    | \b[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\b
    | (?<=_time=)[0-9]{10}(?![0-9])
    | (?<=gte\]=)[0-9]{10}(?![0-9])
    )""",
    re.VERBOSE,
)
# Digits of any script with little between them. After a letter they are part of a
# name; after a plus they never are.
_GAP = r"(?:%[0-9A-Fa-f]{2}|[^\w,;:=&'\"<>|%]|_){0,3}"
_NUMBER = re.compile(
    rf"(?:\+|%2[Bb]){_GAP}\d++(?:{_GAP}\d++)*"
    rf"|(?:(?<![A-Za-z0-9_])|(?<=%[0-9A-Fa-f]{{2}}))"
    rf"\d++(?:{_GAP}\d++)*(?!(?![xX]|[eE][xX][tT])[A-Za-z_])"
)
# What most names are; they hold no number, and no secret that its form tells.
_NAME = re.compile(r"(?!(?:sk|rk|pk|whsec)_)[A-Za-z_][A-Za-z0-9_]*")


def visible(text: str) -> str:
    """Return a text of one line in which nothing acts: what would is an escape.

    That is each control, each sign that turns the direction of writing or has no look,
    and each half of a character.
    """
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() or category(sign) == "Zs" else _escape(sign)
        for sign in text
    )


def visible_lines(text: str) -> str:
    """Return a text in which nothing acts but the ends of its lines."""
    if text.isprintable():
        return text
    return "\n".join(map(visible, text.split("\n")))


def each_text(value: object, change: Callable[[str], str]) -> Any:
    """Return a document of JSON with each of its texts and keys changed."""
    match value:
        case str():
            return change(value)
        case Mapping():
            return {
                each_text(key, change): each_text(item, change)
                for key, item in value.items()
            }
        case list() | tuple():
            return [each_text(item, change) for item in value]
        case _:
            return value


def without_numbers(text: str) -> str:
    """Return a text without what could be a phone number in it; rather too little."""
    # What is known stands at the odd places.
    parts = _KNOWN.split(text)
    parts[::2] = [_NUMBER.sub(_withheld, part) for part in parts[::2]]
    return "".join(parts)


def without_times(text: str) -> str:
    """Return a text without its times and other numbers that are nobody's."""
    return _KNOWN.sub("", text)


def first_words(text: str, longest: int) -> str:
    """Return a text, or its first words: none is cut, since half a secret shows."""
    if len(text) <= longest:
        return text
    return f"{text[: longest - 1].rpartition(' ')[0]} …"


def foreign_text(
    text: str, secrets: HeldSecrets = NO_SECRETS, longest: int = LONGEST_TEXT
) -> str:
    """Return what another side said, such that it may be kept and shown.

    It is bounded; secrets are called by their names; what could be a phone number is
    withheld; what would act on a terminal is an escape.
    """
    text = secrets.hidden(first_words(text, _READ))
    if not _NAME.fullmatch(text):
        text = visible(without_numbers(without_secret_forms(text)))
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _withheld(found: re.Match[str]) -> str:
    digits = sum(sign.isdigit() for sign in found[0])
    return _WITHHELD if digits >= _FEWEST_DIGITS else found[0]


def _escape(sign: str) -> str:
    return sign.encode("unicode_escape").decode()
