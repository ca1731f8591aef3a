"""The sandbox's server: both APIs and the control surface behind one loopback port."""

import asyncio
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType

import uvicorn
from fastapi import FastAPI

from billing.sandbox.control.routes import control_router
from billing.sandbox.fault_injection import Cuttable
from billing.sandbox.pamela.routes import pamela_router
from billing.sandbox.state_file import kept_in
from billing.sandbox.stripe.http.routes import stripe_router
from billing.sandbox.webhook_sender import delivering
from billing.sandbox.world import Sandbox

LOOPBACK = "127.0.0.1"
STARTS_WITHIN_SECONDS = 60.0
STOPS_WITHIN_SECONDS = 1
LOOKS_EVERY_SECONDS = 0.01


def create_app(sandbox: Sandbox) -> FastAPI:
    """Return the ASGI app; under uvicorn wrap it in `Cuttable`, as `serve` does."""
    app = FastAPI(title="Sandbox", docs_url=None, redoc_url=None, openapi_url=None)
    clock, faults = sandbox.clock, sandbox.faults
    app.include_router(pamela_router(sandbox.pamela, clock, faults, sandbox.pamela_log))
    app.include_router(control_router(sandbox))
    app.include_router(stripe_router(sandbox.stripe, clock, faults, sandbox.stripe_log))
    return app


def listen(port: int = 0) -> socket.socket:
    """Take a loopback port (0: any free one); OSError when it is in use."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
    except OSError:
        listener.close()
        raise
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the base URL at which a listener is reached."""
    return f"http://{LOOPBACK}:{listener.getsockname()[1]}"


def serve(
    sandbox: Sandbox, listener: socket.socket, *, state_file: Path | None = None
) -> None:
    """Serve until interrupted or terminated; keep the state in a file, if one is given.

    Take the listener first (`listen`): its URL can then be told before this blocks.
    For the main thread, where signals arrive.
    """
    server = _server(sandbox)
    keeping = nullcontext() if state_file is None else kept_in(sandbox, state_file)
    with _stopped_by_signals(server), keeping, listener, delivering(sandbox):
        server.run([listener])


@contextmanager
def running(sandbox: Sandbox, port: int = 0) -> Iterator[str]:
    """Serve from a thread while the block runs; the value is the base URL."""
    listener = listen(port)
    server = _server(sandbox)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        _wait_until_started(server, thread)
        with delivering(sandbox):
            yield url_of(listener)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@contextmanager
def _stopped_by_signals(server: uvicorn.Server) -> Iterator[None]:
    """Let signals only end the server; uvicorn raises them again when it is done."""

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a handler's shape
        server.should_exit = True

    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, stop) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


class PromptServer(uvicorn.Server):
    """A server that stops at once when nobody is connected; uvicorn's waits."""

    async def main_loop(self) -> None:
        """Look often whether it is to stop."""
        while not await self.on_tick(0):
            await asyncio.sleep(LOOKS_EVERY_SECONDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close what listens; wait only for connections and tasks that there are."""
        for listening in self.servers:
            listening.close()
        # A connection that its client has closed is gone after one turn of the loop.
        await asyncio.sleep(0)
        if self.server_state.connections or self.server_state.tasks:
            await super().shutdown(sockets)


def _server(sandbox: Sandbox) -> uvicorn.Server:
    return PromptServer(
        uvicorn.Config(
            Cuttable(create_app(sandbox)),
            log_level="error",
            access_log=False,
            lifespan="off",
            # The sandbox's own clock gives the date.
            date_header=False,
            server_header=False,
            timeout_graceful_shutdown=STOPS_WITHIN_SECONDS,
        )
    )


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the sandbox's server did not start")
        time.sleep(0.002)
