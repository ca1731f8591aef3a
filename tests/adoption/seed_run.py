"""One seed: a cut-over from its first look to the final invoice, and the verdict."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import Engine

from billing.pipeline.integrity import require_invariants
from tests.adoption.cut_over_world import CUSTOMERS, MARCH, CutOverWorld
from tests.adoption.other_program import HOUR

# The invoice is final then; nothing that comes later is billed.
FINAL = MARCH.end + timedelta(hours=73)
LAST_WORK = MARCH.end + timedelta(hours=48)
PENDING = """
SELECT count(*) FROM b2b_usage u LEFT JOIN meter_event e ON e.id = u.meter_event_id
WHERE e.state IS NULL OR e.state <> 'synced'
"""


@dataclass(slots=True)
class SeedResult:
    """What came of a seed: cut-overs, minutes doubled or lost, and why it is wrong."""

    seed: int
    kinds: Counter[str]
    cut_overs: int = 0
    doubled: int = 0
    lost: int = 0
    happened: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def run_seed(seed: int, engine: Engine, *, kills: bool = False) -> SeedResult:
    """Run one seed on an empty ledger."""
    world = CutOverWorld(seed=seed, engine=engine, kills=kills)
    while world.clock.now() < LAST_WORK:
        world.mortally(world.cycle)
        world.mortally(world.adopt)
        world.mortally(world.decide)
        world.pass_to(world.clock.now() + world.rng.randrange(4, 13) * HOUR)
    for _ in range(3):
        world.cycle()
        world.decide()
        world.pass_to(world.clock.now() + HOUR)
    closed = world.close()
    require_invariants(world.bench.ledger, world.clock.now())
    world.pass_to(FINAL)
    result = SeedResult(
        seed=seed,
        kinds=Counter(kind.value for kind in world.kinds.values()),
        cut_overs=len(world.adopted),
        happened=world.happened,
    )
    if closed.obstacles:
        found = [f"{each.kind}: {each.found} {each.names}" for each in closed.obstacles]
        result.wrong.append(f"the month cannot be closed: {found}")
    if len(world.adopted) < len(CUSTOMERS):
        result.wrong.append(f"only {world.adopted} were taken over")
    [(pending,)] = world.bench.rows(PENDING)
    if pending:
        result.wrong.append(f"{pending} rows are not synced")
    for customer in CUSTOMERS:
        off = world.invoiced(customer) - world.should_be_billed(customer)
        result.doubled += max(0, off)
        result.lost += max(0, -off)
        if off:
            result.wrong.append(f"{customer} is billed {off:+} minutes")
    return result
