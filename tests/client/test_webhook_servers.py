"""Real web servers beside the sandbox: they take its webhooks and run its tools."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import flask
import httpx2
import pytest
from fastapi import FastAPI

from pamela import (
    PamelaClient,
    ToolRouter,
    create_tool_handler,
    parse_webhook_event,
)
from tests.client.web_apps import (
    SCHEMA,
    router,
    served_by_uvicorn,
    served_by_werkzeug,
)
from tests.sandbox.pamela.pamela_world import World, empty_world
from tests.waiting import wait_until

LIFE = ["call.queued", "call.started", "call.transcript_update"]
FORGED = (401, {"error": "Invalid signature"})


class Inbox:
    """What a user's program does with webhooks; it can refuse some at first."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.refusals = 0

    def take(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Note an event, or fail as programs do."""
        if self.refusals:
            self.refusals -= 1
            raise RuntimeError("the database is away")
        self.events.append(parse_webhook_event(payload).event)
        return {"ok": True}


def fastapi_app(inbox: Inbox, tools: ToolRouter, secret: str) -> FastAPI:
    handler = create_tool_handler(secret)
    app = FastAPI()

    @app.exception_handler(RuntimeError)
    async def failed(request: object, error: RuntimeError) -> Any:
        from fastapi.responses import PlainTextResponse

        return PlainTextResponse(str(error), 500)

    app.post("/events")(handler(inbox.take))
    app.post("/tools")(handler(tools))
    return app


def flask_app(inbox: Inbox, tools: ToolRouter, secret: str) -> flask.Flask:
    handler = create_tool_handler(secret)
    app = flask.Flask("user")
    app.errorhandler(RuntimeError)(lambda error: (str(error), 500))
    app.post("/events")(handler(inbox.take))
    app.post("/tools")(handler(tools))
    return app


APPS: dict[str, tuple[Any, Any]] = {
    "fastapi": (served_by_uvicorn, fastapi_app),
    "flask": (served_by_werkzeug, flask_app),
}


class Scene(NamedTuple):
    """A sandbox, a client of it, and the user's own server."""

    world: World
    client: PamelaClient
    url: str
    inbox: Inbox

    def dial(self, **fields: Any) -> str:
        """Make a call that reports to the user's server and may use its tools."""
        urls = {
            "webhook_url": f"{self.url}/events",
            "tool_webhook_url": f"{self.url}/tools",
        }
        made = self.client.create_call(
            "+15550101", "Say where the order is.", webhooks=urls, **fields
        )
        return made["id"]

    def deliveries(self) -> list[dict[str, Any]]:
        """Return the sandbox's records."""
        shown = self.world.control("GET", "/deliveries").json()
        items: list[dict[str, Any]] = shown["items"]
        return items

    def states(self) -> list[tuple[str, str, int]]:
        """Return each delivery's event, status and attempts."""
        return [
            (item["event"], item["status"], item["attempts"])
            for item in self.deliveries()
        ]


@pytest.fixture(params=APPS)
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    serve, make = APPS[request.param]
    inbox = Inbox()
    with empty_world() as world:
        account = world.account
        app = make(inbox, router(), account.webhook_secret)
        with serve(app) as url, PamelaClient(account.api_key, world.url) as client:
            yield Scene(world, client, url, inbox)


def post(url: str, body: bytes, signature: str) -> tuple[int, Any]:
    headers = {"X-Pamela-Signature": signature, "Content-Type": "application/json"}
    with httpx2.Client(trust_env=False, verify=False) as http:
        answer = http.post(url, content=body, headers=headers)
    return answer.status_code, answer.json()


def test_a_call_s_whole_life_arrives_and_its_tool_is_run(scene: Scene) -> None:
    call_id = scene.dial(tools=router().definitions())
    scene.world.advance(hours=1)
    arrived = [*LIFE, "call.transcript_update", "call.completed"]
    wait_until(lambda: scene.inbox.events, arrived)
    wait_until(lambda: {status for _, status, _ in scene.states()}, {"delivered"})
    assert ("tool.call", "delivered", 1) in scene.states()
    heard = scene.client.get_call(call_id)["transcript"]
    assert heard == (
        'Agent: Hello, this is Pamela.\nTool look_up: "example is on its way"'
    )


@pytest.mark.parametrize(
    ("tool", "arguments", "status", "body"),
    [
        ("look_up", {"order_id": "ñ-1"}, 200, {"result": "ñ-1 is on its way"}),
        ("cancel", {"order_id": "7"}, 200, {"result": {"cancelled": "7"}}),
        ("look_up", {}, 400, {"error": "$: 'order_id' is a required property"}),
        ("unknown", {}, 400, {"error": "Unknown tool"}),
    ],
)
def test_a_tool_called_by_hand_is_answered(
    scene: Scene, tool: str, arguments: Any, status: int, body: Any
) -> None:
    scene.client.register_tool("unknown", "Is nowhere.", SCHEMA)
    call_id = scene.dial(tools=router().definitions())
    scene.world.advance(seconds=6)
    order = {"call_id": call_id, "tool_name": tool, "arguments": arguments}
    answer = scene.world.control("POST", "/tool_calls", json=order).json()
    assert answer["status"] == status
    assert answer["body"].pop("correlation_id")
    assert answer["body"] == body
    assert (answer["error"] is None) == (status == 200)


def test_what_is_altered_after_signing_gets_401(scene: Scene) -> None:
    scene.dial(tools=router().definitions())
    wait_until(lambda: scene.inbox.events, LIFE[:1])
    scene.world.advance(seconds=6)
    wait_until(lambda: scene.inbox.events, LIFE[:2])
    scene.world.sandbox.clock.advance(1)
    wait_until(lambda: len(scene.inbox.events), 4)
    for delivery in scene.world.sandbox.pamela.webhooks.deliveries():
        url, body = delivery.target_url, delivery.body.encode()
        signature = delivery.signature
        assert post(url, body, signature)[0] == 200, "as it was sent, it is taken"
        count = len(scene.inbox.events)
        altered = body.replace(delivery.call_id.encode(), b"call_other")
        turned = signature[:-1] + ("0" if signature[-1] != "0" else "1")
        assert post(url, altered, signature) == FORGED
        assert post(url, body + b" ", "") == FORGED
        assert post(url, body, turned) == FORGED
        assert len(scene.inbox.events) == count, "no handler saw a forged one"


def test_a_call_of_another_account_s_secret_is_forged(scene: Scene) -> None:
    scene.world.account.webhook_secret = "whsec_stolen"
    scene.dial()
    wait_until(scene.states, [("call.queued", "pending", 1)])
    (record,) = scene.deliveries()
    assert (record["response_status"], record["error"]) == (401, "HTTP 401")
    assert scene.inbox.events == []


def test_an_event_is_repeated_until_the_program_has_taken_it(scene: Scene) -> None:
    scene.inbox.refusals = 2
    scene.dial()
    wait_until(scene.states, [("call.queued", "pending", 1)])
    assert scene.deliveries()[0]["response_status"] == 500
    scene.world.advance(seconds=1)
    wait_until(scene.states, [("call.queued", "pending", 2)])
    scene.world.advance(seconds=2)
    wait_until(scene.states, [("call.queued", "delivered", 3)])
    assert scene.inbox.events == ["call.queued"]


def test_a_program_that_stays_away_is_given_up(scene: Scene) -> None:
    scene.inbox.refusals = 99
    call_id = scene.dial()
    wait_until(lambda: len(scene.states()), 1)
    scene.client.cancel_call(call_id)
    for count, wait in enumerate([0, 1, 2, 4, 8, 16], start=1):
        scene.world.advance(seconds=wait)
        wait_until(lambda: scene.states()[0][2], count)
    assert scene.states() == [("call.queued", "failed", 6)]
    assert scene.inbox.events == []


def test_a_tool_may_ask_the_api_while_it_runs(scene: Scene) -> None:
    seen: list[str] = []
    tools = ToolRouter()

    @tools.tool("status", "Says how the call is doing.", input_schema={})
    def status(request: Any) -> str:
        seen.append(threading.current_thread().name)
        return str(scene.client.get_call(request["call_id"])["status"])

    app = fastapi_app(Inbox(), tools, scene.world.account.webhook_secret)
    with served_by_uvicorn(app) as url:
        made = scene.client.create_call(
            "+15550101",
            "Ask.",
            tools=tools.definitions(),
            webhooks={"tool_webhook_url": f"{url}/tools"},
        )
        scene.world.sandbox.clock.set(
            scene.world.sandbox.clock.now() + timedelta(seconds=6)
        )
        order = {"call_id": made["id"], "tool_name": "status", "arguments": {}}
        answer = scene.world.control("POST", "/tool_calls", json=order).json()
    assert answer["body"]["result"] == "in_progress"
    assert len(seen) == 1
