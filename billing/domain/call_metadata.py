"""Call metadata: the few values of a call that reports group by, and what is refused.

A value may name a person, so only the keys in the settings are looked at, only plain
values are taken, and never one that could be a phone number.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

LONGEST_VALUE = 200
_FEWEST_DIGITS = 7
_WIDEST = 64
# Digits of any script that no letter parts.
_NUMBER = re.compile(r"\d(?:[\W_]*\d)*")


class Withheld(StrEnum):
    """Why a value is not stored."""

    COULD_BE_PHONE = "could_be_phone"
    UNUSABLE = "unusable"


@dataclass(frozen=True, slots=True)
class CallMetadata:
    """What a call says under each key that was asked for; None: nothing to keep."""

    values: tuple[tuple[str, str | None], ...] = ()
    withheld: tuple[Withheld, ...] = ()


@dataclass(frozen=True, slots=True)
class MetadataRule:
    """Which keys are kept, and for how long; without a retention, until erased."""

    keys: Sequence[str] = ()
    retention: timedelta | None = None

    def read(
        self, metadata: object, called_at: datetime, now: datetime
    ) -> CallMetadata:
        """Return what is kept of a call's metadata."""
        if not self.keys or self._is_over(called_at, now):
            return NOTHING
        if not isinstance(metadata, Mapping):
            return CallMetadata(tuple((key, None) for key in self.keys))
        values = [(key, _usable(metadata.get(key))) for key in self.keys]
        return CallMetadata(
            tuple(
                (key, None if isinstance(value, Withheld) else value)
                for key, value in values
            ),
            tuple(value for _, value in values if isinstance(value, Withheld)),
        )

    def _is_over(self, called_at: datetime, now: datetime) -> bool:
        return self.retention is not None and called_at < now - self.retention


NOTHING = CallMetadata()
NOTHING_KEPT = MetadataRule()


def could_be_phone(text: str) -> bool:
    """Say whether a text holds what could be a phone number; rather too often."""
    return any(
        sum(sign.isdigit() for sign in number[0]) >= _FEWEST_DIGITS
        for number in _NUMBER.finditer(text)
    )


def _usable(value: object) -> str | Withheld | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int):
        return Withheld.UNUSABLE
    # A number of thousands of digits is never spelled.
    if isinstance(value, int) and value.bit_length() > _WIDEST:
        return Withheld.COULD_BE_PHONE
    text = str(value)
    if len(text) > LONGEST_VALUE or not text.isprintable():
        return Withheld.UNUSABLE
    return Withheld.COULD_BE_PHONE if could_be_phone(text) else text
