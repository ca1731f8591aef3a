"""A client of the Pamela voice API; takes the official SDK's place by its names."""

from typing import TYPE_CHECKING

from pamela._neighbours import PackageConflictWarning, warn_of_others
from pamela._version import __version__

if TYPE_CHECKING:
    from pamela._pages import PageWalk
    from pamela.access import Access, AccessState, read_access, refused_access
    from pamela.async_client import AsyncPamelaClient, AsyncUsageClient
    from pamela.client import Pamela, PamelaClient, UsageClient
    from pamela.exceptions import (
        AuthenticationError,
        CallError,
        IncompleteResponse,
        InvalidResponse,
        ListMoved,
        PamelaConnectionError,
        PamelaError,
        PamelaTimeoutError,
        RateLimitError,
        RedirectRefused,
        ResponseTooLarge,
        SubscriptionError,
        ValidationError,
    )
    from pamela.retries import RetryPolicy
    from pamela.types import (
        ApiKey,
        CallListResponse,
        CallResponse,
        CallStatusResponse,
        NewApiKey,
        SubscriptionResponse,
        SubscriptionSession,
        ToolDefinition,
        ToolDeleteResponse,
        ToolRegistration,
        ToolWebhookParsed,
        UsageQuota,
        UsageResponse,
        WebhookDelivery,
    )
    from pamela.webhooks import (
        CallCompleted,
        CallFailed,
        CallQueued,
        CallStarted,
        CallTranscriptUpdated,
        ToolRouter,
        WebhookEvent,
        create_tool_handler,
        parse_tool_webhook,
        parse_webhook_event,
        verify_webhook_signature,
    )

# Each name is loaded when it is first used: most programs use few, and httpx2 alone
# takes longer to load than all else.
HOMES = {
    "access": "Access AccessState read_access refused_access",
    "async_client": "AsyncPamelaClient AsyncUsageClient",
    "client": "Pamela PamelaClient UsageClient",
    "exceptions": "AuthenticationError CallError IncompleteResponse InvalidResponse"
    " ListMoved PamelaConnectionError PamelaError PamelaTimeoutError RateLimitError"
    " RedirectRefused ResponseTooLarge SubscriptionError ValidationError",
    "retries": "RetryPolicy",
    "types": "ApiKey CallListResponse CallResponse CallStatusResponse NewApiKey"
    " SubscriptionResponse SubscriptionSession ToolDefinition ToolDeleteResponse"
    " ToolRegistration ToolWebhookParsed UsageQuota UsageResponse WebhookDelivery",
    "_pages": "PageWalk",
    "_signatures": "verify_webhook_signature",
    "_tool_endpoint": "create_tool_handler",
    "_tool_router": "ToolRouter",
    "_webhook_events": "CallCompleted CallFailed CallQueued CallStarted"
    " CallTranscriptUpdated WebhookEvent parse_tool_webhook parse_webhook_event",
}

__all__ = [
    "Access",
    "AccessState",
    "ApiKey",
    "AsyncPamelaClient",
    "AsyncUsageClient",
    "AuthenticationError",
    "CallCompleted",
    "CallError",
    "CallFailed",
    "CallListResponse",
    "CallQueued",
    "CallResponse",
    "CallStarted",
    "CallStatusResponse",
    "CallTranscriptUpdated",
    "IncompleteResponse",
    "InvalidResponse",
    "ListMoved",
    "NewApiKey",
    "PackageConflictWarning",
    "PageWalk",
    "Pamela",
    "PamelaClient",
    "PamelaConnectionError",
    "PamelaError",
    "PamelaTimeoutError",
    "RateLimitError",
    "RedirectRefused",
    "ResponseTooLarge",
    "RetryPolicy",
    "SubscriptionError",
    "SubscriptionResponse",
    "SubscriptionSession",
    "ToolDefinition",
    "ToolDeleteResponse",
    "ToolRegistration",
    "ToolRouter",
    "ToolWebhookParsed",
    "UsageClient",
    "UsageQuota",
    "UsageResponse",
    "ValidationError",
    "WebhookDelivery",
    "WebhookEvent",
    "__version__",
    "create_tool_handler",
    "parse_tool_webhook",
    "parse_webhook_event",
    "read_access",
    "refused_access",
    "verify_webhook_signature",
]


def __getattr__(name: str) -> object:
    for module, names in HOMES.items():
        if name in names.split():
            # Imported here: what importlib itself loads is not needed before.
            from importlib import import_module  # noqa: PLC0415

            found: object = getattr(import_module(f"pamela.{module}"), name)
            globals()[name] = found
            return found
    raise AttributeError(f"module 'pamela' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


warn_of_others()
