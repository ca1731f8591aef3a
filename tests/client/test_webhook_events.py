"""Webhooks as values: events of a call, and requests to run a tool."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pamela import (
    CallCompleted,
    CallFailed,
    CallQueued,
    CallStarted,
    CallTranscriptUpdated,
    PamelaError,
    ValidationError,
    WebhookEvent,
    parse_tool_webhook,
    parse_webhook_event,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVENT: dict[str, Any] = {
    "event": "call.completed",
    "call_id": "call_1",
    "status": "completed",
    "timestamp": "2026-03-01T12:00:00Z",
}
ASKED: dict[str, Any] = {
    "tool_name": "look_up",
    "arguments": {"a": 1},
    "call_id": "call_1",
    "correlation_id": "corr_1",
}


def spoiled(payload: dict[str, Any], name: str, *values: Any) -> list[dict[str, Any]]:
    return [payload | {name: value} for value in values]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("call.queued", CallQueued),
        ("call.started", CallStarted),
        ("call.completed", CallCompleted),
        ("call.failed", CallFailed),
        ("call.transcript_update", CallTranscriptUpdated),
        ("call.something_new", WebhookEvent),
    ],
)
def test_each_event_has_its_type_and_a_new_one_the_common(name: str, kind: Any) -> None:
    payload = EVENT | {"event": name, "more": 1}
    for received in (payload, json.dumps(payload), json.dumps(payload).encode()):
        event = parse_webhook_event(received)
        assert type(event) is kind
        assert (event.event, event.call_id) == (name, "call_1")
        assert event.timestamp == NOON
        assert event.payload["more"] == 1


@pytest.mark.parametrize(
    ("sent", "transcript"),
    [
        ({}, ()),
        ({"transcript": None}, ()),
        ({"transcript": "ab"}, ("ab",)),
        ({"transcript": ["a", {"b": 1}]}, ("a", {"b": 1})),
    ],
)
def test_a_transcript_is_a_tuple_whatever_was_sent(sent: Any, transcript: Any) -> None:
    for name in ("call.completed", "call.transcript_update"):
        event = parse_webhook_event(EVENT | {"event": name} | sent)
        assert isinstance(event, CallCompleted | CallTranscriptUpdated)
        assert event.transcript == transcript
        assert "transcript=" not in repr(event)


@pytest.fixture
def _far_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the machine's own time be another than UTC."""
    with monkeypatch.context() as machine:
        machine.setenv("TZ", "Asia/Kathmandu")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_far_east")
@pytest.mark.parametrize("zone", ["", "Z", "+00:00"])
def test_a_time_without_a_zone_is_in_utc_wherever_the_machine_stands(zone: str) -> None:
    event = parse_webhook_event(EVENT | {"timestamp": f"2026-03-01T12:00:00{zone}"})
    assert event.timestamp == NOON
    assert event.timestamp.tzinfo is UTC


def test_an_id_that_is_a_number_is_read_as_its_digits() -> None:
    assert parse_webhook_event(EVENT | {"call_id": 42}).call_id == "42"
    assert parse_tool_webhook(ASKED | {"partner_id": 0})["partner_id"] == "0"


@pytest.mark.parametrize("payload", [b"{", "\ud800", b'{"event": 1, "event": 2}', b""])
def test_what_is_no_json_is_said_to_be_none(payload: Any) -> None:
    with pytest.raises(ValidationError, match="no strict JSON"):
        parse_webhook_event(payload)


@pytest.mark.parametrize(
    "payload",
    [
        *({k: v for k, v in EVENT.items() if k != name} for name in EVENT),
        *(case for name in EVENT for case in spoiled(EVENT, name, None, "", [], True)),
        EVENT | {"timestamp": "yesterday"},
        EVENT | {"timestamp": "0001-01-01T00:00:00+14:00"},
        EVENT | {"timestamp": "9999-12-31T23:59:59-14:00"},
        [],
        None,
        7,
        "null",
        b"[]",
        b"{",
        "\ud800",
        b'{"event": 1, "event": 2}',
    ],
)
def test_what_is_no_event_is_a_validation_error(payload: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        parse_webhook_event(payload)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, PamelaError)


@pytest.mark.parametrize(
    ("seconds", "fresh"), [(0, True), (300, True), (-300, True), (301, False)]
)
def test_an_old_event_shows_and_so_does_one_that_comes_again(
    seconds: int, fresh: bool
) -> None:
    event = parse_webhook_event(EVENT)
    assert event.is_fresh(NOON + timedelta(seconds=seconds)) is fresh
    again = parse_webhook_event(EVENT | {"timestamp": "2026-03-01T13:00:00+01:00"})
    assert again.identity == event.identity
    other = parse_webhook_event(EVENT | {"event": "call.failed"})
    assert other.identity != event.identity


def test_a_tool_s_webhook_has_all_its_fields() -> None:
    for received in (ASKED, json.dumps(ASKED), json.dumps(ASKED).encode()):
        assert parse_tool_webhook(received) == ASKED | {
            "call_session_id": None,
            "partner_id": None,
            "project_id": None,
        }
    more = {"call_session_id": "cs", "partner_id": "p", "project_id": "q"}
    assert parse_tool_webhook(ASKED | more) == ASKED | more


@pytest.mark.parametrize(
    "payload",
    [
        *({k: v for k, v in ASKED.items() if k != name} for name in ASKED),
        *spoiled(ASKED, "arguments", None, [], "a", 1, "{}"),
        *spoiled(ASKED, "correlation_id", None, "", True, {}, 1.5),
        ASKED | {"tool_name": None},
        ASKED | {"call_id": []},
        ASKED | {"partner_id": {}},
        None,
        [],
        b"",
        "x",
        7,
    ],
)
def test_what_asks_for_no_tool_is_a_validation_error(payload: Any) -> None:
    with pytest.raises(ValidationError):
        parse_tool_webhook(payload)


def test_every_missing_field_is_named() -> None:
    with pytest.raises(ValueError, match="Missing required fields: arguments, call_id"):
        parse_tool_webhook({"tool_name": "x", "correlation_id": "y"})
