"""How v1 and v2 word meter events and their adjustments, in and out."""

from datetime import UTC, datetime

from billing.sandbox.stripe.http.errors import StripeError, invalid
from billing.sandbox.stripe.http.params import Fields, rfc3339
from billing.sandbox.stripe.metering.events import (
    LONGEST_PAYLOAD_TEXT,
    EventRequest,
    MeterEvent,
)
from billing.sandbox.stripe.mode import Json, Params, StripeMode
from billing.sandbox.stripe.state import Adjustment

LONGEST_NAME = 100


def read_event(
    mode: StripeMode, params: Params, now: datetime, *, v2: bool = False
) -> EventRequest:
    """Read a meter event; one without identifier or time gets its own."""
    fields = Fields(params)
    event_name = fields.text("event_name", LONGEST_NAME)
    payload = fields.texts("payload")
    identifier = fields.maybe_text("identifier", LONGEST_NAME)
    timestamp = fields.moment("timestamp") if v2 else fields.maybe_whole("timestamp")
    fields.end()
    if payload is None:
        raise _absent("payload")
    for key, text in payload.items():
        if len(text) > LONGEST_PAYLOAD_TEXT:
            raise invalid(
                f"payload[{key}] is longer than {LONGEST_PAYLOAD_TEXT} characters.",
                param=f"payload[{key}]",
            )
    return EventRequest(
        event_name,
        payload,
        identifier or mode.new_name("evt"),
        int(now.timestamp()) if timestamp is None else timestamp,
    )


def event_json(mode: StripeMode, sent: EventRequest, event: MeterEvent) -> Json:
    """Render a received event as v1 does."""
    return {
        "object": "billing.meter_event",
        "created": int(event.received_at.timestamp()),
        "event_name": event.event_name,
        "identifier": event.identifier,
        "livemode": mode.livemode,
        "payload": sent.payload,
        "timestamp": event.timestamp,
    }


def event_json_v2(mode: StripeMode, sent: EventRequest, event: MeterEvent) -> Json:
    """Render a received event as v2 does."""
    return {
        **event_json(mode, sent, event),
        "object": "v2.billing.meter_event",
        "created": rfc3339(event.received_at),
        "timestamp": rfc3339(datetime.fromtimestamp(event.timestamp, UTC)),
    }


def read_adjustment(params: Params) -> tuple[str, str]:
    """Read the event name and the identifier of a cancellation."""
    fields = Fields(params)
    event_name = fields.text("event_name", LONGEST_NAME)
    fields.text("type")
    fields.choice("type", frozenset({"cancel"}))
    cancel = fields.group("cancel")
    fields.end()
    if cancel is None:
        raise _absent("cancel")
    identifier = cancel.text("identifier", LONGEST_NAME)
    cancel.end()
    return event_name, identifier


def adjustment_json(mode: StripeMode, adjustment: Adjustment) -> Json:
    """Render a cancellation as v1 does."""
    return {
        "object": "billing.meter_event_adjustment",
        "cancel": {"identifier": adjustment.identifier},
        "event_name": adjustment.event_name,
        "livemode": mode.livemode,
        "status": adjustment.status,
        "type": "cancel",
    }


def adjustment_json_v2(mode: StripeMode, adjustment: Adjustment) -> Json:
    """Render a cancellation as v2 does."""
    return {
        **adjustment_json(mode, adjustment),
        "object": "v2.billing.meter_event_adjustment",
        "id": adjustment.id,
        "created": rfc3339(adjustment.created_at),
    }


def _absent(name: str) -> StripeError:
    return invalid(
        f"Missing required param: {name}.", param=name, code="parameter_missing"
    )
