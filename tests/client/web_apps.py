"""Web apps that take signed webhooks, served by real servers."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import flask
import uvicorn
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Route
from werkzeug.serving import make_server

from pamela import ToolRouter, create_tool_handler, parse_tool_webhook
from pamela.types import JSONObject, ToolWebhookParsed
from tests.waiting import LONGEST_WAIT_SECONDS, wait_until

SECRET = "whsec_test"
SCHEMA: JSONObject = {
    "type": "object",
    "properties": {"order_id": {"type": "string"}},
    "required": ["order_id"],
}
Answer = Callable[[dict[str, Any]], Any]


def router() -> ToolRouter:
    """Make a router with a sync and an async tool."""
    tools = ToolRouter()

    @tools.tool("look_up", "Looks an order up.", input_schema=SCHEMA)
    def look_up(request: ToolWebhookParsed) -> str:
        return f"{request['arguments']['order_id']} is on its way"

    @tools.tool("cancel", "Cancels an order.", input_schema=SCHEMA)
    async def cancel(request: ToolWebhookParsed) -> dict[str, str]:
        return {"cancelled": str(request["arguments"]["order_id"])}

    return tools


def routes(seen: list[str]) -> dict[str, Any]:
    """Return the endpoints of all apps, by path; they tell what reached them."""
    handler = create_tool_handler([SECRET, "whsec_next"])

    @handler
    def sync(payload: dict[str, Any]) -> dict[str, Any]:
        seen.append("sync")
        return {"result": parse_tool_webhook(payload)["tool_name"]}

    @handler
    async def coroutine(payload: dict[str, Any]) -> dict[str, Any]:
        seen.append("coroutine")
        return {"result": parse_tool_webhook(payload)["tool_name"]}

    return {"/sync": sync, "/coroutine": coroutine, "/router": handler(router())}


def fastapi_app(seen: list[str]) -> FastAPI:
    """Make a FastAPI app."""
    app = FastAPI()
    for path, endpoint in routes(seen).items():
        app.post(path)(endpoint)
    return app


def starlette_app(seen: list[str]) -> Starlette:
    """Make a Starlette app."""
    endpoints = routes(seen).items()
    return Starlette(
        routes=[Route(path, endpoint, methods=["POST"]) for path, endpoint in endpoints]
    )


def flask_app(seen: list[str]) -> flask.Flask:
    """Make a Flask app."""
    app = flask.Flask("tools")
    for path, endpoint in routes(seen).items():
        app.post(path)(endpoint)

    handler = create_tool_handler(SECRET)

    @handler
    async def awaited(payload: dict[str, Any]) -> dict[str, Any]:
        return {"result": payload["tool_name"]}

    async def by_hand() -> Any:
        return await awaited(flask.request)

    # As programs had to do it with the official SDK.
    app.post("/by-hand")(lambda: drive(by_hand()))
    return app


def drive(coroutine: Any) -> Any:
    """Run a coroutine that never really waits, as a framework would."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits for something")


@contextmanager
def served_by_uvicorn(app: Any) -> Iterator[str]:
    """Serve an ASGI app while the block runs; the value is its URL."""
    config = uvicorn.Config(app, port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started or not thread.is_alive())
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(LONGEST_WAIT_SECONDS)


@contextmanager
def served_by_werkzeug(app: flask.Flask) -> Iterator[str]:
    """Serve a WSGI app while the block runs; the value is its URL."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(LONGEST_WAIT_SECONDS)
        server.server_close()
