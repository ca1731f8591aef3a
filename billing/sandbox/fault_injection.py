"""Misbehaving answers: one place where faults strike, for both sandbox APIs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from billing.sandbox.clock import SandboxClock
from billing.sandbox.faults import Fault, FaultKind, Faults
from billing.sandbox.request_log import CUT

TRANSPORT = "sandbox.transport"
CHUNK = b"a" * 65_536
HUGE_BYTES = 1_073_741_824
LATENCY_MILLISECONDS = 1_000
WEB_PAGE = b"<!doctype html><html><body><h1>502 Bad Gateway</h1></body></html>"

# Each API words these itself; nothing is done (STORED_500: but it is remembered).
REFUSALS = frozenset(
    {
        FaultKind.ERROR_500,
        FaultKind.ERROR_503,
        FaultKind.STORED_500,
        FaultKind.RATE_LIMIT,
        FaultKind.LOCK_TIMEOUT,
        FaultKind.UNAUTHORIZED,
        FaultKind.FORBIDDEN,
    }
)


class Cuttable:
    """An ASGI app around another one, so that connections can be cut under uvicorn.

    It has to be the outermost: it takes the transport from uvicorn's own `send`.
    A client that hangs up in the middle of its request is no failure of ours.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note the connection's transport in the scope, and pass everything on."""
        cycle = getattr(send, "__self__", None)
        if scope["type"] == "http":
            scope[TRANSPORT] = getattr(cycle, "transport", None)
        with suppress(ClientDisconnect):
            await self.app(scope, receive, send)


class CutConnection(Response):
    """No answer at all: the client sees its connection closed."""

    def __init__(self, request: Request) -> None:
        super().__init__()
        self.status_code = CUT
        self._transport = request.scope.get(TRANSPORT)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Abort the transport; without one (in-process) raise ConnectionResetError."""
        if self._transport is None:
            raise ConnectionResetError("the sandbox cut the connection")
        self._transport.abort()
        # Returning before uvicorn knows of the end would make it send a 500.
        while (await receive())["type"] != "http.disconnect":
            pass


async def answer(
    request: Request,
    name: str,
    faults: Faults,
    clock: SandboxClock,
    *,
    work: Callable[[], Awaitable[Response]],
    refuse: Callable[[Fault], Response],
) -> Response:
    """Answer a request to the named endpoint, or misbehave as the faults in force say.

    A page in front of the API (html, redirect) means nothing was done; a spoiled
    body (malformed, huge) means the work was done. Latency always comes last.
    """
    struck = faults.strike(name, clock.now())
    replacements = (_replaced(request, fault, refuse) for fault in struck)
    response = next(filter(None, replacements), None)
    if response is None:
        done = await work()
        spoiled = (_spoiled(request, done, fault, refuse) for fault in struck)
        response = next(filter(None, spoiled), done)
    for fault in struck:
        if fault.kind is FaultKind.LATENCY:
            await asyncio.sleep(int(fault.detail or LATENCY_MILLISECONDS) / 1000)
    return response


def _replaced(
    request: Request, fault: Fault, refuse: Callable[[Fault], Response]
) -> Response | None:
    """Return what is answered instead of doing the work, if the fault says so."""
    if fault.kind in REFUSALS:
        return refuse(fault)
    match fault.kind:
        case FaultKind.DROP_BEFORE:
            return CutConnection(request)
        case FaultKind.HTML:
            return Response(WEB_PAGE, media_type="text/html")
        case FaultKind.REDIRECT:
            target = fault.detail or "https://example.com/"
            return Response(status_code=302, headers={"Location": target})
        case _:
            return None


def _spoiled(
    request: Request,
    done: Response,
    fault: Fault,
    refuse: Callable[[Fault], Response],
) -> Response | None:
    """Return what is answered although the work was done, if the fault says so."""
    match fault.kind:
        case FaultKind.DROP_AFTER:
            return CutConnection(request)
        case FaultKind.ERROR_500_AFTER:
            return refuse(fault)
        case FaultKind.MALFORMED:
            body = bytes(done.body)
            return Response(body[: len(body) // 2], media_type="application/json")
        case FaultKind.HUGE:
            size = int(fault.detail or HUGE_BYTES)
            return StreamingResponse(_endless(size), media_type="application/json")
        case _:
            return None


async def _endless(size: int) -> AsyncIterator[bytes]:
    """Yield a JSON string that never closes, of this many bytes."""
    opening = b'{"data": "'[:size]
    yield opening
    remaining = size - len(opening)
    while remaining > 0:
        yield CHUNK[:remaining]
        remaining -= len(CHUNK)
        # Gives way, so that a client that hung up ends the stream.
        await asyncio.sleep(0)
