"""One seed: the storm, the calm after it, and the verdict."""

import traceback
from collections import Counter
from dataclasses import dataclass, field

from billing.domain.period import BillingPeriod
from tests.simulation.judge.ending import (
    in_doubt,
    judge_books,
    judge_liveness,
    judge_refused,
)
from tests.simulation.source.judging import compare, judge_corrected, swap
from tests.simulation.trace import Trace, Violation
from tests.simulation.world.borders.decider import Decider
from tests.simulation.world.catalogue import Fault
from tests.simulation.world.daemons import HOUR, Daemon
from tests.simulation.world.jobs import (
    begin_later,
    close,
    close_without_account,
    cycle,
    repair,
    retry,
    run_once,
)
from tests.simulation.world.storage import Storage
from tests.simulation.world.storms import Storms
from tests.simulation.world.world import World

# What is uncertain is settled by two reads a day apart, once summaries have had three
# times the longest lag that was seen: nine days after a storm of three.
HOURS_OF_DOUBT = (1, 1, 1, 4, 18, *([24] * 12))


@dataclass(slots=True)
class Result:
    """What came of a seed."""

    seed: int
    digest: str
    steps: int
    happened: Counter[str]
    faults: list[str]
    violation: str | None = None
    invariant: str | None = None
    last: list[str] = field(default_factory=list)


def run_seed(
    seed: int,
    storage: Storage,
    *,
    keep_all: bool = False,
    borders: bool = True,
    conform: bool = False,
) -> Result:
    """Run one seed from its beginning to its verdict; it may have to `conform`."""
    world = World(seed, storage, keep_all=keep_all, borders=borders)
    world.decider = Decider(world, seed)
    world.judge.conformance.is_on = conform
    trace: Trace = world.trace
    violation = invariant = None
    try:
        _live_through(world)
    except Violation as fault:
        violation, invariant = str(fault), fault.invariant
        if fault.__cause__ is not None:
            violation += "\n" + "".join(traceback.format_exception(fault.__cause__))
    last = list(trace.last) if violation or keep_all else []
    digest = trace.digest()
    world.close()
    return Result(
        seed=seed,
        digest=digest,
        steps=trace.steps,
        happened=trace.happened,
        faults=world.weather.present(),
        violation=violation,
        invariant=invariant,
        last=last,
    )


def _live_through(world: World) -> None:
    schedule, weather = world.schedule, world.weather
    daemons = [Daemon(world, "A")]
    if weather.strikes(Fault.TWO_DAEMONS):
        daemons.append(Daemon(world, "B"))
    world.daemons += daemons

    def look() -> None:
        for daemon in world.daemons:
            daemon.look()

    storms = Storms(world, [daemon.host for daemon in daemons])
    storms.plan()
    schedule.after_step = look
    look()
    schedule.run(world.until)
    schedule.note("the storm is over")
    storms.clear()
    for daemon in world.daemons:
        daemon.retire()
    _heal(world)


def _heal(world: World) -> None:
    """Let one daemon work in fair weather, and compare the books."""
    schedule = world.schedule
    schedule.run(schedule.now + HOUR)
    run_once(world, "H", cycle)
    if world.is_restored:
        judge_refused(world)
        return
    told = any("are exchanged" in words for words in world.complaints)
    if told and len(world.settings.homes) == 2:
        # Both were renamed while Pamela took one for the other, and were known so.
        world.settings.exchange_keys()
        world.trace.sometimes("a person exchanges two keys")
        run_once(world, "H", cycle)
    schedule.run(schedule.now + HOUR)
    if world.weather.may_have(Fault.SWAPPED):
        world.trace.sometimes(Fault.SWAPPED.name)
        swap(world)
        run_once(world, "P", compare)
    run_once(world, "P", repair)
    run_once(world, "H", cycle)
    for hours in HOURS_OF_DOUBT:
        if not in_doubt(world):
            break
        schedule.run(schedule.now + hours * HOUR)
        run_once(world, "P", retry)
        run_once(world, "H", cycle)
    if world.weather.may_have(Fault.PERSON_CLOSES):
        if world.weather.may_have(Fault.ACCOUNT_LEAVES):
            close_without_account(world)
        run_once(world, "P", close)
    judge_liveness(world)
    judge_books(world)
    if world.weather.may_have(Fault.SWAPPED_IN_CLOSED):
        _change_what_is_closed(world)
    if world.weather.may_have(Fault.FIRST_MONTH_MOVED):
        world.trace.sometimes(Fault.FIRST_MONTH_MOVED.name)
        begin_later(world)


def _change_what_is_closed(world: World) -> None:
    """Let minutes move in a closed month, when no cycle reads it any more."""
    world.trace.sometimes(Fault.SWAPPED_IN_CLOSED.name)
    run_once(world, "P", close)
    if not world.view.closed():
        world.schedule.run(BillingPeriod.of(world.schedule.now).end + 9 * HOUR)
        for job in (cycle, cycle, close):
            run_once(world, "H", job)
            world.schedule.run(world.schedule.now + 2 * HOUR)
    for name in world.view.closed():
        month = BillingPeriod.parse(name)
        world.schedule.run(month.next.end + 9 * HOUR)
        calls = swap(world, month)
        # One month a cycle is read again, and there may be another.
        for _ in range(3):
            run_once(world, "H", cycle)
            world.schedule.run(world.schedule.now + HOUR)
        judge_corrected(world, calls)
        world.judge.judge_closed_months()
