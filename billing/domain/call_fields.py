"""Fields of a source's record, read strictly: nothing is coerced or guessed."""

from collections.abc import Mapping
from datetime import UTC, datetime

from billing.domain.call import (
    LARGEST_NUMBER,
    TERMINAL,
    UNDERWAY,
    QuarantineReason,
    Unreadable,
)
from billing.domain.call_metadata import could_be_phone

_LONGEST_ID = 200
_FIRST_YEAR, _LAST_YEAR = 1970, 9998


def read_id(record: Mapping[str, object], field: str) -> str:
    """Read the name of a call; raises Unreadable, as all of these do."""
    call_id = record.get(field)
    if call_id is None or call_id == "":
        raise Unreadable(QuarantineReason.NO_ID, field, call_id)
    if not isinstance(call_id, str) or len(call_id) > _LONGEST_ID:
        raise Unreadable(QuarantineReason.WRONG_TYPE, field, call_id)
    if not call_id.isprintable() or ("+" in call_id and could_be_phone(call_id)):
        raise Unreadable(QuarantineReason.WRONG_TYPE, field, call_id)
    return call_id


def read_status(record: Mapping[str, object], field: str) -> str:
    """Read a status that says whether the call is over."""
    status = record.get(field)
    if isinstance(status, str) and (status in TERMINAL or status in UNDERWAY):
        return status
    raise Unreadable(QuarantineReason.UNKNOWN_STATUS, field, status)


def read_time(record: Mapping[str, object], field: str) -> datetime | None:
    """Read an ISO 8601 time with a zone, in UTC."""
    text = record.get(field)
    if text is None:
        return None
    if not isinstance(text, str):
        raise Unreadable(QuarantineReason.WRONG_TYPE, field, text)
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not UTC and moment.tzinfo is not None:
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unreadable(QuarantineReason.BAD_TIME, field, text) from None
    if moment.tzinfo is None:
        raise Unreadable(QuarantineReason.NAIVE_TIME, field, text)
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise Unreadable(QuarantineReason.BAD_TIME, field, text)
    return moment


def read_count(
    record: Mapping[str, object], field: str, most: int = LARGEST_NUMBER
) -> int | None:
    """Read a whole number that a database can hold."""
    value = record.get(field)
    # A bool is an int to Python and never one to us; a float is never a count.
    if value is None:
        return None
    if type(value) is not int:
        raise Unreadable(QuarantineReason.WRONG_TYPE, field, value)
    if abs(value) > most:
        raise Unreadable(QuarantineReason.ABSURD_DURATION, field, value)
    return value
