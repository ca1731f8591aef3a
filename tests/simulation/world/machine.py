"""The machine under a process: its clock, its locks, and the places where it dies."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from billing.ledger.database import Hold
from tests.simulation.trace import Violation
from tests.simulation.weather import Weather
from tests.simulation.world.catalogue import Fault
from tests.simulation.world.schedule import EPOCH, Killed, Process, Schedule

HOUR = timedelta(hours=1)


@dataclass(slots=True)
class Host:
    """A machine that keeps its wall clock over the lives of its daemon."""

    name: str
    offset: timedelta = timedelta()


@dataclass(slots=True)
class LockTable:
    """Who holds what; the dead hold nothing."""

    holders: dict[str, Process] = field(default_factory=dict)
    left_behind: set[str] = field(default_factory=set)  # at a back end nobody meets

    def free_what_stays(self) -> None:
        """Free what was left behind, as whoever was told of it has the server do."""
        for subject in self.left_behind:
            self.holders.pop(subject, None)

    def drop(self, process: Process) -> None:
        """Free all that a process holds."""
        self.holders = {
            name: holder
            for name, holder in self.holders.items()
            if holder is not process
        }


class Machine:
    """What one process stands on; every port of its goes through `boundary`."""

    def __init__(
        self,
        schedule: Schedule,
        weather: Weather,
        host: Host,
        locks: LockTable,
        process: Process,
    ) -> None:
        self.schedule = schedule
        self.weather = weather
        self.host = host
        self.table = locks
        self.process = process
        self.reads: dict[tuple[str, str], set[int]] = {}
        self.reads_of: dict[str, object] = {}  # who truly answered for an account
        self.began_at = schedule.now  # when its present job began, in true time
        self.pulled: dict[str, object] = {}  # whom it read under which account
        self.labels: dict[str, str] = {}  # the settings as they were at its start
        self.left_behind: list[str] = []  # locks that no session of its holds any more

    def boundary(
        self,
        what: str,
        dies: Fault | None = None,
        length: timedelta = timedelta(),
    ) -> None:
        """Pass a port: die here, or stay away for long, or just let others go on."""
        process = self.process
        process.must_live()
        if process.transactions:
            raise Violation("I22", f"{what} while a transaction is open")
        self.schedule.note(what)
        if dies is not None and self.weather.strikes(dies):
            self.die(dies)
        if self.weather.strikes(Fault.FROZEN):
            length += self.freeze(30)
        elif self.table.holders and self.weather.strikes(Fault.ZOMBIE):
            self.table.drop(process)
            length += self.freeze(26)
        process.wait(length)

    def holds_customer(self, customer: str, owners: Mapping[str, str]) -> bool:
        """Whether this process has the lock on a customer, by any of its names."""
        return any(
            holder is self.process and owners.get(subject[9:]) == owners[customer]
            for subject, holder in self.table.holders.items()
            if subject.startswith("customer:")
        )

    def freeze(self, hours: int) -> timedelta:
        """Return how long the process stands still."""
        chance = self.schedule.chance
        longest = chance.pick((1, 3, hours)) * HOUR
        length = chance.span(longest / 2, longest)
        self.schedule.note(f"frozen for {length}")
        return length

    def die(self, fault: Fault) -> None:
        """Die here and now."""
        self.schedule.note(f"dies: {fault.name}")
        self.process.dead = True
        self.table.drop(self.process)
        raise Killed

    # The clock

    def now(self) -> datetime:
        """Return the wall clock's moment."""
        self.process.must_live()
        return self.schedule.now + self.host.offset

    def sleep(self, seconds: float) -> None:
        """Wait."""
        length = timedelta(seconds=seconds)
        self.boundary(f"sleeps {seconds:g} s", Fault.DIES_WAITING, length)

    def elapsed(self) -> timedelta:
        """Read the counter that nobody sets."""
        self.process.must_live()
        return self.schedule.now - EPOCH

    # The locks

    @contextmanager
    def hold(self, subject: str) -> Iterator[Hold | None]:
        """Hold a subject; None when another process holds it."""
        self.boundary(f"locks {subject}", Fault.DIES_AT_LOCK)
        if subject in self.table.holders:
            self.schedule.trace.sometimes("a lock is held by another")
            yield None
            return
        self.table.holders[subject] = self.process
        try:
            yield _Held(self, subject)
        finally:
            if self.table.holders.get(subject) is self.process:
                del self.table.holders[subject]


@dataclass(frozen=True, slots=True)
class _Held:
    """A lock as its holder sees it."""

    machine: Machine
    subject: str

    def still_held(self) -> bool:
        """Say whether nobody took it away."""
        self.machine.process.must_live()
        held = self.machine.table.holders.get(self.subject) is self.machine.process
        if not held:
            self.machine.schedule.trace.sometimes("a lock was lost")
        return held
