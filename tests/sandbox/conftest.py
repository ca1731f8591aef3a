"""A real server on a free loopback port, for any app of the sandbox."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest
import uvicorn
from starlette.types import ASGIApp

from billing.sandbox.fault_injection import Cuttable
from billing.sandbox.server import PromptServer
from tests.sandbox.stripe.stripe_contract import ContractJudge
from tests.sandbox.stripe.stripe_world import StripeSite, StripeWorld
from tests.waiting import LONGEST_WAIT_SECONDS, wait_until

Serve = Callable[[ASGIApp], str]


class LoopbackServer:
    """uvicorn in a thread; it stops when told to."""

    def __init__(self, app: ASGIApp) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._server = PromptServer(
            uvicorn.Config(
                Cuttable(app),
                log_level="warning",
                lifespan="off",
                date_header=False,
                server_header=False,
                timeout_graceful_shutdown=1,
            )
        )
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), daemon=True
        )
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def start(self) -> None:
        """Return once requests are answered."""
        self._thread.start()
        wait_until(lambda: self._server.started or not self._thread.is_alive())
        assert self._server.started, "the server did not start"

    def stop(self) -> None:
        """Return once the thread has ended."""
        self._server.should_exit = True
        self._thread.join(LONGEST_WAIT_SECONDS)
        self._socket.close()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve an app over real HTTP until the test ends; give its base URL."""
    servers: list[LoopbackServer] = []

    def start(app: ASGIApp) -> str:
        server = LoopbackServer(app)
        servers.append(server)
        server.start()
        return server.url

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def stripe_world() -> StripeWorld:
    """Give a Stripe account with a meter and a customer, without HTTP."""
    return StripeWorld()


@pytest.fixture
def stripe_site(serve: Serve) -> Iterator[StripeSite]:
    """Serve such an account; every exchange is held against Stripe's document."""
    site = StripeSite()
    judge = ContractJudge(site.app())
    site.url = serve(judge)
    yield site
    assert judge.found == []


@pytest.fixture
def faulty_site(serve: Serve) -> StripeSite:
    """Serve such an account with nobody watching, so that it may misbehave."""
    site = StripeSite()
    site.url = serve(site.app())
    return site
