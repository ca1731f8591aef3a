"""What the official SDK sees of a sandbox; run in an environment of its own."""

import json
import sys
from importlib import import_module
from typing import Any

sdk: Any = import_module("pamela")
base_url, api_key, period = sys.argv[1:]


def caught(call: Any, *arguments: Any, **options: Any) -> list[object]:
    """Return the class, the status and the code of the error that a call raises."""
    try:
        call(*arguments, **options)
    except sdk.PamelaError as error:
        return [type(error).__name__, error.status_code, error.error_code]
    return ["nothing", None, None]


def main() -> dict[str, object]:
    """Use every method of the client."""
    client = sdk.PamelaClient(api_key=api_key, base_url=base_url)
    stranger = sdk.PamelaClient(api_key="pk_live_wrong", base_url=base_url)
    page = client.list_calls(limit=3)
    tool = client.register_tool("look_up", "Look up.", {"type": "object"})
    seen = {
        "page": page,
        "second": client.list_calls(limit=3, offset=page["next_offset"]),
        "completed": client.list_calls(status_filter="completed", limit=100),
        "day": client.list_calls(start_date="2026-03-02", end_date="2026-03-03"),
        "one": client.get_call(page["items"][0]["id"]),
        "usage": client.usage.get(period),
        "tool": tool,
        "tools": client.list_tools(),
        "deleted": client.delete_tool(tool["tool_id"]),
        "tools_left": client.list_tools(),
    }
    made = client.create_call(to="+15550100", task="Confirm the appointment.")
    other = client.create_call(to="+15550101", task="Order a refill.", voice="auto")
    return seen | {
        "made": made,
        "cancelled": client.cancel_call(made["id"]),
        "hung_up": client.hangup_call(other["id"]),
        "after": client.get_call(made["id"]),
        "cancelled_twice": caught(client.cancel_call, made["id"]),
        "no_call": caught(client.get_call, "call_none"),
        "no_tool": caught(client.delete_tool, "tool_none"),
        "bad_number": caught(client.create_call, to="12", task="x"),
        "bad_limit": caught(client.list_calls, limit=101),
        "wrong_key": caught(stranger.list_calls),
    }


if __name__ == "__main__":
    if period == "lapsed":
        lapsed = sdk.PamelaClient(api_key=api_key, base_url=base_url)
        print(json.dumps({"lapsed": caught(lapsed.list_calls)}))
    else:
        print(json.dumps(main()))
