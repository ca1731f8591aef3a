"""Fields of Stripe's answers, read strictly: each within what can be, or refused."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from billing.domain.call import LARGEST_NUMBER, MOST_MINUTES
from billing.domain.period import EARLIEST, LATEST
from billing.errors import MeterFault

Json = Mapping[str, Any]
# What reading a field leads to that is not there, or not what was promised.
NONSENSE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
)
LONGEST_TEXT = 255
FIRST_SECOND = int(EARLIEST.start.timestamp())
LAST_SECOND = int(LATEST.end.timestamp()) - 1
# The exponent is looked at before it is expanded: 1e999999999 has a gigabyte of zeros.
_NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?", re.ASCII)


def read_text(value: object, name: str) -> str:
    """Read a short text that is not empty; raises ValueError, as all of these do."""
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_TEXT:
        raise ValueError(f"{name} is no text of at most {LONGEST_TEXT} characters")
    return value


def read_whole(value: object, name: str) -> int:
    """Read a whole number that a database can hold."""
    if type(value) is not int or abs(value) > LARGEST_NUMBER:
        raise ValueError(f"{name} is no whole number of 64 bits")
    return value


def read_moment(value: object, name: str) -> datetime:
    """Read a time in whole seconds since 1970."""
    seconds = read_whole(value, name)
    if not FIRST_SECOND <= seconds <= LAST_SECOND:
        raise ValueError(f"{name} is no time from 1970 to 9998")
    return datetime.fromtimestamp(seconds, UTC)


def read_number(value: object, name: str) -> Decimal:
    """Read a number exactly, whether it came as a number or as text."""
    text = str(value)
    if isinstance(value, bool) or not _NUMBER.fullmatch(text):
        raise ValueError(f"{name} is no number that could be")
    return Decimal(text)


def read_flag(value: object, name: str) -> bool:
    """Read what is either true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} is neither true nor false")
    return value


def whole_minutes(value: object, where: str) -> int:
    """Read a number of minutes exactly; raises MeterFault unless it is whole."""
    exact = read_number(value, f"the minutes of {where}")
    if abs(exact) > MOST_MINUTES:
        raise MeterFault(f"{where} holds {exact:.3e} minutes, which cannot be")
    if exact != exact.to_integral_value():
        raise MeterFault(
            f"{where} holds {exact} minutes, which is not whole: an event there is "
            "not from this ledger"
        )
    return int(exact)
