"""Tools that clients register with the sandbox's Pamela; deleting one retires it."""

from datetime import datetime

from billing.sandbox.pamela.accounts import Account
from billing.sandbox.pamela.call import Document, written
from billing.sandbox.pamela.errors import Refusal, invalid
from billing.sandbox.pamela.state import PamelaState
from billing.sandbox.pamela.webhooks.tool_calls import (
    LONGEST_TIMEOUT_MS,
    USUAL_TIMEOUT_MS,
)


def register_tool(
    state: PamelaState, account: Account, request: Document, now: datetime
) -> Document:
    """Keep a tool's definition under a new id."""
    fields = request.get("tool")
    if not isinstance(fields, dict):
        raise invalid("tool is required: an object.", field="tool")
    for name in ("name", "description"):
        if not isinstance(fields.get(name), str) or not fields[name]:
            raise invalid(f"tool.{name} is required: a text.", field=f"tool.{name}")
    if not isinstance(fields.get("input_schema"), dict):
        raise invalid("tool.input_schema is an object.", field="tool.input_schema")
    output_schema = fields.get("output_schema")
    if not isinstance(output_schema, dict | None):
        raise invalid("tool.output_schema is an object.", field="tool.output_schema")
    tool: Document = {
        "id": state.new_id("tool"),
        "name": fields["name"],
        "description": fields["description"],
        "active": True,
        "input_schema": fields["input_schema"],
        "output_schema": output_schema or {},
        "timeout_ms": _timeout_ms(fields),
        "created_at": written(now),
        "updated_at": written(now),
    }
    with state.lock:
        account.tools[str(tool["id"])] = tool
        state.changed()
    return {
        "success": True,
        "message": "Tool registered.",
        "tool_id": tool["id"],
        "tool": tool,
    }


def active_tools(state: PamelaState, account: Account) -> list[Document]:
    """Return the tools in use, oldest first."""
    with state.lock:
        return [tool for tool in account.tools.values() if tool["active"]]


def retire_tool(
    state: PamelaState, account: Account, tool_id: str, now: datetime
) -> Document:
    """Switch a tool off; what is unknown or off already is refused."""
    with state.lock:
        tool = account.tools.get(tool_id)
        if tool is None or not tool["active"]:
            raise Refusal(404, None, "There is no such tool.", {"tool_id": tool_id})
        account.tools[tool_id] = tool | {"active": False, "updated_at": written(now)}
        state.changed()
    return {"success": True, "message": "Tool deleted.", "tool_id": tool_id}


def _timeout_ms(fields: Document) -> int:
    """Read the timeout in either of the two units that the SDKs send."""
    timeout, unit = fields.get("timeout_ms"), 1
    if timeout is None and "timeout_seconds" in fields:
        timeout, unit = fields["timeout_seconds"], 1000
    if timeout is None:
        return USUAL_TIMEOUT_MS
    if type(timeout) is not int or not 1 <= timeout * unit <= LONGEST_TIMEOUT_MS:
        raise invalid("The timeout is 1 ms to 300 s.", field="tool.timeout_ms")
    return timeout * unit
