"""The command: which changes of the code no test would notice.

`python -m tests.mutation [--part NAME ...] [--sample N --seed S] [--report]`, from the
checkout's root. What is known already is not tried again: outcomes are kept in
`.mutation/`, and a survivor is tried anew when its tests change. Without `--part` every
named part is run; `--sample` takes so many of what is in none of them. Exit code 1 when
a part has less than is asked of it.
"""

import argparse
import hashlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.mutation.mutants import Mutant
from tests.mutation.parts import PARTS, PLANTED, Part, mutants_in, rest
from tests.mutation.report import HEADING, line, score, survivor_lines
from tests.mutation.results import FOLDER, Results, state_of_tests
from tests.mutation.running import PartFailed, run_part
from tests.mutation.survivors import known_survivors
from tests.mutation.trial import Outcome, Verdict

SAMPLE, SEED = 500, 1
Chosen = list[tuple[Part, list[Mutant]]]


def main(arguments: list[str] | None = None) -> int:
    """Run what is asked for, and print the table."""
    options = _options(arguments)
    chosen = _chosen(options)
    if not options.report:
        for part, mutants in chosen:
            try:
                _run(part, mutants, Results(options.results, part))
            except PartFailed as failure:
                print(failure, file=sys.stderr)
                return 1
    return _show(chosen, options.results)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    names = [part.name for part in (*PARTS, PLANTED, *rest())]
    parser.add_argument("--part", action="append", choices=names, metavar="NAME")
    parser.add_argument("--sample", type=int, metavar="N", help="so many of the rest")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--report", action="store_true", help="only print the table")
    parser.add_argument("--results", type=Path, default=FOLDER, metavar="FOLDER")
    return parser.parse_args(arguments)


def _chosen(options: argparse.Namespace) -> Chosen:
    """Return the parts that are asked for, each with its mutants."""
    named = options.part or ([] if options.sample else [part.name for part in PARTS])
    chosen = [(p, mutants_in(p)) for p in (*PARTS, PLANTED) if p.name in named]
    sample = options.sample or (SAMPLE if options.report and not options.part else 0)
    if sample:
        drawn = _sample(sample, options.seed)
        wanted = [each for each in drawn if each[0].name in named]
        chosen += wanted or drawn
    return chosen


def _sample(size: int, seed: int) -> Chosen:
    """Draw mutants from what is in no part; a small sample begins a larger one.

    Each has its own lot, so that a change of the code leaves the others in the sample.
    """
    everything = [(part, mutant) for part in rest() for mutant in mutants_in(part)]
    drawn = sorted(everything, key=lambda each: _lot(each[1], seed))[:size]
    return [
        (part, [mutant for of, mutant in drawn if of.name == part.name])
        for part in rest()
    ]


def _lot(mutant: Mutant, seed: int) -> str:
    return hashlib.sha256(f"{seed} {mutant.key}".encode()).hexdigest()


def _run(part: Part, mutants: Sequence[Mutant], results: Results) -> None:
    tests = state_of_tests(part)
    waiting = results.waiting(mutants, tests)
    begun = time.monotonic()
    done = 0

    def tell(mutant: Mutant, outcome: Outcome) -> None:
        nonlocal done
        done += 1
        results.keep(mutant, outcome, tests)
        if outcome.verdict is not Verdict.KILLED:
            print(f"{outcome.verdict}: {mutant.key}", file=sys.stderr)
        if done % 50 == 0 or done == len(waiting):
            seconds = round(time.monotonic() - begun)
            print(
                f"{part.name}: {done} of {len(waiting)} in {seconds} s",
                file=sys.stderr,
            )

    if waiting:
        run_part(part, waiting, tell)


def _show(chosen: Chosen, folder: Path) -> int:
    known = known_survivors()
    kept = [Results(folder, part) for part, _ in chosen]
    rows = [
        score(part, mutants, results, known)
        for (part, mutants), results in zip(chosen, kept, strict=True)
    ]
    print(HEADING)
    print("\n".join(line(row) for row in rows))
    for row, results in zip(rows, kept, strict=True):
        for each in survivor_lines(row, results, known):
            print(each)
    return 0 if all(row.is_enough for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
