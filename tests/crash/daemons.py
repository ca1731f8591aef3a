"""Two daemons on one ledger, of which one is killed in mid-sync: who does what then."""

import json
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from billing.sandbox.faults import Fault, FaultKind
from tests.crash.matrix import Ground
from tests.crash.processes.databases import POSTGRESQL
from tests.crash.processes.nursery import Victim
from tests.crash.processes.scene import Scene, scene
from tests.crash.processes.world import FIRST, HOUR, NOW, SENDS, Balance
from tests.pipeline.circuit import pamela_minutes, stripe_minutes

CUSTOMERS = tuple(f"customer-{number:02}" for number in range(1, 25))
HOURS, CALLS_AN_HOUR = 10, 16
# As at the real Stripe a request takes a while: a kill meets many under way.
SLOW = Fault(kind=FaultKind.LATENCY, endpoint=SENDS, detail="250")
# The kill comes when each of the two has had so many answers.
ANSWERS_BEFORE = 5
PATIENCE_SECONDS, LOOK_EVERY_SECONDS = 60, 0.02
ATTEMPTS = """
    SELECT customer, owner, started_at, verdict FROM meter_attempt
    JOIN meter_event ON meter_event.id = event_id ORDER BY started_at, event_id
"""
MINUTES = "SELECT sum(billed_minutes) FROM b2b_usage"
CYCLE = '"step": "cycle"'


class Attempt(NamedTuple):
    """A request that one of the daemons made for a customer."""

    customer: str
    owner: str
    after: timedelta  # since the kill
    verdict: str | None


class Line(NamedTuple):
    """A line of a daemon's log."""

    owner: str
    after: timedelta  # since the kill
    step: str
    words: str


@dataclass(frozen=True)
class Duo:
    """What two daemons did, and what is true afterwards."""

    killed: str
    survivor: str
    lines: list[Line]
    attempts: list[Attempt]
    twins: int
    minutes: dict[str, int]
    balance: Balance

    def of(self, owner: str) -> list[Attempt]:
        """Return the attempts that one of the two made."""
        return [attempt for attempt in self.attempts if attempt.owner == owner]

    @property
    def unanswered(self) -> list[Attempt]:
        """The attempts of the killed one whose answer nobody knows."""
        return [attempt for attempt in self.of(self.killed) if attempt.verdict is None]

    @property
    def good(self) -> bool:
        """Whether nothing was lost or doubled, and the killed one's work went on."""
        done = self.balance == Balance(0, 0) and len(set(self.minutes.values())) == 1
        return done and bool(self.unanswered and self.taken_over)

    @property
    def taken_over(self) -> dict[str, timedelta]:
        """The customers that the killed one was at, and when the other went on."""
        begun = {attempt.customer for attempt in self.of(self.killed)}
        taken_over_after: dict[str, timedelta] = {}
        for attempt in self.of(self.survivor):
            if attempt.customer in begun:
                taken_over_after.setdefault(attempt.customer, attempt.after)
        return taken_over_after


def kill_one_of_two(place: Ground, database: str = POSTGRESQL) -> Duo:
    """Kill a daemon in mid-sync, beside another; return once that one's cycle ends."""
    with scene(place, database, hours=0, talkers=CUSTOMERS) as here:
        for ago in range(HOURS, 0, -1):
            for _ in range(CALLS_AN_HOUR):
                here.world.add_calls(NOW - ago * HOUR)
        here.world.sandbox.faults.replace_all([SLOW])
        victims = [here.start("daemon") for _ in range(2)]
        first, second = (_owner(victim) for victim in victims)
        victims[0].wait_until(lambda: _both_at_work(here), "both at work")
        victims[0].send(signal.SIGKILL)
        moments = datetime.now(UTC), here.world.sandbox.clock.now()
        assert victims[0].wait() == -signal.SIGKILL
        victims[1].wait_until(lambda: CYCLE in victims[1].output, "the cycle's end")
        victims[1].send(signal.SIGTERM)
        assert victims[1].wait() == 0, victims[1].output
        lines = [line for victim in victims for line in _lines(victim, moments[0])]
        return Duo(
            killed=first,
            survivor=second,
            lines=sorted(lines, key=lambda line: line.after),
            attempts=_attempts(here, moments[1]),
            twins=here.world.twins(),
            minutes=_minutes(here),
            balance=here.world.balance(here.ledger_url),
        )


def refuse_a_second(place: Ground, database: str) -> tuple[int, str]:
    """Start a daemon beside one that holds the file; return its exit code and words."""
    with scene(place, database, hours=1) as here:
        first = here.start("daemon")
        first.wait_until(lambda: CYCLE in first.output, "a cycle")
        second = here.start("daemon")
        code = second.wait()
        first.send(signal.SIGTERM)
        assert first.wait() == 0, first.output
        return code, second.output.strip()


def _owner(victim: Victim) -> str:
    """Return the name that a daemon signs with, which it tells when it starts."""
    victim.wait_until(lambda: "\n" in victim.output, "its first line")
    actor: str = json.loads(victim.output.partition("\n")[0])["actor"]
    return actor


def _both_at_work(here: Scene) -> bool:
    time.sleep(LOOK_EVERY_SECONDS)
    answered = (
        "SELECT owner FROM meter_attempt WHERE verdict IS NOT NULL "
        "GROUP BY owner HAVING count(*) >= "
    )
    return len(here.ask(f"{answered}{ANSWERS_BEFORE}")) > 1


def _lines(victim: Victim, killed_at: datetime) -> Iterator[Line]:
    owner = _owner(victim)
    for text in victim.output.splitlines():
        entry: dict[str, Any] = json.loads(text)
        after = datetime.fromisoformat(entry.pop("time")) - killed_at
        step, _ = entry.pop("step"), (entry.pop("level"), entry.pop("actor", None))
        words = ", ".join(f"{name} {value}" for name, value in entry.items())
        yield Line(owner, after, step, words)


def _attempts(here: Scene, killed_at: datetime) -> list[Attempt]:
    rows: list[Any] = here.ask(ATTEMPTS)
    return [
        Attempt(customer, owner, started_at.astimezone(UTC) - killed_at, verdict)
        for customer, owner, started_at, verdict in rows
    ]


def _minutes(here: Scene) -> dict[str, int]:
    """Return the minutes in each of the three books."""
    truth, [(held,)] = here.world.truth(), here.ask(MINUTES)
    return {
        "Pamela": sum(pamela_minutes(truth, FIRST).values()),
        "ledger": int(str(held)),
        "Stripe": sum(stripe_minutes(truth).values()),
    }
