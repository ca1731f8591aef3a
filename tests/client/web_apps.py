"""Web apps that take webhooks, served by real servers, and signed posts to them."""

from typing import Any

SECRET = "whsec_test"
EVENT: dict[str, Any] = {
    "event": "call.completed",
    "call_id": "call_1",
    "status": "completed",
    "timestamp": "2026-03-01T12:00:00Z",
    "transcript": ["¿Qué tal?"],
}
