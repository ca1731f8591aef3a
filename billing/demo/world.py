"""The demonstration's world: a sandbox in a process of its own, and its controls."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from multiprocessing.connection import Connection
from pathlib import Path
from time import sleep
from typing import Any

import httpx2

from billing.errors import BillingError

STARTS_WITHIN_SECONDS = 60
STATE = "sandbox.json"
A_LITTLE_SECONDS = 0.02


class Scenario(StrEnum):
    """The stories that there are."""

    FIRST_DAY = "first-day"
    MONTH_END = "month-end"
    ADOPT = "adopt"


class NoSandbox(BillingError):
    """The sandbox's process did not come up."""


@dataclass(frozen=True, slots=True)
class WorldPlan:
    """What the sandbox starts with, and where its state is left at the end."""

    scenario: Scenario
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

    def now(self) -> datetime:
        """Return what its clock says."""
        answer = self.control.get(f"{self.url}/_sandbox/clock")
        answer.raise_for_status()
        return datetime.fromisoformat(answer.json()["now"]).astimezone(UTC)

    def move_to(self, moment: datetime) -> None:
        """Set the clock."""
        self._put("/_sandbox/clock", {"now": moment.isoformat()})

    def put_calls(self, api_key: str, calls: Sequence[Mapping[str, object]]) -> None:
        """Let an account have these calls, or these changes of calls that it has."""
        owner = {"Authorization": f"Bearer {api_key}"}
        self._post("/_sandbox/calls", list(calls), owner)

    def add_customer(self, stripe_customer: str, name: str) -> None:
        """Let Stripe have another customer, who is subscribed to the price."""
        self._post("/_sandbox/customers", {"id": stripe_customer, "name": name})

    def post_form(self, path: str, fields: Mapping[str, str], api_key: str) -> None:
        """Ask Stripe for something, as another program would."""
        owner = {"Authorization": f"Bearer {api_key}"}
        answer = self.control.post(f"{self.url}{path}", data=fields, headers=owner)
        answer.raise_for_status()

    def set_rules(self, **seconds: int) -> None:
        """Change what Stripe is to do by itself."""
        self._put("/_sandbox/stripe/rules", seconds)

    def reject(self, stripe_customer: str, code: str, *, after: timedelta) -> None:
        """Let Stripe throw away later what it takes of a customer from now on."""
        order = {"customer": stripe_customer, "code": code}
        seconds = after // timedelta(seconds=1)
        self._post("/_sandbox/stripe/rejections", {**order, "delay_seconds": seconds})

    def trouble(self, faults: Sequence[Mapping[str, object]]) -> None:
        """Put these faults in force, and lift all others."""
        self._put("/_sandbox/faults", list(faults))

    def true_minutes(self) -> tuple[int, int]:
        """Return the minutes of all calls, and those that Stripe really counted."""
        truth = self._truth()
        called = sum(
            month["billed_minutes"]
            for account in truth["pamela"].values()
            for month in account["months"].values()
        )
        return called, _minutes(truth, "months")

    def invoiced_minutes(self) -> int:
        """Return the minutes that Stripe has really invoiced so far."""
        return _minutes(self._truth(), "invoiced")

    def _truth(self) -> Any:
        answer = self.control.get(f"{self.url}/_sandbox/truth?requests=no")
        answer.raise_for_status()
        return answer.json()

    def _post(
        self, path: str, document: object, headers: Mapping[str, str] | None = None
    ) -> None:
        url = f"{self.url}{path}"
        self.control.post(url, json=document, headers=headers).raise_for_status()

    def _put(self, path: str, document: object) -> None:
        self.control.put(f"{self.url}{path}", json=document).raise_for_status()


def _minutes(truth: Any, what: str) -> int:
    return sum(
        minutes
        for customer in truth["stripe"]["test"].values()
        for month in customer[what].values()
        for minutes in month.values()
    )


@contextmanager
def sandbox_process(plan: WorldPlan) -> Iterator[Callable[[], World]]:
    """Run a sandbox in a process of its own; the value waits until it is there."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, plan), daemon=True)
    process.start()
    theirs.close()
    with httpx2.Client(timeout=30, trust_env=False, verify=False) as control:

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
    from billing.sandbox.seeds.worlds import month_end, realistic  # noqa: PLC0415
    from billing.sandbox.server import running  # noqa: PLC0415
    from billing.sandbox.state_file import save_state  # noqa: PLC0415
    from billing.sandbox.world import new_sandbox  # noqa: PLC0415

    seeds = realistic if plan.scenario is Scenario.FIRST_DAY else month_end
    seeded = seeds(plan.seed, plan.now, calls=plan.calls)
    sandbox = new_sandbox(seeded.pamela, seeded.customers, plan.now)
    with running(sandbox) as url:
        pipe.send(url)
        with suppress(EOFError):
            pipe.recv()
    save_state(sandbox, plan.state_file)


def wait_until(now: Callable[[], datetime], moment: datetime) -> None:
    """Wait until the service knows of a moment that the sandbox's clock was moved to.

    It asks for the time only every tenth of a second.
    """
    while now() < moment:
        sleep(A_LITTLE_SECONDS)
