"""Daemons: their hourly work, their deaths, and who starts them again."""

from datetime import datetime, timedelta

from billing.domain import cycle_schedule
from billing.domain.cycle_schedule import TICK, Moment
from billing.domain.period import hour_of
from tests.simulation.trace import Violation
from tests.simulation.world.catalogue import LONG_LAGS, Fault
from tests.simulation.world.jobs import do_a_job
from tests.simulation.world.machine import Host
from tests.simulation.world.schedule import Process
from tests.simulation.world.world import Desk, World

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


class Daemon:
    """A slot for a process: it runs cycles, dies, and is started again."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self._chance = world.chance
        self.host = Host(name)
        hours = (world.until - world.schedule.now) // HOUR
        self._pace = max(2 * hours // self._chance.between(2, 6) - 1, 1)
        self.process: Process | None = None
        self._loop = 0
        if world.weather.may_have(Fault.SUMMARY_LAGS_DAYS):
            self._pace = min(self._pace, 12)
        often = (*LONG_LAGS, Fault.HELD, Fault.FOREIGN_LATER)
        self._looks_often = any(world.weather.may_have(fault) for fault in often)
        self._in_step = world.weather.may_have(Fault.TWO_DAEMONS)
        self._starts_at: datetime | None = world.schedule.now
        self._retired = False

    def look(self) -> None:
        """Start the process anew when it is gone and its time has come."""
        now = self._world.schedule.now
        if self.process is not None and self.process.ended:
            self.process = None
            self._starts_at = now + self._pause()
            self._world.schedule.at(self._starts_at, self.look)
        due = self._starts_at
        if self.process is None and not self._retired and due and due <= now:
            self.process = self._world.schedule.start(self.host.name, self._live)

    def _pause(self) -> timedelta:
        weather = self._world.weather
        if weather.strikes(Fault.OFF_FOR_DAYS):
            return self._chance.span(DAY, 5 * DAY)
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
        if world.weather.may_have(Fault.CLOCK_DAYS):
            self._live_by_two_clocks(process, desk)
            return
        while not process.stopping:
            do_a_job(world, desk)
            if world.weather.strikes(Fault.JOB_TWICE):
                continue
            desk.machine.boundary("rests", length=self._until_next())

    def _live_by_two_clocks(self, process: Process, desk: Desk) -> None:
        """Work when a cycle is due by either clock, as the daemon plans it."""
        machine, schedule = desk.machine, self._world.schedule
        last_look: Moment | None = None
        last_cycle: Moment | None = None
        rested = timedelta()
        while not process.stopping:
            now = Moment(machine.now(), machine.elapsed())
            plan = cycle_schedule.plan_cycle(last_look, last_cycle, now)
            last_look = now
            if plan.is_due:
                last_cycle, rested = now, timedelta()
                do_a_job(self._world, desk)
                continue
            if rested > HOUR + TICK:
                raise Violation("I42", f"no cycle for {rested}, and it rests")
            wait = hour_of(now.wall) + HOUR - now.wall
            if last_cycle:
                wait = min(wait, last_cycle.counter + HOUR - now.counter)
            begins = schedule.now
            process.looks_at_clocks = True
            machine.boundary("rests", length=max(wait, TICK))
            process.looks_at_clocks = False
            rested += min(schedule.now - begins, max(wait, TICK))

    def _until_next(self) -> timedelta:
        """Return how long it is until the job fires again."""
        now = self._world.schedule.now
        hours = self._pace if self._in_step else self._chance.between(1, self._pace)
        if self._looks_often and self._chance.happens(500):
            hours = 1  # so that somebody works while summaries lag, or sending is held
        elif self._world.weather.strikes(Fault.JOB_MISSED):
            hours += self._chance.between(4, 20)
        top = now.replace(minute=0, second=0, microsecond=0) + hours * HOUR
        return top - now + self._chance.span(timedelta(), timedelta(seconds=3))

    def retire(self) -> None:
        """Start no more; what is at work ends its work."""
        self._retired = True
        if self.process is not None:
            self.process.stopping = True
