"""The daemon's clocks: one that people set and one that nobody does, cycle by cycle."""

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, cast

import pytest

from billing import daemon
from billing.app import App
from billing.daemon import _Cycles
from billing.settings import SandboxSettings

NOON = datetime(2026, 3, 3, 12, 20, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
AN_HOUR_OF_TICKS = 240


@dataclass
class TwoClocks:
    """A machine whose wall clock people set."""

    passed: timedelta = timedelta()
    off_by: timedelta = timedelta()

    def now(self) -> datetime:
        """Return what the wall clock says."""
        return NOON + self.passed + self.off_by

    def elapsed(self) -> timedelta:
        """Return what nobody sets."""
        return self.passed


@dataclass
class Machine:
    """The daemon's loop on two clocks: its waits take no time."""

    clock: TwoClocks = field(default_factory=TwoClocks)
    cycles: list[timedelta] = field(default_factory=list)
    log: list[dict[str, Any]] = field(default_factory=list)
    settings: Any = None

    @property
    def sandbox(self) -> SandboxSettings:
        """The settings of no sandbox."""
        return SandboxSettings()

    def warning(self, step: str, **fields: object) -> None:
        """Note a line of the log."""
        self.log.append({"step": step, **fields})

    def run(self, ticks: int) -> None:
        """Let the loop look at the clocks so many times."""
        loop = self.loop
        for _ in range(ticks):
            self.clock.passed += loop._look()

    @property
    def loop(self) -> _Cycles:
        """The loop, made at the first use."""
        if not hasattr(self, "_loop"):
            self.settings = self
            app = cast("App", self)
            self._loop = _Cycles(app, cast("Any", self), threading.Event())
            self._loop._run_cycle = lambda: self.cycles.append(  # type: ignore[method-assign]
                self.clock.passed
            )
        return self._loop

    def longest_gap(self) -> timedelta:
        """Return the longest time without a cycle, by the clock that nobody sets."""
        moments = [*self.cycles, self.clock.passed]
        return max(later - earlier for earlier, later in pairwise(moments))


@pytest.mark.parametrize("jump", [3 * DAY, -3 * DAY, 10 * HOUR, -HOUR])
def test_after_a_jump_it_plans_anew_and_says_so(jump: timedelta) -> None:
    machine = Machine()
    machine.run(AN_HOUR_OF_TICKS)
    before = len(machine.cycles)
    machine.clock.off_by = jump
    machine.run(1)
    assert len(machine.cycles) == before + 1
    [line] = machine.log
    assert (line["step"], line["was_set_by_seconds"]) == (
        "clock",
        jump // timedelta(seconds=1),
    )
    machine.run(3 * AN_HOUR_OF_TICKS)
    assert machine.longest_gap() <= HOUR


def test_a_clock_that_is_days_ahead_at_the_start_delays_nothing() -> None:
    machine = Machine(TwoClocks(off_by=3 * DAY))
    machine.run(10)
    machine.clock.off_by = timedelta()
    machine.run(5 * AN_HOUR_OF_TICKS)
    assert machine.longest_gap() <= HOUR
    # One at the start and one at the correction; then at minute :00 of the right clock.
    on_the_hour = [NOON + passed for passed in machine.cycles[2:]]
    assert {moment.minute for moment in on_the_hour} == {0}


def test_a_fault_that_nobody_thought_of_ends_no_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[int] = []
    stop = threading.Event()

    def look() -> timedelta:
        looks.append(1)
        if len(looks) > 2:
            stop.set()
        raise RuntimeError("a secret")

    machine = Machine()
    errors: list[dict[str, object]] = []
    monkeypatch.setattr(
        machine, "error", lambda step, **f: errors.append(f), raising=False
    )
    monkeypatch.setattr(daemon, "LOOK_AT_SANDBOX_EVERY", timedelta())
    loop = _Cycles(cast("App", machine), cast("Any", machine), stop)
    monkeypatch.setattr(loop, "_look", look)
    loop.run_until_stopped()
    assert len(looks) == 3
    assert "a secret" not in str(errors)
