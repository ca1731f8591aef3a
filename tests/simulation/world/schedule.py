"""The schedule: processes that take turns, and a true time that no one can set."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count

import greenlet

from tests.simulation.trace import Trace, Violation
from tests.simulation.world.chance import Chance

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_STEPS = 60_000


class Killed(BaseException):
    """The process is dead; nothing that it still does may have an effect."""


class Process:
    """One life of one daemon: production code that runs until it waits or dies."""

    def __init__(
        self, schedule: "Schedule", name: str, main: Callable[["Process"], None]
    ) -> None:
        self.schedule = schedule
        self.name = name
        self.wake_at = schedule.now
        self.dead = False
        self.ended = False
        self.stopping = False
        self.looks_at_clocks = False
        self.transactions = 0
        self._main = main
        self._greenlet = greenlet.greenlet(self._run, schedule.loop)

    def resume(self) -> None:
        """Let it go on until its next wait; raises what it cannot handle."""
        self.schedule.current = self
        try:
            self._greenlet.switch()
        finally:
            self.schedule.current = None

    def wait(self, length: timedelta) -> None:
        """Let others go on; raises Killed when it did not live to see the end."""
        self.must_live()
        self.wake_at = self.schedule.now + length
        self.schedule.loop.switch()
        self.must_live()

    def must_live(self) -> None:
        """Raise Killed in a dead process."""
        if self.dead:
            raise Killed

    def kill(self) -> None:
        """Cut it off from the world, then let it unwind without any effect."""
        self.dead = True
        if not self.ended and self.schedule.current is not self:
            self.resume()

    def _run(self) -> None:
        try:
            if not self.dead:
                self._main(self)
        except Killed:
            self.dead = True
        except Exception as fault:
            if not self.dead:
                raise Violation("no traceback", f"{self.name}: {fault!r}") from fault
        finally:
            self.ended = True


class Schedule:
    """Picks who goes on, by chance, and moves the time when all of them wait."""

    def __init__(self, chance: Chance, trace: Trace, start: datetime) -> None:
        self.chance = chance
        self.trace = trace
        self.now = start
        self.loop = greenlet.getcurrent()
        self.current: Process | None = None
        self.processes: list[Process] = []
        self.after_step: Callable[[], None] = lambda: None
        self._coming: list[tuple[datetime, int, Callable[[], object]]] = []
        self._serial = count()

    def start(self, name: str, main: Callable[[Process], None]) -> Process:
        """Start a process."""
        process = Process(self, name, main)
        self.processes.append(process)
        return process

    def at(self, moment: datetime, event: Callable[[], object]) -> None:
        """Let something happen in the world at a moment."""
        heappush(self._coming, (moment, next(self._serial), event))

    def note(self, what: str) -> None:
        """Add a line to the trace, by whoever is at work."""
        self.trace.note(self.now, self.current.name if self.current else "-", what)

    def run(self, until: datetime) -> None:
        """Run everything up to a moment of true time."""
        while True:
            while self._coming and self._coming[0][0] <= self.now:
                heappop(self._coming)[2]()
                self.after_step()
            self.processes = [one for one in self.processes if not one.ended]
            ready = [one for one in self.processes if one.wake_at <= self.now]
            if ready:
                self.chance.pick(ready).resume()
                self.after_step()
                if self.trace.steps > MOST_STEPS:
                    raise Violation("I34", "the processes never come to rest")
                continue
            moments = [one.wake_at for one in self.processes]
            moments += [self._coming[0][0]] if self._coming else []
            if not moments or min(moments) > until:
                self.now = max(self.now, until)
                return
            self.now = min(moments)

    def end(self) -> None:
        """End every process; none of them has an effect any more."""
        for process in self.processes:
            process.kill()
        self.processes.clear()
        self._coming.clear()
