"""The model's command: which invariant rests on which assumption, and how it falls.

`python -m tests.model [--assumption NAME] [--json]`, from the checkout's
root; exit code 1 when another invariant falls than is known to.
"""

import argparse
import json
import sys

from tests.model.assumptions import Assumption
from tests.model.search import Found
from tests.model.table import heading, is_expected, line, rows


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.model")
    names = [assumption.name.lower() for assumption in Assumption]
    parser.add_argument("--assumption", choices=[*names, "none"], metavar="NAME")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    broken: list[Assumption | None] = [None, *Assumption]
    if asked.assumption:
        broken = [each for each in broken if _name(each) == asked.assumption]
    if not asked.json:
        print(heading(), flush=True)
    found = []
    for name, row in rows(broken):
        found.append((name, row))
        if not asked.json:
            print(line(name, row), flush=True)
    if asked.json:
        print(json.dumps([_as_json(name, row) for name, row in found], indent=2))
    else:
        for _, row in found:
            _show_traces(row)
    return 0 if all(is_expected(row) for _, row in found) else 1


def _name(assumption: Assumption | None) -> str:
    return assumption.name.lower() if assumption else "none"


def _show_traces(row: Found) -> None:
    """Show the shortest way in which each invariant falls."""
    for invariant, trace in row.traces.items():
        unless = f" unless {row.broken.value}" if row.broken else ""
        print(f"\n{invariant.name.lower()} falls{unless}:")
        print("\n".join(f"    {step}" for step in trace))


def _as_json(name: str, row: Found) -> dict[str, object]:
    return {
        "run": name,
        "broken": row.broken and row.broken.name.lower(),
        "says": row.broken and row.broken.value,
        "falls": {one.name.lower(): trace for one, trace in row.traces.items()},
        "states": row.states,
        "most_steps": row.most_steps,
        "as_expected": is_expected(row),
    }


if __name__ == "__main__":
    sys.exit(main())
