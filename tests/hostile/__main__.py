"""The hostile servers as a command: `python -m tests.hostile [--only WORDS]`.

Exit code 1 when anything crashed, hung, took too much, or kept others from their work.
"""

import argparse
import sys
from collections import Counter

from tests.hostile.behaviours import documents, wire, words
from tests.hostile.campaign import Part, try_cases, try_cycles, try_generated
from tests.hostile.cycles import IN_A_CYCLE
from tests.hostile.endpoints import ENDPOINTS
from tests.hostile.server import NAMES, hostile_server

# A few of the slow ones will do: each read of a cycle waits for them anew.
IN_CYCLES = [*wire.QUICK, *words.WORDS, *documents.DOCUMENTS, *list(wire.SLOW)[:2]]


def main() -> int:
    """Try everything, and print a line for each endpoint."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile")
    parser.add_argument("--only", default="", metavar="WORDS")
    parser.add_argument("--no-cycles", action="store_true")
    parser.add_argument("--examples", type=int, default=200, metavar="N")
    asked = parser.parse_args()
    print(f"{'endpoint':<28}{'tried':>7}{'value':>7}{'fault':>7}{'wrong':>7}", end="")
    print(f"{'longest':>10}{'memory':>9}")
    parts = []
    with hostile_server() as server:
        for number, endpoint in enumerate(ENDPOINTS):
            if asked.only in endpoint.name:
                tried = [(number, name) for name in NAMES]
                parts.append(try_cases(server.url, tried, endpoint.name))
                show(parts[-1])
        for name in [] if asked.no_cycles else IN_A_CYCLE:
            if asked.only in name:
                cases = [(name, behaviour) for behaviour in IN_CYCLES]
                parts.append(try_cycles(server.url, cases))
                show(parts[-1], f"cycle: {name}")
    if not asked.only:
        parts.append(try_generated(asked.examples))
        show(parts[-1])
    failures = [each for part in parts for each in part.failures]
    trials = sum(len(part.trials) for part in parts)
    print(f"{trials:,} trials of {len(NAMES)} behaviours; {len(failures)} are wrong")
    for failure in failures[:40]:
        print(f"WRONG  {failure}")
    return 1 if failures else 0


def show(part: Part, name: str | None = None) -> None:
    """Print what came of a part."""
    outcomes = Counter(trial.outcome for trial in part.trials)
    good = outcomes["value"] + outcomes["in order"]
    longest = max((trial.seconds for trial in part.trials), default=0)
    faults = len(part.trials) - good - outcomes["crash"]
    print(f"{name or part.name:<28}{len(part.trials):>7}{good:>7}{faults:>7}", end="")
    print(f"{len(part.wrong):>7}{longest:>8.1f} s{part.memory // 10**6:>6} MB")


if __name__ == "__main__":
    sys.exit(main())
