"""The campaign as a command: `python -m tests.tamper [--alterations N] [--seed N]`."""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.tamper.bundles import originals
from tests.tamper.campaign import campaign, counted, false_alarms
from tests.tamper.real_ledger import real_original


def main() -> int:
    """Alter, verify, and print a table by kind; 1 when anything slipped through."""
    parser = argparse.ArgumentParser(prog="python -m tests.tamper")
    parser.add_argument("--alterations", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ledgers", type=int, default=6)
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        bundles = [real_original(folder), *originals(folder, options.ledgers)]
        alarms = false_alarms(bundles, folder)
        trials = list(
            campaign(
                bundles,
                folder,
                alterations=options.alterations,
                seed=options.seed,
            )
        )
    print(f"{'alteration':<40}{'tried':>8}{'rejected':>10}")
    for kind, tried, rejected in counted(trials):
        print(f"{kind:<40}{tried:>8}{rejected:>10}")
    missed = [trial for trial in trials if trial.failure is None]
    print(f"{'in all':<40}{len(trials):>8}{len(trials) - len(missed):>10}")
    valid = len(bundles) * 5
    print(
        f"{'valid bundles, and how many were refused':<40}{valid:>8}{len(alarms):>10}"
    )
    for trial in missed:
        print(f"MISSED  {trial.kind}, seed {trial.seed}")
    for alarm in alarms:
        print(f"FALSE ALARM  {alarm}")
    return 1 if missed or alarms else 0


if __name__ == "__main__":
    sys.exit(main())
