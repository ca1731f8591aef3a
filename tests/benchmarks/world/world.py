"""The world that is measured against: a sandbox in a process of its own."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

STOPS_WITHIN_SECONDS = 60


@dataclass(frozen=True)
class Shape:
    """How many calls there are, and how they fall: campaigns of so many hours."""

    calls: int
    customers: int = 200
    hours: int = 5  # of each customer, in the month
    talk: bool = True  # whether calls carry a transcript and a summary
    present: bool = False  # in the present month, rather than all over the last one

    def __str__(self) -> str:
        words = "with" if self.talk else "without"
        return (
            f"{self.calls:,} calls of {self.customers} customers, "
            f"{self.hours} campaign hours a customer, {words} transcripts"
        )


class World:
    """A running sandbox, as its control surface shows it."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.url: str = facts["url"]
        self.api_key: str = facts["api_key"]
        self.stripe_key: str = facts["stripe_key"]
        self.customers: dict[str, str] = {
            customer["name"]: customer["id"] for customer in facts["customers"]
        }
        self._http = httpx2.Client(
            base_url=f"{self.url}/_sandbox",
            headers={"Authorization": f"Bearer {self.api_key}"},
            timeout=120,
            trust_env=False,
        )

    def now(self) -> datetime:
        """Return the sandbox's moment."""
        return datetime.fromisoformat(self._ask("GET", "/clock")["now"])

    def move_to(self, moment: datetime) -> None:
        """Move the sandbox's clock."""
        self._ask("PUT", "/clock", {"now": moment.isoformat()})

    def delay(self, milliseconds: int) -> None:
        """Let every answer of both APIs take so much longer; 0 lifts it."""
        latency = {"kind": "latency", "detail": milliseconds}
        self._ask("PUT", "/faults", [latency] if milliseconds else [])

    def set_distance(self, pamela_ms: int, stripe_ms: int, spread_ms: int = 0) -> None:
        """Let each answer be so long under way, and up to so much longer by chance."""
        for api, milliseconds in (("pamela", pamela_ms), ("stripe", stripe_ms)):
            rules = {"round_trip": milliseconds, "round_trip_spread": spread_ms}
            seconds = {name: value / 1000 for name, value in rules.items()}
            self._ask("PUT", f"/{api}/rules", seconds)

    def set_limits(self, *, live: bool) -> None:
        """Enforce the limits that Stripe documents for a mode, on the test key."""
        rules = {"rate_limited": True, "test_keys_as_live": live}
        self._ask("PUT", "/stripe/rules", rules)

    def lift_limits(self) -> None:
        """Take as many requests as there are."""
        self._ask("PUT", "/stripe/rules", {"rate_limited": False})

    def add_calls(self, calls: list[dict[str, object]]) -> None:
        """Add calls, in the API's own field names."""
        self._ask("POST", "/calls", calls)

    def stripe_requests(self) -> int:
        """Return how many requests Stripe has seen."""
        seen = self._ask("GET", "/truth")["requests"]["stripe"]["seen"]
        return int(seen)

    def stripe_log(self) -> list[dict[str, str]]:
        """Return the requests that Stripe has seen, the oldest first."""
        latest: list[dict[str, str]] = self._ask("GET", "/truth")["requests"]["stripe"][
            "latest"
        ]
        return latest

    def reject_next(self, stripe_customer: str) -> None:
        """Let a customer's next event be taken, and then not be counted."""
        wanted = {"code": "archived_meter", "customer": stripe_customer, "count": 1}
        self._ask("POST", "/stripe/rejections", wanted)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        answer = self._http.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json()


class WorldClock:
    """The sandbox's clock without asking it: this machine's, moved by a difference."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.set()

    def set(self) -> None:
        """Take the time anew, after it was moved."""
        self._moment, self._ticks = self._world.now(), time.monotonic()

    def now(self) -> datetime:
        """Return the present moment there."""
        return self._moment + timedelta(seconds=time.monotonic() - self._ticks)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def elapsed(self) -> timedelta:
        """Count by the moment there."""
        return self.now() - datetime(1970, 1, 1, tzinfo=UTC)


@contextmanager
def running(shape: Shape, now: datetime) -> Iterator[World]:
    """Serve such a world while the block runs."""
    command = [sys.executable, "-m", "tests.benchmarks.world.server", "--now"]
    command += [now.isoformat(), "--calls", str(shape.calls)]
    command += ["--customers", str(shape.customers), "--hours", str(shape.hours)]
    command += ["--talk"] * shape.talk + ["--present"] * shape.present
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdout is None:
            raise RuntimeError("the sandbox says nothing")
        world = World(json.loads(process.stdout.readline()))
        try:
            yield world
        finally:
            world.close()
            process.terminate()
            process.wait(STOPS_WITHIN_SECONDS)
