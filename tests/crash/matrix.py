"""The kill matrix: every named step on both databases, and kills at any time."""

import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from tests.crash.processes.databases import KINDS, Databases, databases
from tests.crash.processes.nursery import Nursery, Victim
from tests.crash.processes.points import CLOSE_POINTS, LATE_POINTS, LOST_ANSWER, POINTS
from tests.crash.processes.victim import Life
from tests.crash.processes.world import FIRST, World, small_world

AT_RANDOM = "at any time"
KILLS_IN_A_ROW = 5
# A life that ends by itself before its strike is none of the kills.
MOST_LIVES = 8
# Hours between the runs at the end: after three days two reads, a day apart, prove that
# what is uncertain does not count; it is sent then, and looked for an hour later.
ENDINGS = (1, 1, 72, 24, 1, 24, 24)
HOUR_SECONDS, TOO_OLD_HOURS = 3_600, 25
A_DAY_SECONDS = 24 * HOUR_SECONDS
# By then every summary and invoice of a month has come to rest.
CLOSED_AFTER = timedelta(days=2, hours=12)
EVERY_SO_MANY_LIVES_A_DAEMON = 5
# At any time: from when something has been opened until a life is usually over.
SOON_SECONDS, USUAL_SECONDS = 0.03, 0.4


@dataclass
class Row:
    """What came of the kills at one step on one database.

    `twins` are sends that Stripe refused because it had the event already.
    """

    point: str
    database: str
    kills: int = 0
    ledgers: int = 0
    twins: int = 0
    lost: int = 0
    doubled: int = 0
    seconds: float = 0
    faults: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing was lost, doubled or found wrong."""
        return not self.lost and not self.doubled and not self.faults


class Ground(NamedTuple):
    """Where kills happen: a folder, a nursery and databases."""

    folder: Path
    nursery: Nursery
    databases: Databases


@contextmanager
def ground(kinds: Sequence[str] = KINDS) -> Iterator[Ground]:
    """Prepare a place for kills; all of it is gone afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="crash-") as place,
        databases(Path(place)) as made,
        Nursery() as nursery,
    ):
        made_ground = Ground(Path(place), nursery, made)
        for database in kinds:
            _warm_up(made_ground, database)
        yield made_ground


def _warm_up(place: Ground, database: str) -> None:
    with place.databases.fresh(database) as url, small_world(place.folder, 0) as world:
        output = str(place.folder / "output")
        place.nursery.warm_up(
            Life(
                command="run",
                settings=str(world.settings),
                ledger_url=url,
                output=output,
            )
        )


def kill_at(place: Ground, point: str, database: str, kills: int) -> Row:
    """Kill processes at a step so many times, some in a row on each ledger."""
    row, began = Row(point=point, database=database), time.monotonic()
    while row.kills < kills and not row.faults:
        several = min(kills - row.kills, KILLS_IN_A_ROW)
        kill_in_a_row(place, row, [point] * several)
    row.seconds = time.monotonic() - began
    return row


def kill_in_a_row(place: Ground, row: Row, points: Sequence[str]) -> None:
    """Kill a process at each of some steps, all on one ledger; then the truth."""
    with (
        place.databases.fresh(row.database) as ledger_url,
        small_world(place.folder, f"{row.point} {row.ledgers}") as world,
    ):
        campaign = _Campaign(place, row, world, ledger_url)
        for point in points:
            campaign.kill(point)
        campaign.finish()


class _Campaign:
    """Some kills in a row on one ledger, then a run to the end, then the truth."""

    def __init__(self, place: Ground, row: Row, world: World, ledger_url: str) -> None:
        self._place = place
        self._row = row
        self._world = world
        self._ledger_url = ledger_url
        self._oldest_open = FIRST
        self._lives = 0
        self._usual_seconds = USUAL_SECONDS

    def kill(self, point: str) -> None:
        """Let victims live until one is struck at a step."""
        for _ in range(MOST_LIVES):
            if point in LATE_POINTS:
                self._live(LOST_ANSWER)
                self._world.sandbox.clock.advance(TOO_OLD_HOURS * HOUR_SECONDS)
            struck = self._close(point) if point in CLOSE_POINTS else self._live(point)
            self._world.pass_hour()
            if struck:
                self._row.kills += 1
            if struck or self._row.faults:
                return
        self._row.faults.append(f"{point}: never reached")

    def finish(self) -> None:
        """Run to the end and compare; what is uncertain may need some hours."""
        row, world = self._row, self._world
        self._run_to_the_end()
        # Old changes that cancel out in the month's total are seen by the daily sweep.
        world.sandbox.clock.advance(A_DAY_SECONDS)
        self._run_to_the_end()
        balance = world.balance(self._ledger_url)
        row.ledgers += 1
        row.lost += balance.lost
        row.doubled += balance.doubled
        row.faults += balance.faults
        row.twins += world.twins()

    def _live(self, point: str) -> bool:
        """Let one victim live; say whether it was struck."""
        self._lives += 1
        command = "run" if self._lives % EVERY_SO_MANY_LIVES_A_DAEMON else "daemon"
        began = time.monotonic()
        if point == AT_RANDOM:
            victim = self._bear(command)
            self._kill_at_any_time(victim, began)
        else:
            nth = self._world.chance.randint(1, POINTS[point])
            victim = self._bear(command, point, nth)
        if command == "daemon":
            victim.wait_until(lambda: '"step": "cycle"' in victim.output, "a cycle")
            victim.send(signal.SIGTERM)
        struck = victim.wait() == -signal.SIGKILL
        if not struck and command == "run":
            self._usual_seconds = time.monotonic() - began
        return struck

    def _run_to_the_end(self) -> None:
        """Let runs live, hours apart, until one leaves nothing to do."""
        for hours in ENDINGS:
            victim = self._bear("run")
            code, open_work = victim.wait(), self._world.open_work(self._ledger_url)
            if code == 0 and not open_work:
                return
            self._world.sandbox.clock.advance(hours * HOUR_SECONDS)
        self._row.faults.append(f"no clean end: {open_work or victim.output[-500:]}")

    def _close(self, point: str) -> bool:
        """Let a month end, and strike who closes it; who closes it again succeeds."""
        self._run_to_the_end()
        # The oldest, also where the clock went past its end by itself.
        month, clock = self._oldest_open, self._world.sandbox.clock
        clock.set(max(clock.now(), month.end + CLOSED_AFTER))
        struck = self._bear(f"close {month}", point).wait() == -signal.SIGKILL
        again = self._bear(f"close {month}")
        if again.wait() == 0:
            self._oldest_open = month.next
        else:
            self._row.faults.append(f"{month} is not closed: {again.output[-500:]}")
        return struck

    def _kill_at_any_time(self, victim: Victim, began: float) -> None:
        chance = self._world.chance
        moment = began + chance.uniform(SOON_SECONDS, self._usual_seconds)
        victim.wait_until(lambda: time.monotonic() > moment, "a moment")
        victim.send(signal.SIGKILL)

    def _bear(self, command: str, point: str | None = None, nth: int = 1) -> Victim:
        settings, output = self._world.settings, self._place.folder / "output"
        return self._place.nursery.bear(
            Life(
                command=command,
                settings=str(settings),
                ledger_url=self._ledger_url,
                output=str(output),
                point=point,
                nth=nth,
            )
        )
