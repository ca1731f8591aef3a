"""The demonstration's world: a sandbox in a process of its own, and its controls."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import httpx2

from billing.errors import BillingError

STARTS_WITHIN_SECONDS = 60
STATE = "sandbox.json"


class NoSandbox(BillingError):
    """The sandbox's process did not come up."""


@dataclass(frozen=True, slots=True)
class WorldPlan:
    """What the sandbox starts with, and where its state is left at the end."""

    seed: int
    calls: int
    now: datetime
    state_file: Path


@dataclass(frozen=True, slots=True)
class World:
    """A running sandbox, moved and troubled through its control surface."""

    url: str
    control: httpx2.Client

    def advance(self, time: timedelta) -> None:
        """Move the clock on."""
        seconds = time // timedelta(seconds=1)
        self._put("/_sandbox/clock", {"advance_seconds": seconds})

    def trouble(self, faults: Sequence[Mapping[str, object]]) -> None:
        """Put these faults in force, and lift all others."""
        self._put("/_sandbox/faults", list(faults))

    def true_minutes(self) -> tuple[int, int]:
        """Return the minutes of all calls, and those that Stripe really counted."""
        answer = self.control.get(f"{self.url}/_sandbox/truth?requests=no")
        answer.raise_for_status()
        truth = answer.json()
        called = sum(
            month["billed_minutes"]
            for account in truth["pamela"].values()
            for month in account["months"].values()
        )
        counted = sum(
            minutes
            for customer in truth["stripe"]["test"].values()
            for month in customer["months"].values()
            for minutes in month.values()
        )
        return called, counted

    def _put(self, path: str, document: object) -> None:
        self.control.put(f"{self.url}{path}", json=document).raise_for_status()


@contextmanager
def sandbox_process(plan: WorldPlan) -> Iterator[Callable[[], World]]:
    """Run a sandbox in a process of its own; the value waits until it is there."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, plan), daemon=True)
    process.start()
    theirs.close()
    with httpx2.Client(timeout=30, trust_env=False) as control:

        def world() -> World:
            try:
                if ours.poll(STARTS_WITHIN_SECONDS):
                    return World(ours.recv(), control)
            except EOFError:
                pass
            raise NoSandbox("the sandbox did not start; try `pamela-billing sandbox`")

        try:
            yield world
        finally:
            # Hanging up is the sign to stop, also when this process is killed.
            ours.close()
            process.join(STARTS_WITHIN_SECONDS)


def _serve(pipe: Connection, plan: WorldPlan) -> None:
    # The parent decides when it ends, and Ctrl-C reaches the whole group.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Imported here, so that the parent, which unpickles this too, need not.
    from billing.sandbox.seeds import realistic  # noqa: PLC0415
    from billing.sandbox.server import running  # noqa: PLC0415
    from billing.sandbox.state_file import save_state  # noqa: PLC0415
    from billing.sandbox.world import new_sandbox  # noqa: PLC0415

    seeded = realistic(plan.seed, plan.now, calls=plan.calls)
    sandbox = new_sandbox(seeded.pamela, seeded.customers, plan.now)
    with running(sandbox) as url:
        pipe.send(url)
        with suppress(EOFError):
            pipe.recv()
    save_state(sandbox, plan.state_file)
