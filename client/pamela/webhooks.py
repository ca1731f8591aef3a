"""Webhooks: verified, read, and answered."""

from pamela._signatures import verify_webhook_signature
from pamela._tool_endpoint import create_tool_handler
from pamela._tool_router import ToolRouter
from pamela._webhook_events import (
    CallCompleted,
    CallFailed,
    CallQueued,
    CallStarted,
    CallTranscriptUpdated,
    WebhookEvent,
    parse_tool_webhook,
    parse_webhook_event,
)

__all__ = [
    "CallCompleted",
    "CallFailed",
    "CallQueued",
    "CallStarted",
    "CallTranscriptUpdated",
    "ToolRouter",
    "WebhookEvent",
    "create_tool_handler",
    "parse_tool_webhook",
    "parse_webhook_event",
    "verify_webhook_signature",
]
