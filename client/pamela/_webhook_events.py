"""What webhooks say: events of a call, and requests to run a tool."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

from pamela._decoding import decode_json
from pamela.exceptions import InvalidResponse, ValidationError
from pamela.types import JSONObject, JSONValue, ToolWebhookParsed

TOLERANCE = timedelta(minutes=5)
REQUIRED_BY_TOOLS = ("tool_name", "arguments", "call_id", "correlation_id")
REQUIRED_BY_EVENTS = ("event", "call_id", "status", "timestamp")

Received = bytes | bytearray | str | Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEvent:
    """Something happened to a call; of a subclass, unless the event is a new one."""

    event: str
    call_id: str
    status: str
    timestamp: datetime
    payload: JSONObject = field(repr=False)

    @property
    def identity(self) -> tuple[str, str, str]:
        """What is the same when the same event is delivered again."""
        return self.event, self.call_id, self.timestamp.isoformat()

    def is_fresh(self, at: datetime, tolerance: timedelta = TOLERANCE) -> bool:
        """Say whether it happened around a moment: an old one may be a replay."""
        return abs(at - self.timestamp) <= tolerance


@dataclass(frozen=True, slots=True, kw_only=True)
class CallQueued(WebhookEvent):
    """The call waits to be dialled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStarted(WebhookEvent):
    """Somebody answered: from here on the call is charged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFailed(WebhookEvent):
    """The call could not be made, or broke off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTranscriptUpdated(WebhookEvent):
    """More was said."""

    transcript: tuple[JSONValue, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCompleted(WebhookEvent):
    """The call is over."""

    transcript: tuple[JSONValue, ...] = field(repr=False)


EVENTS: Mapping[str, type[WebhookEvent]] = {
    "call.queued": CallQueued,
    "call.started": CallStarted,
    "call.completed": CallCompleted,
    "call.failed": CallFailed,
    "call.transcript_update": CallTranscriptUpdated,
}


def parse_webhook_event(payload: Received) -> WebhookEvent:
    """Read a call's event, raw or decoded; ValidationError when it is none."""
    fields = read_payload(payload, REQUIRED_BY_EVENTS)
    kind = EVENTS.get(_named(fields, "event"), WebhookEvent)
    values: dict[str, object] = {
        "event": _named(fields, "event"),
        "call_id": _named(fields, "call_id"),
        "status": _named(fields, "status"),
        "timestamp": _moment(fields["timestamp"]),
        "payload": fields,
    }
    if kind in {CallCompleted, CallTranscriptUpdated}:
        values["transcript"] = _transcript(fields.get("transcript"))
    return kind(**values)  # type: ignore[arg-type] # each value has just been checked


def parse_tool_webhook(payload: Received) -> ToolWebhookParsed:
    """Read a request to run a tool, raw or decoded; ValidationError when it is none."""
    fields = read_payload(payload, REQUIRED_BY_TOOLS)
    arguments = fields["arguments"]
    if not isinstance(arguments, dict):
        raise ValidationError("arguments must be an object")
    return {
        "tool_name": _named(fields, "tool_name"),
        "arguments": arguments,
        "call_id": _named(fields, "call_id"),
        "correlation_id": _named(fields, "correlation_id"),
        "call_session_id": _optional(fields, "call_session_id"),
        "partner_id": _optional(fields, "partner_id"),
        "project_id": _optional(fields, "project_id"),
    }


def read_payload(payload: Received, required: tuple[str, ...] = ()) -> JSONObject:
    """Read a JSON object that has some fields; ValidationError otherwise."""
    document: object = payload
    try:
        if isinstance(payload, str):
            payload = payload.encode()
        if isinstance(payload, bytes | bytearray):
            document = decode_json(bytes(payload))
    except (InvalidResponse, UnicodeEncodeError):
        raise ValidationError("the payload is no strict JSON") from None
    if not isinstance(document, Mapping):
        raise ValidationError("the payload must be an object")
    missing = [name for name in required if name not in document]
    if missing:
        raise ValidationError(f"Missing required fields: {', '.join(missing)}")
    return cast("JSONObject", dict(document))


def _named(fields: JSONObject, name: str) -> str:
    value = fields[name]
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value:
        raise ValidationError(f"{name} must be text that is not empty")
    return value


def _optional(fields: JSONObject, name: str) -> str | None:
    return None if fields.get(name) is None else _named(fields, name)


def _moment(value: JSONValue) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value))
        # An offset can lead out of all years that there are.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValidationError("timestamp must be an ISO 8601 time") from None


def _transcript(value: JSONValue) -> tuple[JSONValue, ...]:
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list) else (value,)
