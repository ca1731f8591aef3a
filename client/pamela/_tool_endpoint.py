"""A web server's endpoint for signed webhooks, in FastAPI, Starlette or Flask."""

import asyncio
import functools
import inspect
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pamela._signatures import (
    SIGNATURE_HEADER,
    Secrets,
    check_secrets,
    verify_webhook_signature,
)
from pamela._webhook_events import read_payload
from pamela.exceptions import PamelaError, ValidationError
from pamela.types import JSONObject

Handler = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class ToolReply:
    """A status and a JSON body, for whatever framework."""

    status: int
    body: Mapping[str, Any]


FORGED = ToolReply(401, {"error": "Invalid signature"})
TOO_LARGE = ToolReply(413, {"error": "The body is too large"})
# Anybody can send to an address on the web: whose a body is shows once it is read.
MOST_BYTES = 10_000_000


def create_tool_handler(secret: Secrets) -> Callable[[Handler], "ToolEndpoint"]:
    """Make a decorator for endpoints that take webhooks signed with a secret.

    The handler, sync or async, gets the payload; what it returns is the answer. A
    forged webhook is answered with 401 and never reaches it. The endpoint works as a
    route of FastAPI, Starlette and Flask alike, and when handed a request of these.
    """
    secrets = check_secrets(secret)
    return lambda handler: ToolEndpoint(handler, secrets)


class ToolEndpoint:
    """A handler behind the check of its webhooks' signatures."""

    __name__: str

    def __init__(self, handler: Handler, secrets: Secrets) -> None:
        functools.update_wrapper(self, handler)
        # Flask names a route by it, and instances of classes have none.
        self.__name__ = getattr(handler, "__name__", type(handler).__name__)
        self._handler = handler
        self._secrets = secrets
        self._is_async = _is_async(handler)
        self.__signature__ = self._signature_for_fastapi()
        # FastAPI looks here to see that the answer is awaited; Flask, which wants it
        # at once, just calls, and a call goes by the class.
        self.__call__ = self._answer  # type: ignore[method-assign] # on purpose

    def __call__(self, *positional: Any, **named: Any) -> Any:
        """Answer the request that a framework hands in, or that Flask has at hand."""
        if len(positional) == 3:  # Starlette treats objects as ASGI applications
            return self._serve(*positional)
        request = positional[0] if positional else named.pop("request", None)
        if request is not None:
            return self._answer(request, named)
        flask: Any = sys.modules.get("flask")
        if flask is None:
            raise PamelaError("a webhook's endpoint is called with a request")
        reply = self._judge(flask.request.headers, _flask_body(flask.request))
        if isinstance(reply, ToolReply):
            return _for_flask(reply)
        result = self._handler(reply, **named)
        return _for_flask(asyncio.run(_awaited(result)) if self._is_async else result)

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        requests: Any = sys.modules["starlette.requests"]
        response = await self._answer(requests.Request(scope, receive), {})
        await response(scope, receive, send)

    async def _answer(self, request: Any, named: Mapping[str, Any]) -> Any:
        is_flask = hasattr(request, "get_data")
        body = _flask_body(request) if is_flask else await _starlette_body(request)
        reply = self._judge(request.headers, body)
        if not isinstance(reply, ToolReply):
            result = (
                self._handler(reply, **named)
                if self._is_async
                else await asyncio.to_thread(self._handler, reply, **named)
            )
            reply = await result if inspect.isawaitable(result) else result
        return _for_flask(reply) if is_flask else _for_starlette(reply)

    def _judge(self, headers: Any, body: bytes | None) -> JSONObject | ToolReply:
        if body is None:
            return TOO_LARGE
        signature = headers.get(SIGNATURE_HEADER)
        if not verify_webhook_signature(body, signature, self._secrets):
            return FORGED
        try:
            return read_payload(body)
        except ValidationError as error:
            return ToolReply(400, {"error": error.message})

    def _signature_for_fastapi(self) -> inspect.Signature:
        # FastAPI hands in what a signature asks for, by its types.
        starlette: Any = sys.modules.get("starlette.requests")
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        request = inspect.Parameter(
            "request", kind, annotation=starlette.Request if starlette else Any
        )
        more = list(inspect.signature(self._handler).parameters.values())[1:]
        return inspect.Signature([request, *more])


def _flask_body(request: Any) -> bytes | None:
    """Read a body; None for one that is too large."""
    if (request.content_length or 0) > MOST_BYTES:
        return None
    own = request.max_content_length
    # Of chunks no more is read than this, and one byte over the bound tells.
    request.max_content_length = min(own or MOST_BYTES + 1, MOST_BYTES + 1)
    body: bytes = request.get_data()
    return body if len(body) <= MOST_BYTES else None


async def _starlette_body(request: Any) -> bytes | None:
    """Read a body; None for one that is too large."""
    length = request.headers.get("Content-Length", "")
    if length.isdecimal():
        # The server takes no more than that; and it can be read again later.
        return await request.body() if int(length) <= MOST_BYTES else None
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            return None
    return bytes(body)


async def _awaited(result: Awaitable[Any]) -> Any:
    return await result


def _is_async(handler: Handler) -> bool:
    called = getattr(handler, "__call__", None)  # noqa: B004 - what it does when called
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(called)


def _for_flask(reply: Any) -> Any:
    return (dict(reply.body), reply.status) if isinstance(reply, ToolReply) else reply


def _for_starlette(reply: Any) -> Any:
    responses: Any = sys.modules.get("starlette.responses")
    if responses is None or isinstance(reply, responses.Response):
        return reply
    if isinstance(reply, ToolReply):
        return responses.JSONResponse(dict(reply.body), reply.status)
    return responses.JSONResponse(reply)
