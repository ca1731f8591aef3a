"""Runs a part's mutants: in living functions first, at the import where need be."""

import gc
import importlib
import json
import os
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.mutation.importing import Importing
from tests.mutation.mutants import Mutant
from tests.mutation.parts import ROOT, Part
from tests.mutation.session import (
    Session,
    collect,
    coverage_of,
)
from tests.mutation.swapping import LivingCode, foreign_modules
from tests.mutation.trial import (
    Belief,
    Limits,
    Outcome,
    Reporter,
    Verdict,
    attempt,
    silence,
)

Tell = Callable[[Mutant, Outcome], None]
UNREACHED = "no test of its part reaches it"


class PartFailed(Exception):
    """A part cannot be tried: its tests fail, or cannot be imported, as they are."""


@dataclass(frozen=True)
class Bench:
    """A part, and the folder for what its trials leave."""

    part: Part
    folder: Path

    @property
    def files(self) -> list[Path]:
        """The part's modules as files."""
        return [ROOT / module for module in self.part.modules]

    @property
    def seen(self) -> Path:
        """Where a session writes what it saw without any mutant."""
        return self.folder / "seen"

    @property
    def left(self) -> Path:
        """Where a trial's tests have their folders."""
        return self.folder / "left"


def run_part(part: Part, mutants: Sequence[Mutant], tell: Tell) -> None:
    """Try mutants of a part, and tell each outcome as it comes."""
    with TemporaryDirectory(prefix="mutation-") as name:
        bench = Bench(part, Path(name))
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(bench.folder / "hypothesis")
        later = []
        for place, outcome in _from_living_session(bench, mutants):
            if outcome is None:
                later.append(mutants[place])
            else:
                tell(mutants[place], outcome)
        if later:
            profile, foreign = pickle.loads(bench.seen.read_bytes())
            _preload(foreign)
            importing = Importing(part, profile, bench.left)
            for mutant in later:
                tell(mutant, importing.attempt(mutant))


def _from_living_session(
    bench: Bench, mutants: Sequence[Mutant]
) -> Iterator[tuple[int, Outcome | None]]:
    """Run a session in a process of its own; None stands for: try at the import."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(reading)
        silence()
        try:
            with os.fdopen(writing, "w", buffering=1) as pipe:
                _session_process(bench, mutants, pipe.write)
        finally:
            os._exit(0)
    os.close(writing)
    end = "its tests cannot be imported as they are"
    with os.fdopen(reading) as lines:
        for line in lines:
            place, verdict, by = json.loads(line)
            if place is None:
                end = by
            else:
                yield place, Outcome(Verdict(verdict), by) if verdict else None
    os.waitpid(child, 0)
    if end:
        raise PartFailed(f"{bench.part.name}: {end}")


def _session_process(
    bench: Bench, mutants: Sequence[Mutant], write: Callable[[str], int]
) -> None:
    at_import = coverage_of(bench.files)
    at_import.start()

    def work(session: Session) -> None:
        at_import.stop()
        living = _Living(bench, session)
        data = at_import.get_data()
        for file in bench.files:
            living.profile.imported[str(file)] = set(data.lines(str(file)) or ())
        for place, mutant in enumerate(mutants):
            outcome = living.attempt(mutant)
            verdict = outcome and outcome.verdict.value
            write(json.dumps([place, verdict, outcome.by if outcome else ""]) + "\n")
        write(json.dumps([None, None, ""]))

    collect(bench.part.tests, ROOT, work)


class _Living:
    """A session whose children try mutants in functions that live already."""

    def __init__(self, bench: Bench, session: Session) -> None:
        self._session = session
        self._left = bench.left
        session.use_folder(bench.folder / "clean")
        self.profile = session.profile(bench.files)
        session.make_once(bench.part.made_once)
        bench.seen.write_bytes(pickle.dumps((self.profile, foreign_modules())))
        self._code = LivingCode({str(file) for file in bench.files})
        self._belief = Belief()
        gc.collect()
        gc.freeze()

    def attempt(self, mutant: Mutant) -> Outcome | None:
        """Try one mutant; None when only a fresh import can tell."""
        if not mutant.in_body:
            return None
        file = str(ROOT / mutant.module)
        names = self.profile.tests_of(file, mutant.lines)
        is_imported = self.profile.is_imported(file, mutant.lines)
        if not names:
            return None if is_imported else Outcome(Verdict.SURVIVED, UNREACHED)
        outcome = self._run(names, mutant)
        if outcome.verdict is Verdict.KILLED:
            outcome = self._belief.checked(outcome, lambda: self._run([outcome.by]))
        survived = outcome.verdict is Verdict.SURVIVED
        is_open = outcome.verdict is Verdict.UNFIT or (survived and is_imported)
        return None if is_open else outcome

    def _run(self, names: Sequence[str], mutant: Mutant | None = None) -> Outcome:
        clean = sum(self.profile.seconds[name] for name in names)
        return attempt(self._tests(names, mutant), Limits.of(clean))

    def _tests(
        self, names: Sequence[str], mutant: Mutant | None
    ) -> Callable[[Reporter], None]:
        def tests(reporter: Reporter) -> None:
            self._session.use_folder(self._left)
            if mutant:
                file = ROOT / mutant.module
                old = compile(mutant.tree, str(file), "exec", dont_inherit=True)
                self._code.swap(file, old, mutant.code(file))
            self._session.run(names, reporter)

        return tests


def _preload(names: Sequence[str]) -> None:
    """Import what the tests import of others, once for all fresh imports of ours."""
    for name in names:
        if name not in sys.modules:
            try:
                importlib.import_module(name)
            except ImportError:
                continue
