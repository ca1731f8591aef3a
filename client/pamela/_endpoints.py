"""The API's endpoints, each described once: its arguments, its request, its answer."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from pamela import _arguments, _shapes
from pamela._requests import Request, in_json, in_json_or_empty
from pamela.exceptions import ValidationError, read_date
from pamela.types import (
    CallListResponse,
    CallResponse,
    CallStatusResponse,
    JSONObject,
    ToolDefinition,
    ToolDeleteResponse,
    ToolRegistration,
    UsageResponse,
)

MAX_PAGE = 100
TOOL_TIMEOUT_MS = 30_000


def create_call(  # noqa: PLR0913, PLR0917 - the official SDK's arguments, in its order
    to: str,
    task: str,
    country: str | None = None,
    locale: str | None = None,
    instructions: str | None = None,
    max_duration_seconds: int | None = None,
    voice: str | None = None,
    agent_name: str | None = None,
    caller_name: str | None = None,
    metadata: Mapping[str, object] | None = None,
    tools: Sequence[ToolDefinition] | None = None,
    webhooks: Mapping[str, str] | None = None,
    end_user_id: str | None = None,
    *,
    resend: bool = False,
) -> Request[CallResponse]:
    """Start a call to a number in E.164 form; whatever is given, is sent.

    `resend` lets a retry send it again although the first may have been acted on:
    the number may then be called twice.
    """
    body = {
        "to": _arguments.phone_number("to", to),
        "task": _arguments.required("task", task),
        "country": _arguments.text("country", country),
        "locale": _arguments.text("locale", locale),
        "instructions": _arguments.text("instructions", instructions),
        "max_duration_seconds": _arguments.whole(
            "max_duration_seconds", max_duration_seconds, 1, None
        ),
        "voice": _arguments.text("voice", voice),
        "agent_name": _arguments.text("agent_name", agent_name),
        "caller_name": _arguments.text("caller_name", caller_name),
        "metadata": _object("metadata", metadata),
        "tools": None if tools is None else _arguments.objects("tools", tools),
        "webhooks": _webhooks(webhooks),
        "end_user_id": _arguments.text("end_user_id", end_user_id),
    }
    return _change("POST", "/calls", body, resend=resend)


def cancel_call(call_id: str, *, resend: bool = False) -> Request[CallResponse]:
    """Cancel a call that is not over."""
    return _end_call(call_id, "cancel", resend=resend)


def hangup_call(call_id: str, *, resend: bool = False) -> Request[CallResponse]:
    """Hang up a call that is under way."""
    return _end_call(call_id, "hangup", resend=resend)


def get_call(call_id: str) -> Request[CallStatusResponse]:
    """Read one call."""
    path = f"/calls/{_arguments.segment('call_id', call_id)}"
    return Request(method="GET", path=path, query="", read=in_json(_shapes.call))


def list_calls(  # noqa: PLR0917 - the positions are the official SDK's
    status: str | None = None,
    status_filter: str | None = None,
    limit: int | None = 50,
    offset: int | None = 0,
    start_date: str | None = None,
    end_date: str | None = None,
) -> Request[CallListResponse]:
    """List one page of at most 100 calls, newest first; dates are ISO 8601.

    `status` is the older name of `status_filter`.
    """
    wanted_status = status if status_filter is None else status_filter
    query = {
        "status_filter": _arguments.filled("status_filter", wanted_status),
        "limit": _arguments.whole("limit", limit, 1, MAX_PAGE),
        "offset": _arguments.whole("offset", offset, 0, None),
        "start_date": _arguments.filled("start_date", start_date),
        "end_date": _arguments.filled("end_date", end_date),
    }
    encoded = _arguments.encode_query(query)
    return Request(
        method="GET", path="/calls", query=encoded, read=in_json(_shapes.page)
    )


def register_tool(
    name: str,
    description: str,
    input_schema: JSONObject,
    output_schema: JSONObject | None = None,
    timeout_ms: int | None = None,
    *,
    timeout_seconds: int | None = None,
    resend: bool = False,
) -> Request[ToolRegistration]:
    """Register a tool that calls may use; its time-out is 30 s unless one is given."""
    tool = {
        "name": _arguments.required("name", name),
        "description": _arguments.required("description", description),
        "input_schema": _arguments.json_object("input_schema", input_schema),
        "output_schema": _object("output_schema", output_schema) or {},
        "timeout_ms": _tool_timeout(timeout_ms, timeout_seconds),
    }
    body = _arguments.encode_body({"tool": tool})
    read = in_json(_shapes.registration)
    return Request(
        method="POST", path="/tools", query="", read=read, body=body, resend=resend
    )


def list_tools() -> Request[list[ToolDefinition]]:
    """List all tools."""
    return Request(method="GET", path="/tools", query="", read=in_json(_shapes.tools))


def delete_tool(tool_id: str, *, resend: bool = False) -> Request[ToolDeleteResponse]:
    """Delete a tool; calls cannot use it any more."""
    path = f"/tools/{_arguments.segment('tool_id', tool_id)}"
    done: JSONObject = {"success": True, "tool_id": tool_id}
    read = in_json_or_empty(_shapes.deletion, done)
    return Request(method="DELETE", path=path, query="", read=read, resend=resend)


def get_usage(period: str | None = None) -> Request[UsageResponse]:
    """Read the usage of a month (YYYY-MM, UTC), by default the present one."""
    query = _arguments.encode_query({"period": _arguments.month("period", period)})
    return Request(
        method="GET", path="/usage", query=query, read=in_json(_shapes.usage)
    )


def server_time() -> Request[datetime | None]:
    """Ask the server for its time, to the second; None when it does not say."""
    return Request(
        method="GET",
        path="/usage",
        query="",
        read=lambda answer: read_date(answer.headers.get("date")),
    )


def _end_call(call_id: str, how: str, *, resend: bool) -> Request[CallResponse]:
    path = f"/calls/{_arguments.segment('call_id', call_id)}/{how}"
    return _change("POST", path, None, resend=resend)


def _change(
    method: str, path: str, body: Mapping[str, object] | None, *, resend: bool
) -> Request[CallResponse]:
    encoded = None if body is None else _arguments.encode_given(body)
    read = in_json_or_empty(_shapes.change, {"success": True})
    if body is not None:
        read = in_json(_shapes.change)
    return Request(
        method=method, path=path, query="", read=read, body=encoded, resend=resend
    )


def _object(name: str, value: Mapping[str, object] | None) -> object:
    return None if value is None else _arguments.json_object(name, value)


def _webhooks(value: Mapping[str, str] | None) -> object:
    if value is None:
        return None
    _arguments.json_object("webhooks", value)
    return {
        name: _arguments.required(f"webhooks.{name}", url)
        for name, url in value.items()
    }


def _tool_timeout(milliseconds: int | None, seconds: int | None) -> int:
    if milliseconds is not None and seconds is not None:
        raise ValidationError("give timeout_ms or timeout_seconds, not both")
    if seconds is not None:
        return 1000 * (_arguments.whole("timeout_seconds", seconds, 1, None) or 0)
    timeout = _arguments.whole("timeout_ms", milliseconds, 1, None)
    return TOOL_TIMEOUT_MS if timeout is None else timeout
