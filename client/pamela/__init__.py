"""A client of the Pamela voice API; takes the official SDK's place by its names."""

from pamela._client import Pamela, PamelaClient, UsageClient
from pamela._version import __version__
from pamela.exceptions import (
    AuthenticationError,
    CallError,
    IncompleteResponse,
    InvalidResponse,
    PamelaConnectionError,
    PamelaError,
    PamelaTimeoutError,
    RateLimitError,
    RedirectRefused,
    ResponseTooLarge,
    SubscriptionError,
    ValidationError,
)
from pamela.types import (
    CallListResponse,
    CallResponse,
    CallStatusResponse,
    ToolDefinition,
    ToolDeleteResponse,
    ToolRegistration,
    ToolWebhookParsed,
    UsageQuota,
    UsageResponse,
    WebhookDelivery,
)

__all__ = [
    "AuthenticationError",
    "CallError",
    "CallListResponse",
    "CallResponse",
    "CallStatusResponse",
    "IncompleteResponse",
    "InvalidResponse",
    "Pamela",
    "PamelaClient",
    "PamelaConnectionError",
    "PamelaError",
    "PamelaTimeoutError",
    "RateLimitError",
    "RedirectRefused",
    "ResponseTooLarge",
    "SubscriptionError",
    "ToolDefinition",
    "ToolDeleteResponse",
    "ToolRegistration",
    "ToolWebhookParsed",
    "UsageClient",
    "UsageQuota",
    "UsageResponse",
    "ValidationError",
    "WebhookDelivery",
    "__version__",
]
