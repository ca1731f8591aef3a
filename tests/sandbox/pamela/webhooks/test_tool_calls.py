"""Tool calls: a call in progress asks the user's server, and hears the result."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest

from billing.sandbox.pamela.webhooks.tool_calls import made_up
from pamela import parse_tool_webhook
from tests.sandbox.pamela.pamela_world import Json, World, empty_world
from tests.sandbox.pamela.webhooks.webhook_world import (
    Hook,
    deliveries,
    dial,
    hook,
    statuses,
)
from tests.waiting import wait_until

SCHEMA: Json = {
    "type": "object",
    "properties": {"order_id": {"type": "string"}, "note": {"type": "string"}},
    "required": ["order_id"],
}
DEEP = b'{"result":' + b"[" * 900 + b"]" * 900 + b"}"
TOOL: Json = {"name": "look_up", "description": "Look up.", "input_schema": SCHEMA}


@pytest.fixture
def world() -> Iterator[World]:
    with empty_world() as world:
        yield world


@pytest.fixture
def user() -> Iterator[Hook]:
    with hook() as user:
        yield user


def in_progress(world: World, user: Hook, **fields: object) -> str:
    """Make a call and let it be answered, but not yet say anything."""
    urls = {"tool_webhook_url": user.url}
    call_id = dial(world, **{"tools": [TOOL], "webhooks": urls, **fields})
    world.advance(seconds=6)
    return call_id


def ask(world: World, call_id: str, /, **changes: object) -> Any:
    order = {"call_id": call_id, "tool_name": "look_up", "arguments": {}}
    return world.control("POST", "/tool_calls", json=order | changes)


def test_a_call_in_progress_asks_its_tool_by_itself(world: World, user: Hook) -> None:
    call_id = in_progress(world, user)
    world.advance(seconds=1)
    wait_until(lambda: statuses(world), [("tool.call", "delivered")])
    body, signature = user.seen[0]
    secret = world.account.webhook_secret.encode()
    assert signature == hmac.new(secret, body, hashlib.sha256).hexdigest()
    request = parse_tool_webhook(body)
    assert request["tool_name"] == "look_up"
    assert request["arguments"] == {"order_id": "example"}
    assert request["call_id"] == call_id
    assert request["correlation_id"]
    assert request["partner_id"] == world.account.partner_id
    world.advance(hours=1)
    call = world.get(f"/calls/{call_id}")
    assert request["call_session_id"] == call["call_session_id"]
    assert call["transcript"].splitlines()[1:] == ['Tool look_up: "done"']
    wait_until(lambda: len(user.seen), 1)


def test_a_registered_tool_is_asked_like_the_call_s_own(
    world: World, user: Hook
) -> None:
    registered = TOOL | {"name": "book"}
    world.api("POST", "/tools", json={"tool": registered})
    retired = world.api("POST", "/tools", json={"tool": TOOL | {"name": "old"}})
    world.api("DELETE", f"/tools/{retired.json()['tool_id']}")
    call_id = in_progress(world, user, tools=[])
    assert ask(world, call_id, tool_name="book").json()["status"] == 200
    assert ask(world, call_id, tool_name="old").status_code == 400
    assert user.events()[0]["tool_name"] == "book"


def test_the_result_is_reported_and_is_in_the_last_transcript(
    world: World, user: Hook
) -> None:
    urls = {"webhook_url": user.url, "tool_webhook_url": user.url}
    dial(world, tools=[TOOL], webhooks=urls)
    world.advance(hours=1)
    wait_until(lambda: len(user.seen), 6)
    events = user.events()
    names = [event.get("event", "tool") for event in events]
    assert names[:4] == [
        "call.queued",
        "call.started",
        "call.transcript_update",
        "tool",
    ]
    assert names[4:] == ["call.transcript_update", "call.completed"]
    line = {"speaker": "Tool look_up", "text": '"done"'}
    assert events[2]["transcript"] == events[4]["transcript"][:-1]
    assert events[4]["transcript"][-1] == events[5]["transcript"][-1] == line


def test_a_tool_can_be_called_by_hand(world: World, user: Hook) -> None:
    call_id = in_progress(world, user)
    user.answers = [(200, b'{"result":{"state":"sent"},"correlation_id":"c"}')]
    answer = ask(world, call_id, arguments={"order_id": "ñ-1"}).json()
    assert answer == {
        "status": 200,
        "body": {"result": {"state": "sent"}, "correlation_id": "c"},
        "error": None,
        "delivery_id": deliveries(world, call_id)[0]["id"],
    }
    assert user.events()[0]["arguments"] == {"order_id": "ñ-1"}
    world.api("POST", f"/calls/{call_id}/hangup")
    heard = world.get(f"/calls/{call_id}")["transcript"]
    assert heard.endswith('Tool look_up: {"state":"sent"}')


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, b'{"error":"Unknown tool"}', "HTTP 400"),
        (500, b"oops", "HTTP 500"),
        (302, b"", "HTTP 302"),
        (200, b'{"results":1}', "the reply is no JSON object with a result"),
        (200, b'{"result":NaN}', "the reply is no JSON object with a result"),
        (200, DEEP, "the reply is no JSON object with a result"),
        (200, b"[]", "the reply is no JSON object with a result"),
        (200, b"\xff", "the reply is no JSON object with a result"),
    ],
)
def test_a_tool_s_error_is_recorded_and_not_repeated(
    world: World, user: Hook, status: int, body: bytes, error: str
) -> None:
    call_id = in_progress(world, user)
    user.answers = [(status, body)]
    answer = ask(world, call_id).json()
    assert (answer["status"], answer["error"]) == (status, error)
    (record,) = deliveries(world, call_id)
    assert (record["status"], record["attempts"]) == ("failed", 1)
    assert (record["response_status"], record["error"]) == (status, error)
    world.advance(hours=1)
    wait_until(lambda: len(user.seen), 2)  # the call asks by itself, too
    wait_until(lambda: len(deliveries(world, call_id)), 2)
    first_lines = world.get(f"/calls/{call_id}")["transcript"].splitlines()
    assert first_lines[0] == "Agent: Hello, this is Pamela."


def test_a_tool_that_takes_too_long_is_not_waited_for(world: World) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as no_progress:
        url = f"http://127.0.0.1:{no_progress.getsockname()[1]}/"
        tools = [TOOL | {"timeout_ms": 50}]
        call_id = dial(world, tools=tools, webhooks={"tool_webhook_url": url})
        world.advance(seconds=6)
        answer = ask(world, call_id).json()
    assert (answer["status"], answer["body"]) == (None, None)
    assert answer["error"] == "no answer within 50 ms"


def test_a_tool_beyond_this_machine_is_not_called(world: World) -> None:
    urls = {"tool_webhook_url": "https://example.com/tools"}
    call_id = dial(world, tools=[TOOL], webhooks=urls)
    world.advance(seconds=6)
    answer = ask(world, call_id).json()
    assert answer["status"] is None
    assert "loopback" in answer["error"]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"call_id": "call_none"}, 404),
        ({"call_id": 5}, 400),
        ({"tool_name": None}, 400),
        ({"tool_name": "none"}, 400),
        ({"arguments": []}, 400),
        ({"color": "red"}, 400),
    ],
)
def test_a_tool_call_that_makes_no_sense_is_refused(
    world: World, user: Hook, changes: Json, status: int
) -> None:
    answer = ask(world, in_progress(world, user), **changes)
    assert answer.status_code == status
    assert answer.json()["error"]
    assert user.seen == []


def test_arguments_are_plain_json(world: World, user: Hook) -> None:
    call_id = in_progress(world, user)
    arguments = {"a": float("nan")}
    order = json.dumps(
        {"call_id": call_id, "tool_name": "look_up", "arguments": arguments}
    )
    assert world.control("POST", "/tool_calls", content=order).status_code == 400
    assert deliveries(world) == []


def test_only_a_call_in_progress_asks(world: World, user: Hook) -> None:
    urls = {"tool_webhook_url": user.url}
    call_id = dial(world, tools=[TOOL], webhooks=urls)
    assert ask(world, call_id).status_code == 409
    world.advance(hours=1)
    assert ask(world, call_id).status_code == 409
    no_progress = dial(world, tools=[TOOL])
    world.advance(seconds=6)
    assert ask(world, no_progress).status_code == 400


@pytest.mark.parametrize("tool", ["look_up", {}, TOOL | {"input_schema": 5}])
def test_a_call_s_tools_are_definitions(world: World, tool: object) -> None:
    body = {"to": "+15550101", "task": "t", "tools": [tool]}
    assert world.api("POST", "/calls", json=body).status_code == 400


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "example"),
        ({"type": "integer"}, 1),
        ({"type": "number", "minimum": 5}, 5),
        ({"type": "boolean"}, True),
        ({"type": "array"}, []),
        ({"type": ["null", "string"]}, None),
        ({"enum": ["small", "large"]}, "small"),
        ({"const": 7}, 7),
        ({"type": "string", "default": "x"}, "x"),
        ({"type": "string", "examples": ["y"]}, "y"),
        (SCHEMA, {"order_id": "example"}),
        ({"type": "object"}, {}),
        ({"type": "object", "required": ["a"]}, {"a": "example"}),
        (True, "example"),
    ],
)
def test_arguments_are_made_from_what_is_required(schema: object, value: Any) -> None:
    assert made_up(schema) == value
