"""What the official SDK sees of a sandbox; run in an environment of its own."""

import json
import sys
from typing import Any

base_url, api_key, period = sys.argv[1:]


def caught(call: Any, *arguments: Any, **options: Any) -> list[object]:
    """Return the class, the status and the code of the error that a call raises."""
    try:
        call(*arguments, **options)
    except Exception as error:  # noqa: BLE001 - which one it is, is the question
        code = getattr(error, "error_code", None)
        return [type(error).__name__, getattr(error, "status_code", None), code]
    return ["nothing", None, None]


def main() -> dict[str, object]:
    """Use every method of the client once."""
    from pamela import PamelaClient  # type: ignore[attr-defined,unused-ignore]

    client: Any = PamelaClient(api_key=api_key, base_url=base_url)
    page = client.list_calls(limit=3)
    second = client.list_calls(limit=3, offset=page["next_offset"])
    completed = client.list_calls(status_filter="completed", limit=100)
    tool = client.register_tool(
        {
            "name": "look_up",
            "description": "Look something up.",
            "input_schema": {"type": "object"},
        }
    )
    tools = client.list_tools()
    deleted = client.delete_tool(tool["tool_id"])
    made = client.create_call(to="+15550100", task="Confirm the appointment.")
    stranger: Any = PamelaClient(api_key="pk_live_wrong", base_url=base_url)
    return {
        "page": page,
        "second": second,
        "statuses": sorted({call["status"] for call in completed["items"]}),
        "one": client.get_call(page["items"][0]["id"]),
        "usage": client.usage.get(period),
        "tool": tool,
        "tools": tools,
        "deleted": deleted,
        "tools_left": client.list_tools(),
        "made": made,
        "cancelled": client.cancel_call(made["id"]),
        "after": client.get_call(made["id"]),
        "cancelled_twice": caught(client.cancel_call, made["id"]),
        "no_call": caught(client.get_call, "call_none"),
        "bad_number": caught(client.create_call, to="12", task="x"),
        "bad_limit": caught(client.list_calls, limit=101),
        "wrong_key": caught(stranger.list_calls),
    }


if __name__ == "__main__":
    print(json.dumps(main()))
