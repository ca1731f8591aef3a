"""The proof's command: many cut-overs, judged by the sandbox's own books.

`python -m tests.adoption [--cut-overs N] [--first SEED] [--seed SEED] [--kills]`, from
the checkout's root; exit code 1 when a minute was doubled or lost.
"""

import argparse
import sys
import time
from collections import Counter

from tests.adoption.campaign import run_seeds


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.adoption")
    parser.add_argument("--cut-overs", type=int, default=1_000, metavar="N")
    parser.add_argument("--first", type=int, default=0, metavar="SEED")
    parser.add_argument("--seed", type=int, metavar="SEED", help="run this one alone")
    parser.add_argument(
        "--kills", action="store_true", help="end real processes, by kill -9"
    )
    asked = parser.parse_args(arguments)
    first = asked.first if asked.seed is None else asked.seed
    cut_overs = asked.cut_overs if asked.seed is None else 1
    done = doubled = lost = wrong = seeds = 0
    happened: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    began = time.monotonic()
    for result in run_seeds(first, cut_overs, kills=asked.kills):
        seeds += 1
        done += result.cut_overs
        doubled += result.doubled
        lost += result.lost
        happened += result.happened
        kinds += result.kinds
        for words in result.wrong:
            wrong += 1
            print(f"seed {result.seed}: {words}", flush=True)
        if seeds % 50 == 0:
            print(f"{done} cut-overs, {wrong} wrong", file=sys.stderr, flush=True)
    seconds = time.monotonic() - began
    print(f"{done} cut-overs in {seeds} worlds and {seconds:.0f} s: ", end="")
    print(f"{doubled} minutes doubled, {lost} lost, {wrong} wrong")
    for name, count in [*sorted(kinds.items()), *sorted(happened.items())]:
        print(f"  {count:6,}  {name}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
