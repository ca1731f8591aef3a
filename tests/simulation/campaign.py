"""A campaign: many seeds over all cores, and what they showed together."""

import gc
import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tests.simulation.judge.expected import EXPECTED
from tests.simulation.seed_run import Result, run_seed
from tests.simulation.world.catalogue import Fault
from tests.simulation.world.storage import Storage

# From so many seeds on, everything that can happen has to have happened.
ENOUGH_FOR_ALL = 2_000
# One seed in so many is run twice; both runs have to be the same.
TWICE = 50


@dataclass(slots=True)
class Campaign:
    """What a number of seeds came to."""

    seeds: int = 0
    steps: int = 0
    seconds: float = 0.0
    happened: Counter[str] = field(default_factory=Counter)
    failures: list[Result] = field(default_factory=list)

    def add(self, result: Result) -> None:
        """Take in a seed."""
        self.seeds += 1
        self.steps += result.steps
        self.happened.update(result.happened)
        if result.violation:
            self.failures.append(result)

    @property
    def missing(self) -> list[str]:
        """What never happened, of the faults and of the ways out of them."""
        names = [fault.name for fault in Fault] + list(EXPECTED)
        return [name for name in names if not self.happened[name]]

    @property
    def passed(self) -> bool:
        """Whether nothing was violated, and nothing missed where there was time."""
        missed = self.missing if self.seeds >= ENOUGH_FOR_ALL else []
        return not self.failures and not missed


def run_alone(
    seeds: Sequence[int],
    *,
    until: float | None = None,
    twice: bool = True,
    borders: bool = True,
    conform: bool = False,
) -> Iterator[Result]:
    """Run seeds in this process, one after another, until the time is up."""
    storage = Storage()
    try:
        for seed in seeds:
            if until is not None and time.monotonic() > until:
                return
            result = run_seed(seed, storage, borders=borders, conform=conform)
            if twice and seed % TWICE == 0 and not result.violation:
                again = run_seed(seed, storage, borders=borders, conform=conform)
                if again.digest != result.digest:
                    result.violation = "determinism: two runs of a seed differ"
                    result.invariant = "determinism"
            yield result
    finally:
        storage.close()


def run_seeds(
    seeds: Sequence[int],
    *,
    jobs: int,
    until: float | None = None,
    borders: bool = True,
    conform: bool = False,
    watch: Callable[[Campaign], None] = lambda _campaign: None,
) -> Campaign:
    """Run seeds over several processes; `watch` is shown each step forward."""
    campaign, started = Campaign(), time.monotonic()
    shares = [seeds[start::jobs] for start in range(jobs)]
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    workers = [
        context.Process(
            target=_work, args=(share, until, borders, conform, results), daemon=True
        )
        for share in shares
    ]
    for worker in workers:
        worker.start()
    running = len(workers)
    while running:
        result = results.get()
        if result is None:
            running -= 1
            continue
        campaign.add(result)
        campaign.seconds = time.monotonic() - started
        watch(campaign)
    for worker in workers:
        worker.join()
        if worker.exitcode:
            raise RuntimeError("a worker died; run its seeds with --jobs 1 to see why")
    return campaign


def _work(
    seeds: Sequence[int],
    until: float | None,
    borders: bool,
    conform: bool,
    results: "multiprocessing.Queue[Result | None]",
) -> None:
    # What is imported stays, and a seed leaves little that goes round in circles.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    try:
        for result in run_alone(seeds, until=until, borders=borders, conform=conform):
            results.put(result)
    finally:
        results.put(None)
