"""Tries a mutant where it is imported: all of ours is imported anew in each child."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.mutation.mutants import Mutant
from tests.mutation.parts import ROOT, WORDS, Part
from tests.mutation.session import Profile, Session, collect
from tests.mutation.swapping import MutatedImport
from tests.mutation.trial import Belief, Limits, Outcome, Reporter, Verdict, attempt

IMPORT_SECONDS = 5.0
AT_IMPORT = "(the import)"


class Importing:
    """A part's tests, for children that begin with nothing of ours."""

    def __init__(self, part: Part, profile: Profile, left: Path) -> None:
        self._part = part
        self._profile = profile
        self._left = left
        self._belief = Belief()
        self._texts = {
            name: (ROOT / name).read_text(encoding="utf-8") for name in _files(profile)
        }

    def attempt(self, mutant: Mutant) -> Outcome:
        """Try one mutant: the module's own tests first, then whoever may notice."""
        finder = MutatedImport(
            module_name(mutant.module), mutant.code(ROOT / mutant.module)
        )
        outcome = Outcome(Verdict.SURVIVED)
        for names in self._stages(mutant.module):
            outcome = self._run(names, lambda: sys.meta_path.insert(0, finder))
            if outcome.verdict is Verdict.KILLED:
                outcome = self._belief.checked(outcome, self._control(outcome, names))
            if outcome.verdict is not Verdict.SURVIVED:
                break
        return outcome

    def _control(self, killed: Outcome, names: list[str]) -> Callable[[], Outcome]:
        """Return the same without a mutant: of the one test, or of all imports."""
        again = names if killed.by == AT_IMPORT else [killed.by]
        return lambda: self._run(again, lambda: None)

    def _stages(self, module: str) -> Iterable[list[str]]:
        """Give the tests in the order in which they are asked."""
        reached = self._profile.reached.get(str(ROOT / module), {})
        reaching = {_file_of(name) for names in reached.values() for name in names}
        near = self._importers(module_name(module))
        concerned = {
            file
            for file, text in self._texts.items()
            if file in reaching or any(name in text for name in near)
        }
        names = {f"test_{Path(module).stem}.py", Path(WORDS).name}
        own = {file for file in concerned if Path(file).name in names}
        for files in (own, concerned - own):
            tests = [name for name in self._profile.seconds if _file_of(name) in files]
            if tests:
                yield self._profile.fastest_first(tests)

    def _importers(self, name: str) -> set[str]:
        """Name a module, and the part's modules that import from it."""
        return {name} | {
            module_name(each)
            for each in self._part.modules
            if f"from {name} import" in (ROOT / each).read_text(encoding="utf-8")
        }

    def _run(self, names: list[str], prepare: Callable[[], None]) -> Outcome:
        files = list(dict.fromkeys(_file_of(name) for name in names))

        def tests(reporter: Reporter) -> None:
            prepare()

            def work(session: Session) -> None:
                if session.has_broken_files:
                    reporter.killed(AT_IMPORT)
                session.use_folder(self._left)
                session.run([name for name in names if name in session.items], reporter)
                reporter.survived()

            collect(files, ROOT, work)
            reporter.killed(AT_IMPORT)

        clean = sum(self._profile.seconds[name] for name in names)
        return attempt(tests, Limits.of(IMPORT_SECONDS + clean))


def module_name(module: str) -> str:
    """Return the name under which a file of ours is imported."""
    parts = Path(module).with_suffix("").parts
    return ".".join(part for part in parts if part not in {"client", "__init__"})


def _file_of(test: str) -> str:
    return test.partition("::")[0]


def _files(profile: Profile) -> list[str]:
    return list(dict.fromkeys(_file_of(name) for name in profile.seconds))
