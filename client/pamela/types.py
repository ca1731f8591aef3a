"""What the API answers: any field may be absent, as the server sends them."""

from dataclasses import dataclass, field
from typing import TypeAlias, TypedDict

JSONPrimitive: TypeAlias = str | int | float | bool | None
JSONValue: TypeAlias = "JSONPrimitive | dict[str, JSONValue] | list[JSONValue]"
JSONObject: TypeAlias = dict[str, JSONValue]


class CallResponse(TypedDict, total=False):
    """A call as creating, cancelling or hanging up answers it."""

    id: str
    status: str
    call_session_id: str
    conversation_id: str
    created_at: str
    updated_at: str
    to: str
    from_number: str
    task: str
    message: str
    success: bool


class CallStatusResponse(TypedDict, total=False):
    """One call: its times are ISO 8601, null or absent until they come to pass."""

    id: str
    status: str
    call_session_id: str
    conversation_id: str
    duration_seconds: int | None
    billed_minutes: int | None
    transcript: str | list[JSONValue] | None
    summary: str | None
    created_at: str
    started_at: str | None
    ended_at: str | None
    metadata: JSONObject | None
    message: str
    success: bool


class CallListResponse(TypedDict, total=False):
    """One page of calls; `items` is always there."""

    items: list[CallStatusResponse]
    total: int
    limit: int
    offset: int
    has_more: bool
    next_offset: int | None


class ToolDefinition(TypedDict, total=False):
    """A tool that calls may use; its time-out is in milliseconds."""

    id: str
    name: str
    description: str
    active: bool
    input_schema: JSONObject
    output_schema: JSONObject
    timeout_ms: int
    created_at: str
    updated_at: str


class ToolRegistration(TypedDict, total=False):
    """The answer to registering a tool."""

    success: bool
    message: str
    tool_id: str
    tool: ToolDefinition


class ToolDeleteResponse(TypedDict, total=False):
    """The answer to deleting a tool."""

    success: bool
    message: str
    tool_id: str


class UsageQuota(TypedDict, total=False):
    """Calls allowed in a month; null is unlimited."""

    partner_limit: int | None
    project_limit: int | None


class UsageResponse(TypedDict, total=False):
    """A month's usage: `api_minutes` as they ran, `billed_minutes` rounded up."""

    partner_id: str
    project_id: str | None
    period: str
    call_count: int
    api_minutes: float
    billed_minutes: int
    quota: UsageQuota


class ToolWebhookParsed(TypedDict, total=False):
    """A call's request to run a tool."""

    tool_name: str
    arguments: JSONObject
    call_id: str
    correlation_id: str
    call_session_id: str | None
    partner_id: str | None
    project_id: str | None


class WebhookDelivery(TypedDict, total=False):
    """The record of one webhook's delivery."""

    id: str
    event: str
    target_url: str
    status: str
    attempts: int
    response_status: int | None
    delivered_at: str | None
    created_at: str
    error: str | None


class ApiKey(TypedDict, total=False):
    """What is known of an API key; never the key itself."""

    id: str
    key_prefix: str
    project_id: str | None
    active: bool
    created_at: str
    revoked_at: str | None
    success: bool


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """An API key at its making: `key` is shown this once, and in no repr."""

    key: str = field(repr=False)
    facts: ApiKey


class SubscriptionResponse(TypedDict, total=False):
    """The state of a subscription, in Stripe's words; `read_access` interprets it."""

    subscription_status: str | None
    grace_period_ends_at: str | None


class SubscriptionSession(TypedDict, total=False):
    """Where the customer goes on: a page at Stripe."""

    url: str
    id: str
