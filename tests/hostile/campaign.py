"""The campaign: children try every bad behaviour, and their memory is measured."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.hostile.trials import Trial

ROOT = Path(__file__).parents[2]
MOST_MEMORY = 300_000_000


@dataclass(frozen=True, slots=True)
class Part:
    """What one child tried, and the most memory that it took."""

    name: str
    trials: Sequence[Trial]
    memory: int
    words: str = ""  # what it wrote where nothing should be

    @property
    def wrong(self) -> list[Trial]:
        """The trials that ended badly."""
        return [trial for trial in self.trials if trial.wrong]

    @property
    def failures(self) -> list[str]:
        """Everything that is wrong, in words."""
        found = [f"{t.endpoint}, which {t.behaviour}: {t.wrong}" for t in self.wrong]
        if self.memory > MOST_MEMORY:
            found.append(f"{self.name} took {self.memory // 10**6} MB")
        if self.words:
            found.append(f"{self.name} wrote: {self.words[-3_000:]}")
        return found


def try_cases(url: str, cases: Sequence[tuple[int, str]], name: str = "all") -> Part:
    """Let a child try behaviours, each at an endpoint by its number."""
    return _child(name, [url, "endpoints"], list(cases))


def try_cycles(url: str, cases: Sequence[tuple[str, str]]) -> Part:
    """Let a child run whole cycles, each with one endpoint's behaviour."""
    return _child("cycles", [url, "cycles"], list(cases))


def try_generated(examples: int) -> Part:
    """Let a child give every endpoint so many generated answers."""
    return _child("generated answers", ["", "generated"], [examples])


def _child(name: str, arguments: Sequence[str], asked: Sequence[Any]) -> Part:
    command = [sys.executable, "-m", "tests.hostile.child", *arguments]
    done = subprocess.run(
        command,
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    memory = rows.pop()["memory"] if rows and "memory" in rows[-1] else 0
    trials = [Trial(**row) for row in rows]
    words = done.stderr
    if done.returncode or not memory:
        words += f"\nit ended with {done.returncode}, after {len(trials)} trials"
    return Part(name, trials, memory, words)
