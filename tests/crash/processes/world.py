"""A small world for victims: a sandbox whose hours bring calls, and its truth."""

import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
from sqlalchemy import text

from billing.domain.period import BillingPeriod
from billing.installation.first_settings import write_sandbox_settings
from billing.ledger.database import Ledger, open_ledger
from billing.ledger.integrity.find_faults import find_faults
from billing.sandbox.control.calls import take_calls
from billing.sandbox.pamela.call import written
from billing.sandbox.pamela.state import PamelaState
from billing.sandbox.request_log import RequestRecord
from billing.sandbox.seeds.worlds import customers_of, new_account
from billing.sandbox.server import running
from billing.sandbox.world import Sandbox, new_sandbox
from tests.pipeline.circuit import (
    counted_twice,
    ledger_minutes,
    pamela_minutes,
    stripe_minutes,
)

# Early in a month, which is the first that is billed: a pull reads few days.
NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
FIRST = BillingPeriod(2026, 11)
CUSTOMERS = ("alder-dental", "birch-clinic", "cedar-optics", "dogwood-vets")
HOUR = timedelta(hours=1)
HOURS_BEFORE = 5
MOST_CUSTOMERS_AN_HOUR = 3
SENDS = "stripe.meter_events.create"
REFUSED = 400
REVISED_SHARE = 0.3
LONGEST_SECONDS, SHORT_SECONDS = 900, 180
# What is longer than an hour nobody believes.
GROWN_SECONDS = 3_600 - LONGEST_SECONDS
LATEST = 12
OPEN_WORK = """
    SELECT identifier, state, reason, minutes FROM meter_event
    WHERE state <> 'synced' AND (reason IS NULL OR reason <> 'replaced')
    UNION ALL
    SELECT call_id, 'unstaged', CAST(hour AS TEXT), billed_minutes FROM b2b_usage
    WHERE meter_event_id IS NULL
"""


class Balance(NamedTuple):
    """The minutes that a world's books lack or hold twice, and what else is wrong."""

    lost: int
    doubled: int
    faults: tuple[str, ...] = ()


