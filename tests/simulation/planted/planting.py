"""Planting: each known bug in turn, until a seed catches it."""

import multiprocessing
import time
from collections.abc import Iterator

from tests.simulation.planted.beside_bugs import BESIDE_BUGS
from tests.simulation.planted.border_bugs import BORDER_BUGS
from tests.simulation.planted.identity_bugs import IDENTITY_BUGS
from tests.simulation.planted.pull_bugs import PULL_BUGS
from tests.simulation.planted.source_bugs import SOURCE_BUGS
from tests.simulation.planted.sync_bugs import SYNC_BUGS
from tests.simulation.seed_run import run_seed
from tests.simulation.world.storage import Storage

PLANTED = (
    SYNC_BUGS + PULL_BUGS + IDENTITY_BUGS + BORDER_BUGS + BESIDE_BUGS + SOURCE_BUGS
)
MOST_SEEDS = 500
# What a bug breaks has to be an invariant, not the simulation.
NO_CATCH = {"no traceback", "determinism"}


def hunt(number: int) -> tuple[int, int | None, str, float]:
    """Plant a bug and look for it; returns its number, the seed and what it broke."""
    started, words, planted = time.monotonic(), "", PLANTED[number]
    storage = Storage()
    found: int | None = None
    for seed in range(MOST_SEEDS):
        with planted.in_place():
            result = run_seed(seed, storage)
        # What is broken without the bug, too, is no catch.
        if result.violation and not run_seed(seed, storage).violation:
            words = result.violation.splitlines()[0]
            if result.invariant not in NO_CATCH:
                found = seed
                break
    storage.close()
    return number, found, words, time.monotonic() - started


def hunt_all(
    jobs: int, words: str = ""
) -> Iterator[tuple[int, int | None, str, float]]:
    """Hunt the planted bugs, several at a time, in order; all, or those of a word."""
    numbers = [at for at, planted in enumerate(PLANTED) if words in planted.says]
    context = multiprocessing.get_context("spawn")
    with context.Pool(jobs, maxtasksperchild=4) as pool:
        yield from pool.imap(hunt, numbers)


def show_planted(jobs: int, of: str = "") -> int:
    """Print a table of the planted bugs; exit code 1 when one is not caught."""
    missed = hunted = 0
    print(f"{'seed':>5} {'seconds':>8}  bug, and what it broke")
    for number, seed, words, seconds in hunt_all(jobs, of):
        caught = "never" if seed is None else str(seed)
        hunted += 1
        missed += seed is None
        print(f"{caught:>5} {seconds:>8.1f}  {PLANTED[number].says}")
        print(f"{'':>16}  {words}", flush=True)
    print(f"{hunted - missed} of {hunted} planted bugs are caught")
    return 1 if missed else 0
