"""Changes: what is sent to make calls and tools, and what is refused before."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from pamela import InvalidResponse, PamelaClient, ValidationError

TO, TASK = "+15550100", "Order a pizza."
ALL: tuple[Any, ...] = (
    TO,
    TASK,
    "US",
    "en-US",
    "Be brief.",
    299,
    "female",
    "Pamela",
    "Jo",
    {"a": 1},
    [{"name": "t"}],
    {"webhook_url": "https://a.example"},
    "user_1",
)
NAMES = (
    "to",
    "task",
    "country",
    "locale",
    "instructions",
    "max_duration_seconds",
    "voice",
    "agent_name",
    "caller_name",
    "metadata",
    "tools",
    "webhooks",
    "end_user_id",
)
TEXTS = [
    "country",
    "locale",
    "instructions",
    "voice",
    "agent_name",
    "caller_name",
    "end_user_id",
]


def cases(name: str, *values: Any) -> list[dict[str, Any]]:
    return [{name: value} for value in values]


class Server:
    """Keeps what it is sent, and answers what it is told to."""

    def __init__(self) -> None:
        self.sent: list[httpx2.Request] = []
        self.answer: Any = {"id": "call_1"}

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.sent.append(request)
        if self.answer is None:
            return httpx2.Response(204)
        return httpx2.Response(200, json=self.answer)

    @property
    def body(self) -> Any:
        return json.loads(self.sent[-1].content)

    @property
    def line(self) -> str:
        request = self.sent[-1]
        path = request.url.raw_path.decode().removeprefix("/api/b2b/v1")
        return f"{request.method} {path}"


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def client(server: Server) -> Iterator[PamelaClient]:
    transport = httpx2.MockTransport(server)
    with PamelaClient("pk_live_1", transport=transport) as client:
        yield client


def test_create_call_takes_its_arguments_in_the_official_order(
    client: PamelaClient, server: Server
) -> None:
    assert client.create_call(*ALL) == {"id": "call_1"}
    assert server.line == "POST /calls"
    assert server.body == dict(zip(NAMES, ALL, strict=True))


def test_what_is_not_given_is_not_sent(client: PamelaClient, server: Server) -> None:
    client.create_call(TO, TASK, voice=None)
    assert server.body == {"to": TO, "task": TASK}


@pytest.mark.parametrize(
    ("name", "empty"),
    [("metadata", {}), ("tools", []), ("webhooks", {}), *((n, "") for n in TEXTS)],
)
def test_what_is_given_is_sent_even_when_it_is_empty(
    client: PamelaClient, server: Server, name: str, empty: Any
) -> None:
    client.create_call(TO, TASK, **{name: empty})
    assert server.body[name] == empty


@pytest.mark.parametrize("to", ["+15550100", "+999999999999999", "+12", "+1234567890"])
def test_a_number_that_may_exist_is_for_the_server_to_judge(
    client: PamelaClient, server: Server, to: str
) -> None:
    client.create_call(to, TASK)
    assert server.body["to"] == to


@pytest.mark.parametrize(
    "to",
    [
        "",
        "15550100",
        "+0155501000",
        "+1 555 0100",
        "+1-555-0100",
        "++15550100",
        "+1555010012345678",
        "+",
        "+1",
        "+\u0661\u0665\u0665\u0665\u0660",
        "tel:+15550100",
        "+15550100\n",
        None,
        15550100,
        b"+15550100",
    ],
)
def test_a_number_that_cannot_be_one_is_never_sent(
    client: PamelaClient, server: Server, to: Any
) -> None:
    with pytest.raises(ValidationError) as caught:
        client.create_call(to, TASK)
    assert caught.value.error_code == 2002
    assert server.sent == []


@pytest.mark.parametrize(
    "named",
    [
        *cases("task", "", None, 7, "\ud800"),
        *cases("max_duration_seconds", 0, -1, 1.5, "299", True),
        *cases("metadata", [], "a", {1: "a"}, {"a": {None: 1}}),
        *cases("metadata", {"a": float("nan")}, {"a": {1}}, {"a": b"x"}),
        *cases("metadata", {"a": "\udfff"}),
        *cases("tools", {}, "a", [1], [[]]),
        *cases("webhooks", [], "https://a.example", {"a": None}),
        {"webhooks": {"webhook_url": ""}},
        *(case for name in TEXTS for case in cases(name, 7, b"a", ["a"])),
    ],
)
def test_an_argument_that_cannot_be_right_is_never_sent(
    client: PamelaClient, server: Server, named: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError):
        client.create_call(**{"to": TO, "task": TASK, **named})
    assert server.sent == []


def test_metadata_without_end_is_never_sent(
    client: PamelaClient, server: Server
) -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    with pytest.raises(ValidationError):
        client.create_call(TO, TASK, metadata=endless)
    assert server.sent == []


@pytest.mark.parametrize("how", ["cancel", "hangup"])
def test_a_call_is_ended_by_an_empty_post(
    client: PamelaClient, server: Server, how: str
) -> None:
    end = {"cancel": client.cancel_call, "hangup": client.hangup_call}[how]
    assert end("a/b") == {"id": "call_1"}
    assert server.line == f"POST /calls/a%2Fb/{how}"
    assert server.sent[0].headers["content-length"] == "0"
    server.answer = None
    assert end("call_1") == {"success": True}


@pytest.mark.parametrize(
    ("more", "sent"),
    [
        ({}, {"output_schema": {}, "timeout_ms": 30_000}),
        ({"timeout_ms": 5}, {"output_schema": {}, "timeout_ms": 5}),
        ({"timeout_seconds": 7}, {"output_schema": {}, "timeout_ms": 7000}),
        (
            {"output_schema": {"type": "string"}, "timeout_ms": None},
            {"output_schema": {"type": "string"}, "timeout_ms": 30_000},
        ),
    ],
)
def test_a_tool_s_time_out_may_be_given_in_either_unit(
    client: PamelaClient, server: Server, more: Any, sent: Any
) -> None:
    client.register_tool("t", "Does it.", {"type": "object"}, **more)
    fields = {
        "name": "t",
        "description": "Does it.",
        "input_schema": {"type": "object"},
    }
    assert server.line == "POST /tools"
    assert server.body == {"tool": fields | sent}


@pytest.mark.parametrize(
    "named",
    [
        {"name": ""},
        {"description": None},
        {"input_schema": None},
        {"input_schema": "object"},
        {"output_schema": []},
        {"timeout_ms": 0},
        {"timeout_ms": "5"},
        {"timeout_seconds": 0.5},
        {"timeout_seconds": -1},
        {"timeout_ms": 5, "timeout_seconds": 5},
    ],
)
def test_a_tool_that_cannot_be_right_is_never_sent(
    client: PamelaClient, server: Server, named: dict[str, Any]
) -> None:
    good: dict[str, Any] = {"name": "t", "description": "d", "input_schema": {}}
    with pytest.raises(ValidationError):
        client.register_tool(**{**good, **named})
    assert server.sent == []


@pytest.mark.parametrize(
    "answer", [[{"id": "t"}], {"tools": [{"id": "t"}]}, {"items": [{"id": "t"}]}]
)
def test_tools_are_read_in_every_known_shape(
    client: PamelaClient, server: Server, answer: Any
) -> None:
    server.answer = answer
    assert client.list_tools() == [{"id": "t"}]
    assert server.line == "GET /tools"


@pytest.mark.parametrize("answer", [{}, {"tools": {}}, "t", [1], {"items": None}])
def test_tools_in_no_known_shape_are_refused_with_their_status(
    client: PamelaClient, server: Server, answer: Any
) -> None:
    server.answer = answer
    with pytest.raises(InvalidResponse) as caught:
        client.list_tools()
    assert caught.value.status_code == 200


def test_a_tool_is_deleted_with_or_without_words(
    client: PamelaClient, server: Server
) -> None:
    server.answer = {"success": True, "message": "gone"}
    assert client.delete_tool("a/../b") == server.answer
    assert server.line == "DELETE /tools/a%2F..%2Fb"
    server.answer = None
    assert client.delete_tool("t") == {"success": True, "tool_id": "t"}


@pytest.mark.parametrize("method", ["cancel_call", "hangup_call", "delete_tool"])
@pytest.mark.parametrize("name", ["", ".", "..", None, 7])
def test_an_id_that_names_nothing_is_refused(
    client: PamelaClient, server: Server, method: str, name: Any
) -> None:
    with pytest.raises(ValidationError):
        getattr(client, method)(name)
    assert server.sent == []
