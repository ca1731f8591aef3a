"""Fields of a record, and the call that they tell of: nothing is guessed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billing.domain.call import (
    CLOCK_TOLERANCE,
    LARGEST_NUMBER,
    LONGEST_CALL_SECONDS,
    Call,
    Quarantined,
    QuarantineReason,
    Unreadable,
    accept_call,
)
from billing.domain.call_fields import read_count, read_id, read_status, read_time
from tests.domain.telling import NOON, tell

SECOND = timedelta(seconds=1)


def reason_of(read: Any, value: object, *more: object) -> QuarantineReason:
    with pytest.raises(Unreadable) as raised:
        read({"field": value}, "field", *more)
    assert raised.value.detail.startswith("field is ")
    return raised.value.reason


@pytest.mark.parametrize("value", ["c", "call_1", "x" * 200, "+12", "\u00e9"])
def test_a_name_is_any_text_that_can_be_shown(value: str) -> None:
    assert read_id({"field": value}, "field") == value


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, QuarantineReason.NO_ID),
        ("", QuarantineReason.NO_ID),
        (7, QuarantineReason.WRONG_TYPE),
        ("x" * 201, QuarantineReason.WRONG_TYPE),
        ("a\nb", QuarantineReason.WRONG_TYPE),
        ("+14155550123", QuarantineReason.WRONG_TYPE),
    ],
)
def test_what_names_no_call_is_set_aside(
    value: object, reason: QuarantineReason
) -> None:
    assert reason_of(read_id, value) is reason


@pytest.mark.parametrize("value", [None, "", "COMPLETED", "decided", 7, ["completed"]])
def test_a_status_says_whether_the_call_is_over(value: object) -> None:
    assert reason_of(read_status, value) is QuarantineReason.UNKNOWN_STATUS
    assert read_status({"field": "completed"}, "field") == "completed"
    assert read_status({"field": "ringing"}, "field") == "ringing"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        (None, None),
        ("2026-03-10T12:00:00Z", NOON),
        ("2026-03-10T12:00:00+00:00", NOON),
        ("2026-03-10T17:45:00+05:45", NOON),
        ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
        ("9998-12-31T23:59:59Z", datetime(9998, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_a_time_is_told_in_utc(text: str | None, moment: datetime | None) -> None:
    found = read_time({"field": text}, "field")
    assert found == moment
    assert found is None or found.tzinfo is UTC


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (7, QuarantineReason.WRONG_TYPE),
        (NOON, QuarantineReason.WRONG_TYPE),
        ("yesterday", QuarantineReason.BAD_TIME),
        ("2026-03-10T12:00:00", QuarantineReason.NAIVE_TIME),
        ("1969-12-31T23:59:59Z", QuarantineReason.BAD_TIME),
        ("1970-01-01T00:00:00+01:00", QuarantineReason.BAD_TIME),
        ("9999-01-01T00:00:00Z", QuarantineReason.BAD_TIME),
        ("0001-01-01T00:00:00+01:00", QuarantineReason.BAD_TIME),
    ],
)
def test_a_time_that_cannot_be_placed_is_set_aside(
    value: object, reason: QuarantineReason
) -> None:
    assert reason_of(read_time, value) is reason


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "None"),
        ("over", "'over'"),
        ("x" * 200, "'" + "x" * 119),
        ("a\x1b[2J\0\ud83d", r"'a\x1b[2J\x00\ud83d'"),
        ("+14155550123", "a str (withheld: it could be a phone number)"),
        (["+14155550123"], "a list (withheld: it could be a phone number)"),
        ("2026-03-10T12:00:00Z", "'2026-03-10T12:00:00Z'"),
        (True, "True"),
        (-999_999, "-999999"),
        (999_999, "999999"),
        (1_000_000, "a number of 7 digits"),
        (-1_000_000, "a number of 7 digits"),
        (2**63 - 1, "a number of 19 digits"),
        (2**63, "a number beyond 64 bits"),
        (1 - 2**63, "a number of 19 digits"),
        (-(2**63), "a number beyond 64 bits"),
        (10**100, "a number beyond 64 bits"),
    ],
)
def test_a_field_at_fault_is_shown_short_and_without_what_nobody_may_read(
    value: object, shown: str
) -> None:
    fault = Unreadable(QuarantineReason.WRONG_TYPE, "field", value)
    assert fault.detail == f"field is {shown}"


@pytest.mark.parametrize(
    ("value", "most"), [(None, 9), (0, 9), (9, 9), (-9, 9), (LARGEST_NUMBER, None)]
)
def test_a_count_is_a_whole_number(value: int | None, most: int | None) -> None:
    bound = [] if most is None else [most]
    assert read_count({"field": value}, "field", *bound) == value


@pytest.mark.parametrize(
    ("value", "most", "reason"),
    [
        (True, 9, QuarantineReason.WRONG_TYPE),
        (1.0, 9, QuarantineReason.WRONG_TYPE),
        ("1", 9, QuarantineReason.WRONG_TYPE),
        (10, 9, QuarantineReason.ABSURD_DURATION),
        (-10, 9, QuarantineReason.ABSURD_DURATION),
        (LARGEST_NUMBER + 1, LARGEST_NUMBER, QuarantineReason.ABSURD_DURATION),
    ],
)
def test_what_is_no_count_is_set_aside(
    value: object, most: int, reason: QuarantineReason
) -> None:
    assert reason_of(read_count, value, most) is reason


@pytest.mark.parametrize(
    ("status", "terminal", "decided"),
    [
        ("queued", False, False),
        ("ringing", False, False),
        ("in_progress", False, False),
        ("completed", True, False),
        ("failed", True, False),
        ("cancelled", True, False),
        # No source says so: a person did.
        ("decided", True, True),
    ],
)
def test_a_call_is_over_by_its_status_or_by_a_decision(
    status: str, terminal: bool, decided: bool
) -> None:
    call = tell(status=status)
    assert (call.terminal, call.decided) == (terminal, decided)


def accepted(call: Call, metadata: object = None, key: str | None = None) -> Any:
    found = accept_call(call, metadata, now=NOON, customer_metadata_key=key)
    return found.reason if isinstance(found, Quarantined) else found


LATER = NOON + CLOCK_TOLERANCE


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (tell(seconds=0), None),
        (tell(seconds=LONGEST_CALL_SECONDS), None),
        (tell(seconds=LONGEST_CALL_SECONDS + 1), QuarantineReason.ABSURD_DURATION),
        (tell()._replace(duration_seconds=-1), QuarantineReason.NEGATIVE_DURATION),
        (tell()._replace(duration_seconds=None), QuarantineReason.NO_DURATION),
        (tell(status="in_progress")._replace(duration_seconds=None), None),
        (tell(started_at=None)._replace(duration_seconds=None), None),
        (tell()._replace(ended_at=NOON), None),
        (tell()._replace(ended_at=NOON - SECOND), QuarantineReason.ENDED_BEFORE_START),
        (tell()._replace(ended_at=None), None),
        (tell(started_at=LATER), None),
        (tell(started_at=LATER + SECOND), QuarantineReason.STARTS_IN_FUTURE),
    ],
)
def test_a_call_that_cannot_be_is_set_aside(
    call: Call, reason: QuarantineReason | None
) -> None:
    assert accepted(call) == (reason or call)


@pytest.mark.parametrize(
    ("metadata", "key", "customer"),
    [
        (None, "customer", None),
        ({"customer": "acme"}, None, None),
        ({"customer": "acme"}, "customer", "acme"),
        ({"customer": None}, "customer", None),
        ({}, "customer", None),
        ({"customer": 7}, "customer", QuarantineReason.WRONG_TYPE),
        (["customer"], "customer", QuarantineReason.WRONG_TYPE),
        # Where no key is read, nobody cares what the metadata is.
        (["customer"], None, None),
    ],
)
def test_a_key_of_the_metadata_names_the_customer(
    metadata: object, key: str | None, customer: object
) -> None:
    found = accepted(tell(), metadata, key)
    named = found.customer_key if isinstance(found, Call) else found
    assert named == customer
