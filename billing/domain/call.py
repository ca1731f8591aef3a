"""Calls as a source told them: accepted as possible, or set aside with a reason."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

from billing.domain.call_metadata import could_be_phone
from billing.domain.foreign_text import without_times

TERMINAL = frozenset({"completed", "failed", "cancelled"})
UNDERWAY = frozenset({"queued", "ringing", "in_progress"})
# A record without an id: what stands for one is made of its digest.
NAMELESS = "?"
# No source says so: a person did, of a call that nothing can be made of.
DECIDED = "decided"

# The API takes at most an hour a call; a day leaves room for what it may allow later.
LONGEST_CALL_SECONDS = 86_400
LONGEST_CALL = timedelta(seconds=LONGEST_CALL_SECONDS)
# A call may wait and talk for hours between its creation and its end.
READ_AGAIN = timedelta(hours=48)
# It may be planned long before it starts: a total that is more than the calls that
# were found is searched for back to here.
LOOK_BACK = timedelta(days=90)
CLOCK_TOLERANCE = timedelta(minutes=5)
LARGEST_NUMBER = 2**63 - 1
# No account has as many in a month; priced and added up they still fit a database.
MOST_MINUTES = 10**10
_LONGEST_NUMBER_SHOWN = 6


class QuarantineReason(StrEnum):
    """Why a record cannot be understood, or may not be billed as it is."""

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
    TIMES_CONTRADICT = "times_contradict"
    DUPLICATE_ID = "duplicate_id"
    UNKNOWN_CUSTOMER = "unknown_customer"
    NO_PRICE = "no_price"
    ID_REUSED = "id_reused"
    CALL_IN_TWO_ACCOUNTS = "call_in_two_accounts"


class NotBillable(StrEnum):
    """Why a call that is understood is not billed (in this pull's month)."""

    UNDERWAY = "underway"
    NEVER_CONNECTED = "never_connected"
    OTHER_MONTH = "other_month"
    BEFORE_FIRST_PERIOD = "before_first_period"
    BY_DECISION = "by_decision"


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
        return self.status in TERMINAL or self.decided

    @property
    def decided(self) -> bool:
        """Whether a person says what it comes to, and not its source."""
        return self.status == DECIDED

    @property
    def placed_at(self) -> datetime | None:
        """The moment that decides its month: its start, or before it its creation."""
        return self.started_at or self.created_at

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
    extract_sha256: str | None = None  # where the call itself can be understood


class Unreadable(Exception):
    """A field of a record that cannot be understood."""

    def __init__(self, reason: QuarantineReason, field: str, value: object) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = f"{field} is {_shown(value)}"

    def quarantined(self, account: str, call_id: str | None) -> Quarantined:
        """Return the record, set aside."""
        return Quarantined(
            account=account, call_id=call_id, reason=self.reason, detail=self.detail
        )


def accept_call(
    call: Call,
    metadata: object,
    *,
    now: datetime,
    customer_metadata_key: str | None = None,
) -> Call | Quarantined:
    """Give a call its customer's key, and check that what it says can be."""
    try:
        key = _customer_key(metadata, customer_metadata_key)
        _require_possible(call, now)
    except Unreadable as fault:
        return fault.quarantined(call.account, call.call_id)
    if key is None:
        return call
    # As `_replace` would, in half the time: a month has millions of calls.
    return Call._make((*call[:-1], key))


def _require_possible(call: Call, now: datetime) -> None:
    started, duration = call.started_at, call.duration_seconds
    if started is None:
        return
    if started > now + CLOCK_TOLERANCE:
        raise Unreadable(QuarantineReason.STARTS_IN_FUTURE, "started_at", str(started))
    if call.ended_at is not None and call.ended_at < started:
        raise Unreadable(
            QuarantineReason.ENDED_BEFORE_START, "ended_at", str(call.ended_at)
        )
    if duration is None:
        if call.terminal:
            raise Unreadable(QuarantineReason.NO_DURATION, "duration_seconds", None)
    elif duration < 0:
        raise Unreadable(
            QuarantineReason.NEGATIVE_DURATION, "duration_seconds", duration
        )
    elif duration > LONGEST_CALL_SECONDS:
        raise Unreadable(QuarantineReason.ABSURD_DURATION, "duration_seconds", duration)


def _customer_key(metadata: object, key: str | None) -> str | None:
    if key is None or metadata is None:
        return None
    if not isinstance(metadata, Mapping):
        raise Unreadable(QuarantineReason.WRONG_TYPE, "metadata", type(metadata))
    value = metadata.get(key)
    if value is None or isinstance(value, str):
        return value
    raise Unreadable(QuarantineReason.WRONG_TYPE, f"metadata.{key}", value)


def _shown(value: object) -> str:
    # Escapes keep hostile text out of terminals, logs and databases (NUL, surrogates).
    if type(value) is int and abs(value) > LARGEST_NUMBER:
        return "a number beyond 64 bits"
    if type(value) is int:
        digits = len(str(abs(value)))
        is_short = digits <= _LONGEST_NUMBER_SHOWN
        return str(value) if is_short else f"a number of {digits} digits"
    text = ascii(value)[:120]
    if could_be_phone(without_times(text)):
        return f"a {type(value).__name__} (withheld: it could be a phone number)"
    return text
