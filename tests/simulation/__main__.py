"""The simulation's command: many seeds, or one of them line by line.

`python -m tests.simulation [--seeds N] [--jobs N] [--conform] | --seed N | --planted
[WORDS]`, from the checkout's root; exit code 1 when an invariant was violated, or the
model does not accept a trace.
"""

import argparse
import os
import sys

from tests.simulation.campaign import Campaign, run_seeds
from tests.simulation.failed_seeds import FAILED_SEEDS
from tests.simulation.judge.doubles import BEYOND_BOUNDS, DOUBLED
from tests.simulation.planted.planting import show_planted
from tests.simulation.seed_run import Result, run_seed
from tests.simulation.world.storage import Storage

SHOWN_FAILURES = 3
LINES_OF_A_FAILURE = 40


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", type=int, default=500, metavar="N")
    parser.add_argument("--first", type=int, default=0, metavar="SEED")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--seed", type=int, metavar="N", help="show one seed whole")
    parser.add_argument(
        "--planted", nargs="?", const="", metavar="WORDS", help="plant known bugs"
    )
    parser.add_argument(
        "--no-borders",
        dest="borders",
        action="store_false",
        help="one ledger, one account, and nobody beside",
    )
    parser.add_argument(
        "--conform", action="store_true", help="have the model accept every trace"
    )
    asked = parser.parse_args(arguments)
    if asked.seed is not None:
        return show_seed(asked.seed, borders=asked.borders, conform=asked.conform)
    if asked.planted is not None:
        return show_planted(asked.jobs, asked.planted)
    seeds = [*FAILED_SEEDS, *range(asked.first, asked.first + asked.seeds)]
    campaign = run_seeds(
        seeds,
        jobs=asked.jobs,
        borders=asked.borders,
        conform=asked.conform,
        watch=progress(len(seeds)).show,
    )
    return show(campaign)


class progress:  # noqa: N801 # it is used as a function
    """A line that says how far it is, kept up to date on a terminal."""

    def __init__(self, seeds: int) -> None:
        self._seeds = seeds
        self._live = sys.stderr.isatty()
        self._told = 0

    def show(self, campaign: Campaign) -> None:
        """Write the line anew, and at once what was violated."""
        for result in campaign.failures[self._told :]:
            print(f"seed {result.seed} violates {result.violation}", file=sys.stderr)
        self._told = len(campaign.failures)
        if not self._live and campaign.seeds % 100 and campaign.seeds < self._seeds:
            return
        words = f"{campaign.seeds}/{self._seeds} seeds, {rate(campaign)} a minute, "
        words += f"{len(campaign.failures)} violations"
        print(words, end="\r" if self._live else "\n", file=sys.stderr, flush=True)


def rate(campaign: Campaign) -> int:
    """Return how many seeds a minute there were."""
    return int(60 * campaign.seeds / max(campaign.seconds, 0.001))


def show(campaign: Campaign) -> int:
    """Print what a campaign showed; returns the exit code."""
    print(f"\n{'times':>9}  what happened")
    for name, times in sorted(campaign.happened.items()):
        print(f"{times:>9}  {name}")
    for result in campaign.failures[:SHOWN_FAILURES]:
        show_failure(result)
    for result in campaign.failures[SHOWN_FAILURES:]:
        words = (result.violation or "").splitlines()[0]
        print(f"seed {result.seed} violates {words}")
    for name in campaign.missing:
        print(f"never happened: {name}")
    beyond, doubled = campaign.happened[BEYOND_BOUNDS], campaign.happened[DOUBLED]
    print(
        f"{beyond} of the seeds went beyond the named bounds: {doubled} events counted "
        "twice there, each found and named, unless a violation says otherwise"
    )
    print(
        f"{campaign.seeds} seeds, {campaign.steps} steps, {rate(campaign)} seeds a "
        f"minute: {len(campaign.failures)} violations"
    )
    return 0 if campaign.passed else 1


def show_failure(result: Result) -> None:
    """Print a violation, what came before it, and how to see it again."""
    print(f"\nseed {result.seed} violates {result.violation}")
    print("\n".join(f"    {line}" for line in result.last[-LINES_OF_A_FAILURE:]))
    print(f"again: uv run python -m tests.simulation --seed {result.seed}")


def show_seed(seed: int, *, borders: bool, conform: bool) -> int:
    """Print a seed line by line."""
    storage = Storage()
    result = run_seed(seed, storage, keep_all=True, borders=borders, conform=conform)
    print("\n".join(result.last))
    print("faults:", ", ".join(result.faults) or "none")
    print(f"{result.steps} steps, trace {result.digest}")
    print(result.violation or "every invariant holds")
    return 1 if result.violation else 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        # A seed decides everything only where sets of texts have one order.
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(
            sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]]
        )
    sys.exit(main())