@dataclass
class World:
    """A sandbox that is served, and how a service is pointed at it."""

    sandbox: Sandbox
    url: str
    settings: Path
    chance: random.Random
    talkers: Sequence[str] = CUSTOMERS
    calls: dict[str, dict[str, Any]] = field(default_factory=dict)

    def pass_hour(self) -> None:
        """Let an hour pass in which customers talk, and some earlier calls change."""
        began = self.sandbox.clock.now()
        self.sandbox.clock.set(began + HOUR)
        self.add_calls(began)
        month = BillingPeriod.of(began)
        recent = self._calls_since(month.start)
        changed = [call for call in recent if self.chance.random() < REVISED_SHARE]
        for call in changed[:3]:
            call["duration_seconds"] = self.chance.randrange(LONGEST_SECONDS)
        # One of the latest long calls turns out short: its event is taken back.
        latest = recent[-LATEST:]
        long = [call for call in latest if call["duration_seconds"] > SHORT_SECONDS]
        for call in self.chance.sample(long, min(1, len(long))):
            call["duration_seconds"] = self.chance.randrange(SHORT_SECONDS)
            changed.insert(0, call)
        # Last month's, which may be closed, only grow: no credit waits for a person.
        earlier = self._calls_since(month.previous.start)[: -len(recent) or None]
        can_grow = [c for c in earlier if c["duration_seconds"] < GROWN_SECONDS]
        for call in can_grow[:1]:
            call["duration_seconds"] += self.chance.randrange(LONGEST_SECONDS)
            changed.insert(0, call)
        self._take(changed[:4])

    def _calls_since(self, moment: datetime) -> list[dict[str, Any]]:
        since = written(moment)
        return [call for call in self.calls.values() if call["started_at"] >= since]

    def add_calls(self, began: datetime) -> None:
        """Add calls of some customers that begin soon after a moment."""
        fresh: list[dict[str, Any]] = []
        customers = min(MOST_CUSTOMERS_AN_HOUR, len(self.talkers))
        for customer in self.chance.sample(self.talkers, customers):
            started = began + timedelta(seconds=self.chance.randrange(1800))
            call = {
                "id": f"call_{len(self.calls) + len(fresh):06}",
                "status": "completed",
                "created_at": written(started),
                "started_at": written(started),
                "duration_seconds": self.chance.randrange(LONGEST_SECONDS),
                "metadata": {"customer": customer},
            }
            fresh.append(call)
        self.calls.update((str(call["id"]), call) for call in fresh)
        self._take(fresh)

    def sends(self) -> list[RequestRecord]:
        """Return what was sent to Stripe to be counted, the refused ones too."""
        records = self.sandbox.stripe_log.records()
        return [record for record in records if record.endpoint == SENDS]

    def twins(self) -> int:
        """Return how many sends were refused, as an event that was there already."""
        return sum(record.status == REFUSED for record in self.sends())

    def truth(self) -> Any:
        """Ask the sandbox what was really counted."""
        where = f"{self.url}/_sandbox/truth?requests=no"
        answer = httpx2.get(where, trust_env=False, verify=False, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def open_work(self, ledger_url: str) -> list[str]:
        """Return what is not on the meter yet, or uncertain, and so needs more time."""
        ledger = open_ledger(ledger_url, connections=1)
        try:
            with ledger.reading() as connection:
                return [str(line) for line in connection.execute(text(OPEN_WORK))]
        finally:
            ledger.close()

    def balance(self, ledger_url: str) -> Balance:
        """Compare Pamela, the ledger and Stripe, each by itself."""
        truth = self.truth()
        ledger = open_ledger(ledger_url, connections=1)
        try:
            return self._compare(ledger, truth)
        finally:
            ledger.close()

    def _compare(self, ledger: Ledger, truth: Any) -> Balance:
        ids = {customer.name: customer.id for customer in self.sandbox.customers()}
        held = {
            (ids[name], hour): minutes
            for (name, hour), minutes in ledger_minutes(ledger).items()
        }
        counted = stripe_minutes(truth)
        differences = [counted.get(k, 0) - held.get(k, 0) for k in {*counted, *held}]
        lost = -sum(minutes for minutes in differences if minutes < 0)
        doubled = sum(minutes for minutes in differences if minutes > 0)
        owed = {ids[n]: minutes for n, minutes in pamela_minutes(truth, FIRST).items()}
        for name in {*owed, *ids.values()}:
            total = sum(
                minutes for (other, _), minutes in counted.items() if other == name
            )
            lost = max(lost, owed.get(name, 0) - total)
            doubled = max(doubled, total - owed.get(name, 0))
        return Balance(lost, doubled, tuple(self._faults(ledger, truth)))

    def _faults(self, ledger: Ledger, truth: Any) -> Iterator[str]:
        yield from (f"counted twice: {name}" for name in counted_twice(truth))
        with ledger.reading() as connection:
            for check, sentences in find_faults(connection).items():
                yield from (f"{check}: {sentence}" for sentence in sentences)
            query = (
                "SELECT identifier, count(*) FROM meter_event "
                "JOIN meter_attempt ON event_id = meter_event.id GROUP BY identifier"
            )
            written_down = Counter(dict(map(tuple, connection.execute(text(query)))))
        sent = Counter(str(record.identifier) for record in self.sends())
        for name in sent - written_down:
            yield f"sent before it was written down: {name}"

    def _take(self, calls: list[dict[str, Any]]) -> None:
        pamela, now = self.sandbox.pamela, self.sandbox.clock.now()
        take_calls(pamela, pamela.accounts[0], calls, now)


@contextmanager
def small_world(
    folder: Path,
    seed: object,
    *,
    hours: int = HOURS_BEFORE,
    talkers: Sequence[str] = CUSTOMERS,
) -> Iterator[World]:
    """Serve some hours of calls of a few customers, and write settings for them."""
    pamela = PamelaState(seed=1)
    names = tuple(dict.fromkeys((*CUSTOMERS, *talkers)))
    new_account(pamela, "small", NOW, customers=names)
    sandbox = new_sandbox(pamela, customers_of(list(names)), NOW, rate_limits="off")
    settings = folder / "billing.toml"
    with running(sandbox) as url:
        write_sandbox_settings(settings, url, force=True)
        _amend(settings, first_period=f'"{FIRST}"', reads_per_second="10000")
        world = World(
            sandbox=sandbox,
            url=url,
            settings=settings,
            chance=random.Random(f"{seed}"),
            talkers=talkers,
        )
        for ago in range(hours, 0, -1):
            world.add_calls(NOW - ago * HOUR)
        yield world


def _amend(settings: Path, **values: str) -> None:
    """Change lines of a settings file, each given by its name."""
    text = settings.read_text()
    for name, value in values.items():
        text = re.sub(rf"(?m)^{name} = .*$", f"{name} = {value}", text)
    settings.write_text(text)
