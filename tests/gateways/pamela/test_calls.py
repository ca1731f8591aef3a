"""Pamela's records are read strictly: understood, or set aside with a reason."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.call import Call, Quarantined, QuarantineReason, accept_call
from billing.domain.period import BillingPeriod
from billing.gateways.call_pages import as_source_call, read_call

NOW = datetime(2026, 3, 15, tzinfo=UTC)
RECORD: dict[str, Any] = {
    "id": "call_1",
    "status": "completed",
    "created_at": "2026-03-10T11:59:50Z",
    "started_at": "2026-03-10T12:00:00Z",
    "ended_at": "2026-03-10T12:01:01Z",
    "duration_seconds": 61,
    "billed_minutes": 2,
    "metadata": {"team": "acme"},
}
Q = QuarantineReason
# These are found by whoever compares calls with each other, or with the settings.
FOUND_LATER = {
    Q.DUPLICATE_ID,
    Q.UNKNOWN_CUSTOMER,
    Q.NO_PRICE,
    Q.ID_REUSED,
    Q.CALL_IN_TWO_ACCOUNTS,
    Q.TIMES_CONTRADICT,
}


def read(
    record: object, *, now: datetime = NOW, key: str | None = "team"
) -> Call | Quarantined:
    call = read_call(record, "main")
    if isinstance(call, Quarantined) or not isinstance(record, dict):
        return call
    metadata = record.get("metadata")
    return accept_call(call, metadata, now=now, customer_metadata_key=key)


def read_with(**changes: object) -> Call | Quarantined:
    return read({**RECORD, **changes})


Changes = dict[str, object]
Refusal = tuple[Changes, QuarantineReason]
COUNTS = ("duration_seconds", "billed_minutes")
TIMES = ("created_at", "started_at", "ended_at")


def each(
    reason: QuarantineReason, fields: Iterable[str], values: Iterable[object]
) -> list[Refusal]:
    """List one refusal for each of the values in each of the fields."""
    told = list(values)
    return [({field: value}, reason) for field in fields for value in told]


REFUSED: list[Refusal] = [
    *each(Q.NO_ID, ["id"], [None, ""]),
    *each(Q.WRONG_TYPE, ["id"], [7, True, ["call_1"], "x" * 201]),
    *each(Q.WRONG_TYPE, ["id"], [f"call{sign}1" for sign in "\0\n\x1b\u202e\ud800"]),
    *each(Q.UNKNOWN_STATUS, ["status"], [None, "", "COMPLETED", "completed ", 1, []]),
    *each(Q.WRONG_TYPE, COUNTS, ["60", 60.0, 60.5, True, False, [60], {}, ""]),
    *each(Q.WRONG_TYPE, COUNTS, [float("nan"), float("inf"), 1e300]),
    *each(Q.NEGATIVE_DURATION, COUNTS[:1], [-1, -60, -(10**10)]),
    *each(Q.ABSURD_DURATION, COUNTS[:1], [86_401, 10**10, 10**30]),
    *each(Q.NO_DURATION, COUNTS[:1], [None]),
    *each(Q.WRONG_TYPE, TIMES, [1_773_144_000, 1_773_144_000_000, 1.5, True, [], {}]),
    *each(Q.BAD_TIME, TIMES, ["", "yesterday", "1773144000000", "\0", "\ud800"]),
    *each(Q.BAD_TIME, TIMES, ["2026-02-29T00:00:00Z", "2026-12-31T23:59:60Z"]),
    *each(Q.BAD_TIME, TIMES, ["2026-13-01", "2026-03-10T12:00:00+25:00"]),
    *each(Q.BAD_TIME, TIMES, ["\uff12026-03-10T12:00:00Z"]),
    *each(Q.BAD_TIME, TIMES, ["0001-01-01T00:00:00+14:00"]),
    *each(Q.BAD_TIME, TIMES, ["9999-12-31T23:59:59-12:00"]),
    *each(Q.NAIVE_TIME, TIMES, ["2026-03-10T12:00:00", "2026-03-10"]),
    *each(Q.STARTS_IN_FUTURE, TIMES[1:2], ["2026-03-15T00:05:00.000001Z"]),
    *each(Q.ENDED_BEFORE_START, TIMES[2:], ["2026-03-10T11:59:59.999999Z"]),
    *each(Q.WRONG_TYPE, ["metadata"], ["acme", ["acme"], 7, True]),
    *each(Q.WRONG_TYPE, ["metadata"], [{"team": 7}, {"team": True}, {"team": {}}]),
]


@pytest.mark.parametrize(("changes", "reason"), REFUSED)
def test_what_makes_no_sense_is_set_aside_with_its_reason(
    changes: Changes, reason: QuarantineReason
) -> None:
    found = read_with(**changes)
    assert isinstance(found, Quarantined)
    assert found.reason is reason
    assert found.account == "main"
    assert found.call_id == (None if "id" in changes else "call_1")
    assert next(iter(changes)) in found.detail or "duration" in found.detail


@pytest.mark.parametrize("record", [None, 7, "call_1", [], [("id", "call_1")], True])
def test_what_is_no_object_is_set_aside(record: object) -> None:
    found = read(record)
    assert isinstance(found, Quarantined)
    assert (found.reason, found.call_id) == (Q.NOT_AN_OBJECT, None)


def test_every_reason_has_been_seen() -> None:
    seen = {reason for _, reason in REFUSED} | {Q.NOT_AN_OBJECT}
    assert seen | FOUND_LATER == set(QuarantineReason)


def test_a_call_is_read_as_it_was_told() -> None:
    assert read(RECORD) == Call(
        account="main",
        call_id="call_1",
        status="completed",
        created_at=datetime(2026, 3, 10, 11, 59, 50, tzinfo=UTC),
        started_at=datetime(2026, 3, 10, 12, tzinfo=UTC),
        ended_at=datetime(2026, 3, 10, 12, 1, 1, tzinfo=UTC),
        duration_seconds=61,
        source_minutes=2,
        customer_key="acme",
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"duration_seconds": 0},
        {"duration_seconds": 86_400},
        {"billed_minutes": None},
        {"ended_at": None},
        {"created_at": None},
        {"ended_at": "2026-03-10T12:00:00Z"},
        {"started_at": "2026-03-15T00:05:00Z", "ended_at": None},
        {"started_at": "2028-02-29T00:00:00Z", "ended_at": None},
        {"status": "queued", "started_at": None, "duration_seconds": None},
        {"status": "in_progress", "ended_at": None, "duration_seconds": None},
        {"status": "failed", "started_at": None, "duration_seconds": None},
        {"metadata": None},
        {"metadata": {}},
        {"metadata": {"team": None}},
        {"something_new": {"deep": [1.5]}},
    ],
)
def test_what_makes_sense_is_understood(changes: Changes) -> None:
    later = datetime(2028, 3, 15, tzinfo=UTC) if "2028" in str(changes) else NOW
    assert isinstance(read({**RECORD, **changes}, now=later), Call)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-10T12:00:00Z",
        "2026-03-10T12:00:00+00:00",
        "2026-03-11T02:00:00+14:00",
        "2026-03-10T00:00:00-12:00",
        "2026-03-10T17:45:00.000000+05:45",
        "2026-03-10 12:00:00Z",
    ],
)
def test_one_moment_is_one_extract_however_it_is_spelled(text: str) -> None:
    found, plain = read_with(started_at=text), read(RECORD)
    assert isinstance(found, Call)
    assert isinstance(plain, Call)
    assert found.started_at is not None
    assert found.started_at.tzinfo is UTC
    assert found.digest() == plain.digest()


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "call_2"},
        {"status": "failed"},
        {"created_at": "2026-03-10T11:59:51Z"},
        {"started_at": "2026-03-10T12:00:00.000001Z"},
        {"ended_at": None},
        {"duration_seconds": 62},
        {"billed_minutes": 3},
        {"billed_minutes": None},
        {"metadata": {"team": "other"}},
    ],
)
def test_any_change_that_matters_changes_the_digest(changes: Changes) -> None:
    found, plain = read_with(**changes), read(RECORD)
    assert isinstance(found, Call)
    assert isinstance(plain, Call)
    assert found.digest() != plain.digest()


def test_a_customer_key_is_read_only_when_it_is_named() -> None:
    found = read({**RECORD, "metadata": "text"}, key=None)
    assert isinstance(found, Call)
    assert found.customer_key is None


@pytest.mark.parametrize(
    "text", ["\x1b[31m", "a\r\nb", "\0", "\ud800", "\u202e", "é" * 999]
)
def test_hostile_text_is_shown_in_short_plain_ascii(text: str) -> None:
    found = read_with(status=text)
    assert isinstance(found, Quarantined)
    assert found.detail.isascii()
    assert found.detail.isprintable()
    assert len(found.detail) < 200


def test_a_number_too_long_to_print_is_set_aside_too() -> None:
    found = read_with(duration_seconds=10**5000)
    assert isinstance(found, Quarantined)
    assert found.reason is Q.ABSURD_DURATION


@pytest.mark.parametrize(
    "changes",
    [
        {"billed_minutes": 2**63},
        {"billed_minutes": -(2**63) - 1},
        {"duration_seconds": 2**63, "started_at": None},
        {"duration_seconds": -(2**63) - 1, "started_at": None},
    ],
)
def test_a_count_that_no_database_holds_is_set_aside(
    changes: Changes,
) -> None:
    assert isinstance(read_with(**changes), Quarantined)


@pytest.mark.parametrize("field", ["created_at", "started_at"])
@pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z"])
def test_a_time_before_all_periods_is_set_aside(field: str, text: str) -> None:
    assert isinstance(read_with(**{field: text}), Quarantined)


def test_a_time_after_all_periods_is_set_aside() -> None:
    never = {"started_at": None, "ended_at": None, "duration_seconds": None}
    found = read_with(created_at="9999-12-31T23:59:59Z", **never)
    assert isinstance(found, Quarantined)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner)
    ),
    max_leaves=4,
)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda n: timezone(timedelta(minutes=n)))
RECENT = st.builds(
    lambda zone, seconds: (
        (NOW - timedelta(seconds=seconds)).astimezone(zone).isoformat()
    ),
    ZONES,
    st.integers(-(10**6), 10**9),
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        name: VALUES | RECENT | st.sampled_from([RECORD[name]]) for name in RECORD
    },
)


@given(FIELDS)
def test_whatever_is_told_is_understood_or_set_aside(told: dict[str, object]) -> None:
    found = read_with(**told)
    if isinstance(found, Quarantined):
        assert found.detail.isascii()
    else:
        assert len(found.digest()) == 64
        for moment in (found.created_at, found.started_at):
            assert moment is None or moment in BillingPeriod.of(moment)


@given(st.text())
def test_a_json_document_is_read_the_same_after_a_round_trip(text: str) -> None:
    record = {**RECORD, "metadata": {"team": text}}
    assert read(json.loads(json.dumps(record))) == read(record)


def test_what_crosses_the_border_has_the_digest_of_the_record_as_it_was_sent() -> None:
    told = as_source_call(RECORD, "main")
    assert told.call == read(RECORD, key=None)
    assert told.metadata == {"team": "acme"}
    assert told.sha256 == (
        "33e22f00921e34506fb8a610773bc32599b49a1fb4e6afe8f8487678a6769007"
    )
