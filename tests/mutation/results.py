"""What the trials showed, a file for each part: a run goes on where one ended."""

import json
import os
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from tests.mutation.mutants import Mutant
from tests.mutation.parts import ROOT, Part
from tests.mutation.trial import Outcome, Verdict

FOLDER = ROOT / ".mutation"


class Results:
    """A part's outcomes by the mutants' names, with the tests' state that they met."""

    def __init__(self, folder: Path, part: Part) -> None:
        self._file = file = folder / f"{part.name.replace(' ', '-')}.json"
        known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        self._known: dict[str, dict[str, str]] = known

    def outcome(self, mutant: Mutant) -> Outcome | None:
        """Return what is known of a mutant."""
        known = self._known.get(mutant.key)
        return Outcome(Verdict(known["verdict"]), known["by"]) if known else None

    def waiting(self, mutants: Iterable[Mutant], tests: str) -> list[Mutant]:
        """Return the mutants to try: unknown ones, and survivors of other tests."""
        return [mutant for mutant in mutants if self._is_waiting(mutant, tests)]

    def _is_waiting(self, mutant: Mutant, tests: str) -> bool:
        known = self._known.get(mutant.key)
        if known is None:
            return True
        unnoticed = known["verdict"] in {Verdict.SURVIVED, Verdict.UNFIT}
        return unnoticed and known["tests"] != tests

    def keep(self, mutant: Mutant, outcome: Outcome, tests: str) -> None:
        """Keep one outcome, at once and whole."""
        self._known[mutant.key] = {
            "verdict": outcome.verdict,
            "by": outcome.by,
            "tests": tests,
        }
        self._file.parent.mkdir(parents=True, exist_ok=True)
        draft = self._file.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(self._known, indent=0), encoding="utf-8")
        draft.replace(self._file)


def state_of_tests(part: Part) -> str:
    """Return a digest of the files that hold a part's tests, and of its modules."""
    digest = sha256()
    for each in sorted({*part.tests, *part.modules}):
        place = ROOT / each
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
