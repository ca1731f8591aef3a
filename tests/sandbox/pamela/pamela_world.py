"""A sandbox whose clock stands still, and a client that asks its Pamela over HTTP."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

from billing.sandbox.clock import SandboxClock
from billing.sandbox.pamela.accounts import Account
from billing.sandbox.pamela.call import written
from billing.sandbox.seeds.worlds import Seeded, empty
from billing.sandbox.server import running
from billing.sandbox.world import Sandbox, new_sandbox

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
Json = dict[str, Any]


class World:
    """One running sandbox: what it is made of, and ways to ask it."""

    def __init__(self, sandbox: Sandbox, http: httpx2.Client) -> None:
        self.sandbox = sandbox
        self.http = http
        self.url = str(http.base_url).rstrip("/")
        self.account: Account = sandbox.pamela.accounts[0]
        self.key = {"Authorization": f"Bearer {self.account.api_key}"}
        self.user = {"Authorization": f"Bearer {self.account.user_token}"}

    def api(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """Ask the Pamela API with the account's key, or with other headers."""
        options.setdefault("headers", self.key)
        return self.http.request(method, f"/api/b2b/v1{path}", **options)

    def get(self, path: str, **params: Any) -> Json:
        """Get what must be there."""
        response = self.api("GET", path, params=params)
        assert response.status_code == 200, response.text
        body: Json = response.json()
        return body

    def control(self, method: str, path: str = "", **options: Any) -> httpx2.Response:
        """Ask the control surface with the account's key."""
        options.setdefault("headers", self.key)
        return self.http.request(method, f"/_sandbox{path}", **options)

    def add(self, *calls: Json) -> list[str]:
        """Put calls in, as a person would; return their ids."""
        # The standard library writes lone surrogates, which the client refuses to.
        response = self.control("POST", "/calls", content=json.dumps(calls))
        assert response.status_code == 200, response.text
        ids: list[str] = response.json()["ids"]
        return ids

    def advance(self, **step: int) -> None:
        """Move the clock forwards."""
        self.sandbox.clock.set(self.sandbox.clock.now() + timedelta(**step))

    def ids(self, **params: Any) -> list[str]:
        """List the ids on a page."""
        return [call["id"] for call in self.get("/calls", **params)["items"]]


def connected(call_id: str, started: datetime, seconds: object = 60) -> Json:
    """Return the fields of a completed call, as few as will do."""
    return {
        "id": call_id,
        "status": "completed",
        "created_at": written(started - timedelta(seconds=5)),
        "started_at": written(started),
        "duration_seconds": seconds,
    }


@contextmanager
def world_of(seeded: Seeded, now: datetime = NOW) -> Iterator[World]:
    """Run a sandbox with these contents; its clock moves only when told to.

    Under a clock that stands still a limit would never be free again.
    """
    sandbox = new_sandbox(seeded.pamela, seeded.customers, now, rate_limits="off")
    sandbox.clock = SandboxClock(now, ticks=lambda: 0.0)
    with running(sandbox) as url, httpx2.Client(base_url=url, verify=False) as http:
        yield World(sandbox, http)


@contextmanager
def empty_world() -> Iterator[World]:
    """Run a sandbox with one account and nothing else."""
    with world_of(empty(seed=0, now=NOW)) as world:
        yield world
