"""Runs that are killed in the middle of their work: the next one makes up for it."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from billing.installation.first_settings import write_sandbox_settings
from billing.ledger.database import open_ledger
from billing.ledger.migration import upgrade
from billing.sandbox.request_log import RequestLog
from billing.sandbox.seeds import realistic
from billing.sandbox.server import running
from billing.sandbox.world import Sandbox, new_sandbox
from tests.pipeline.circuit import (
    NOW,
    Minutes,
    by_name,
    counted_twice,
    ledger_minutes,
    pamela_minutes,
    stripe_minutes,
)

# Whose requests are counted until a life ends, and how many there may be at most.
LIVES = (
    ("pamela", 100),
    ("stripe", 10),
    ("stripe", 30),
    ("stripe", 30),
    ("stripe", 30),
)
PATIENCE_SECONDS = 60


@contextmanager
def sandbox_for(settings: Path, seed: int) -> Iterator[Sandbox]:
    """Serve two months from this process, and write settings that point at it."""
    seeded = realistic(seed, NOW, calls=120)
    sandbox = new_sandbox(seeded.pamela, seeded.customers, NOW, rate_limits="off")
    with running(sandbox) as url:
        write_sandbox_settings(settings, url, force=False)
        yield sandbox


class Runner:
    """Starts `pamela-billing run` as a process of its own."""

    def __init__(self, settings: Path, ledger_url: str) -> None:
        self._settings = settings
        self._environment = {**os.environ, "PAMELA_BILLING_LEDGER__URL": ledger_url}

    def start(self) -> "subprocess.Popen[str]":
        """Start a run."""
        command = [sys.executable, "-m", "billing", "run", "--json"]
        return subprocess.Popen(
            [*command, "--settings", str(self._settings)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._environment,
        )

    def finish(self) -> str:
        """Run to the end, and return what was printed; the exit code is 0."""
        process = self.start()
        out, complaints = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0, out + complaints
        return out

    def kill_after(self, log: RequestLog, requests: int, seconds: float) -> None:
        """Kill a run so soon after so many requests to one of the APIs."""
        wanted = log.seen + requests
        process = self.start()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while log.seen < wanted:
            assert process.poll() is None, "the run ended before its death"
            assert time.monotonic() < deadline
            time.sleep(0.001)
        time.sleep(seconds)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL


def held_by(ledger_url: str) -> Minutes:
    """Return what a ledger holds, by customer and hour."""
    ledger = open_ledger(ledger_url)
    try:
        return ledger_minutes(ledger)
    finally:
        ledger.close()


def at_most_once(sandbox: Sandbox, ledger_url: str) -> None:
    """Check that Stripe holds no event twice, and no minute that we do not."""
    truth = sandbox.truth()
    assert counted_twice(truth) == []
    names = {customer.id: customer.name for customer in sandbox.customers()}
    held = held_by(ledger_url)
    for (customer, hour), minutes in stripe_minutes(truth).items():
        assert minutes <= held[names[customer], hour]


def test_a_run_that_is_killed_at_any_moment_loses_and_doubles_no_minute(
    database_url: str, tmp_path: Path
) -> None:
    upgrade(database_url)
    settings = tmp_path / "billing.toml"
    chance = random.Random(f"{len(LIVES)}:{database_url.partition(':')[0]}")
    with sandbox_for(settings, seed=4) as sandbox:
        runner = Runner(settings, database_url)
        logs = {"pamela": sandbox.pamela_log, "stripe": sandbox.stripe_log}
        for api, most in LIVES:
            requests = chance.randint(1, most)
            runner.kill_after(logs[api], requests, chance.uniform(0, 0.01))
            at_most_once(sandbox, database_url)
        runner.finish()
        truth = sandbox.truth()
        assert counted_twice(truth) == []
        held = held_by(database_url)
        assert by_name(held) == pamela_minutes(truth)
        ids = {customer.name: customer.id for customer in sandbox.customers()}
        named = {(ids[name], hour): minutes for (name, hour), minutes in held.items()}
        assert named == stripe_minutes(truth)
        sandbox.clock.advance(seconds=120)
        assert '"difference_minutes": 0' in runner.finish()
