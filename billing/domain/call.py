"""Calls as the source told them: read strictly, or set aside with a reason."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

from billing.domain.call_metadata import could_be_phone

TERMINAL = frozenset({"completed", "failed", "cancelled"})
UNDERWAY = frozenset({"queued", "ringing", "in_progress"})

# The API takes at most an hour a call; a day leaves room for what it may allow later.
LONGEST_CALL_SECONDS = 86_400
# A call may wait and talk for hours between its creation and its end.
READ_AGAIN = timedelta(hours=48)
CLOCK_TOLERANCE = timedelta(minutes=5)
_DAY = re.compile(r"'\d{4}-\d\d-\d\d")  # as a quoted time begins
_LONGEST_ID = 200
_LARGEST_NUMBER = 2**63 - 1
_FIRST_YEAR, _LAST_YEAR = 1970, 9998


class QuarantineReason(StrEnum):
    """Why a record cannot be understood."""

    NOT_AN_OBJECT = "not_an_object"
    NO_ID = "no_id"
    WRONG_TYPE = "wrong_type"
    UNKNOWN_STATUS = "unknown_status"
    BAD_TIME = "bad_time"
    NAIVE_TIME = "naive_time"
    STARTS_IN_FUTURE = "starts_in_future"
    ENDED_BEFORE_START = "ended_before_start"
    NO_DURATION = "no_duration"
    NEGATIVE_DURATION = "negative_duration"
    ABSURD_DURATION = "absurd_duration"
    DUPLICATE_ID = "duplicate_id"
    UNKNOWN_CUSTOMER = "unknown_customer"
    NO_PRICE = "no_price"


class NotBillable(StrEnum):
    """Why a call that is understood is not billed (in this pull's month)."""

    UNDERWAY = "underway"
    NEVER_CONNECTED = "never_connected"
    OTHER_MONTH = "other_month"


class Call(NamedTuple):
    """The billing extract of one call: no personal data, times in UTC."""

    account: str
    call_id: str
    status: str
    created_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    duration_seconds: int | None
    source_minutes: int | None
    customer_key: str | None

    @property
    def terminal(self) -> bool:
        """Whether nothing more will happen to the call."""
        return self.status in TERMINAL

    def digest(self) -> str:
        """Return the SHA-256 of the extract, written with a field a line."""
        *fields, key = self
        # Only the key may be any text: quoted, it can neither break a line nor be None.
        lines = [*map(str, fields), ascii(key)]
        return sha256("\n".join(lines).encode()).hexdigest()


class Quarantined(NamedTuple):
    """A record that was set aside, with the reason and the field at fault."""

    account: str
    call_id: str | None
    reason: QuarantineReason
    detail: str


class _Unreadable(Exception):
    """A field that cannot be understood; never leaves this module."""

    def __init__(self, reason: QuarantineReason, field: str, value: object) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = f"{field} is {_shown(value)}"


def read_call(
    record: object,
    *,
    account: str,
    now: datetime,
    customer_metadata_key: str | None = None,
) -> Call | Quarantined:
    """Read one record of the API, strictly: nothing is coerced or guessed."""
    if not isinstance(record, Mapping):
        reason = QuarantineReason.NOT_AN_OBJECT
        # Nobody knows what such text holds: its kind is told, and none of it kept.
        return Quarantined(account, None, reason, f"it is a {type(record).__name__}")
    call_id: str | None = None
    try:
        call_id = _read_id(record)
        call = Call(
            account=account,
            call_id=call_id,
            status=_read_status(record),
            created_at=_read_time(record, "created_at"),
            started_at=_read_time(record, "started_at"),
            ended_at=_read_time(record, "ended_at"),
            duration_seconds=_read_count(record, "duration_seconds"),
            source_minutes=_read_count(record, "billed_minutes"),
            customer_key=_read_customer_key(record, customer_metadata_key),
        )
        _check(call, now)
    except _Unreadable as fault:
        return Quarantined(account, call_id, fault.reason, fault.detail)
    return call


def _check(call: Call, now: datetime) -> None:
    started, duration = call.started_at, call.duration_seconds
    if started is None:
        return
    if started > now + CLOCK_TOLERANCE:
        raise _Unreadable(QuarantineReason.STARTS_IN_FUTURE, "started_at", str(started))
    if call.ended_at is not None and call.ended_at < started:
        raise _Unreadable(
            QuarantineReason.ENDED_BEFORE_START, "ended_at", str(call.ended_at)
        )
    if duration is None:
        if call.terminal:
            raise _Unreadable(QuarantineReason.NO_DURATION, "duration_seconds", None)
    elif duration < 0:
        raise _Unreadable(
            QuarantineReason.NEGATIVE_DURATION, "duration_seconds", duration
        )
    elif duration > LONGEST_CALL_SECONDS:
        raise _Unreadable(
            QuarantineReason.ABSURD_DURATION, "duration_seconds", duration
        )


def _read_id(record: Mapping[str, object]) -> str:
    call_id = record.get("id")
    if call_id is None or call_id == "":
        raise _Unreadable(QuarantineReason.NO_ID, "id", call_id)
    if not isinstance(call_id, str) or len(call_id) > _LONGEST_ID:
        raise _Unreadable(QuarantineReason.WRONG_TYPE, "id", call_id)
    if "\x00" in call_id or not call_id.isprintable():
        raise _Unreadable(QuarantineReason.WRONG_TYPE, "id", call_id)
    return call_id


def _read_status(record: Mapping[str, object]) -> str:
    status = record.get("status")
    if isinstance(status, str) and (status in TERMINAL or status in UNDERWAY):
        return status
    raise _Unreadable(QuarantineReason.UNKNOWN_STATUS, "status", status)


def _read_time(record: Mapping[str, object], field: str) -> datetime | None:
    text = record.get(field)
    if text is None:
        return None
    if not isinstance(text, str):
        raise _Unreadable(QuarantineReason.WRONG_TYPE, field, text)
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not UTC and moment.tzinfo is not None:
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _Unreadable(QuarantineReason.BAD_TIME, field, text) from None
    if moment.tzinfo is None:
        raise _Unreadable(QuarantineReason.NAIVE_TIME, field, text)
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise _Unreadable(QuarantineReason.BAD_TIME, field, text)
    return moment


def _read_count(record: Mapping[str, object], field: str) -> int | None:
    value = record.get(field)
    # A bool is an int to Python and never one to us; a float is never a count.
    if value is None:
        return None
    if type(value) is not int:
        raise _Unreadable(QuarantineReason.WRONG_TYPE, field, value)
    if abs(value) > _LARGEST_NUMBER:
        raise _Unreadable(QuarantineReason.ABSURD_DURATION, field, value)
    return value


def _read_customer_key(record: Mapping[str, object], key: str | None) -> str | None:
    if key is None:
        return None
    metadata = record.get("metadata")
    if metadata is None:
        return None
    if not isinstance(metadata, Mapping):
        raise _Unreadable(QuarantineReason.WRONG_TYPE, "metadata", type(metadata))
    value = metadata.get(key)
    if value is None or isinstance(value, str):
        return value
    raise _Unreadable(QuarantineReason.WRONG_TYPE, f"metadata.{key}", value)


def _shown(value: object) -> str:
    # Escapes keep hostile text out of terminals, logs and databases (NUL, surrogates).
    if type(value) is int and abs(value) > _LARGEST_NUMBER:
        return "a number beyond 64 bits"
    text = ascii(value)[:120]
    if not isinstance(value, int) and could_be_phone(text) and not _DAY.match(text):
        return f"a {type(value).__name__} (withheld: it could be a phone number)"
    return text
