"""Daemons: their hourly work, their deaths, and who starts them again."""

from collections.abc import Callable
from datetime import datetime, timedelta

from billing.errors import BillingError
from billing.pipeline.cycle import periods_at, pull_month, run_cycle
from billing.pipeline.intervene import retry_rejected
from billing.pipeline.pull import Progress, silent
from tests.simulation.catalogue import Fault
from tests.simulation.machine import Host
from tests.simulation.schedule import Killed, Process
from tests.simulation.world import Desk, World

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def unwatched(_name: str) -> Progress:
    """Show no progress."""
    return silent


def cycle(world: World, desk: Desk) -> None:
    """Run one whole cycle, as cron and daemon do."""
    now = desk.machine.now()
    report = run_cycle(
        desk.ledger,
        desk.meter,
        desk.terms,
        periods_at(now, world.first_period),
        unwatched,
    )
    for error in report.errors:
        desk.machine.schedule.note(f"error: {error[:100]}")
    world.trace.sometimes("a cycle has errors" if report.errors else "a cycle is done")


def mend_all(world: World, desk: Desk) -> None:
    """Read every month whole, and send anew what was refused."""
    freed = retry_rejected(desk.ledger, "a person", desk.machine.now())
    if freed:
        world.trace.sometimes("a refused event is freed")
    for period in periods_at(desk.machine.now(), world.first_period):
        for source, book in desk.terms.sources:
            what = (period, unwatched)
            result = pull_month(desk.ledger, source, book, desk.terms, what)
            if result.error:
                desk.machine.schedule.note(f"error: {result.error[:100]}")


class Daemon:
    """A slot for a process: it runs cycles, dies, and is started again."""

    def __init__(self, world: World, name: str, pace: int) -> None:
        self._world = world
        self._chance = world.chance
        self.host = Host(name)
        self.pace = pace
        self.process: Process | None = None
        self._loop = 0
        self._starts_at: datetime | None = world.schedule.now
        self.retired = False

    def look(self) -> None:
        """Start the process anew when it is gone and its time has come."""
        now = self._world.schedule.now
        if self.process is not None and self.process.ended:
            self.process = None
            self._starts_at = now + self._pause()
            self._world.schedule.at(self._starts_at, self.look)
        due = self._starts_at
        if self.process is None and not self.retired and due and due <= now:
            self.process = self._world.schedule.start(self.host.name, self._live)

    def _pause(self) -> timedelta:
        weather = self._world.weather
        if weather.strikes(Fault.STAYS_DEAD):
            return self._chance.span(22 * HOUR, 30 * HOUR)
        if weather.strikes(Fault.CRASH_LOOP):
            self._loop = self._chance.between(1, 3)
        return self._chance.span(
            timedelta(seconds=1), self._chance.pick((1, 20, 90)) * MINUTE
        )

    def _live(self, process: Process) -> None:
        world, chance = self._world, self._chance
        desk = world.desk(process, self.host)
        if self._loop:
            self._loop -= 1
            moment = world.schedule.now + chance.span(timedelta(), MINUTE / 30)
            world.schedule.at(moment, process.kill)
        elif world.weather.strikes(Fault.TOLD_TO_STOP):
            moment = world.schedule.now + chance.span(timedelta(), HOUR)
            world.schedule.at(moment, lambda: setattr(process, "stopping", True))
        while not process.stopping:
            cycle(world, desk)
            if world.weather.strikes(Fault.JOB_TWICE):
                continue
            desk.machine.boundary("rests", length=self._until_next())

    def _until_next(self) -> timedelta:
        """Return how long it is until the job fires again."""
        now = self._world.schedule.now
        hours = self._chance.between(1, self.pace)
        if self._world.weather.strikes(Fault.JOB_MISSED):
            hours += self._chance.between(4, 20)
        top = now.replace(minute=0, second=0, microsecond=0) + hours * HOUR
        return top - now + self._chance.span(timedelta(), timedelta(seconds=3))

    def settle_down(self) -> None:
        """Work every hour from now on; start at once when it is dead."""
        self.pace = 1
        self._loop = 0
        self._starts_at = self._world.schedule.now
        self._world.schedule.at(self._starts_at, self.look)

    def retire(self) -> None:
        """End the process for good."""
        self.retired = True
        if self.process is not None:
            self.process.kill()


def run_once(world: World, name: str, work: Callable[[World, Desk], None]) -> None:
    """Let a process do one piece of work, and wait for its end."""

    def main(process: Process) -> None:
        try:
            work(world, world.desk(process, Host(name)))
        except BillingError as fault:
            world.schedule.note(f"error: {fault}")

    process = world.schedule.start(name, main)
    deadline = world.schedule.now + 50 * MINUTE
    while not process.ended and world.schedule.now < deadline:
        world.schedule.run(min(process.wake_at, deadline))


__all__ = ["Daemon", "Killed", "cycle", "mend_all", "run_once"]
