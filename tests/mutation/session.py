"""A pytest session that stops after collecting, and tries mutants from there."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest
from coverage import Coverage
from hypothesis import Phase, settings

from tests.mutation.parts import MEASURING
from tests.mutation.swapping import caches_of_ours
from tests.mutation.trial import Reporter

ARGUMENTS = (
    "-q",
    "-o",
    "addopts=",
    "--import-mode=importlib",
    "-p",
    "no:randomly",
    "-p",
    "no:xdist",
    "-p",
    "no:cov",
    "-p",
    "no:cacheprovider",
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
)
OTHER_ENGINE = "postgresql"


@dataclass
class Profile:
    """What runs without a mutant showed: how long tests take, and what they reach."""

    seconds: dict[str, float]
    reached: dict[str, dict[int, list[str]]]
    imported: dict[str, set[int]] = field(default_factory=dict)

    def tests_of(self, file: str, lines: Iterable[int]) -> list[str]:
        """Name the tests that reach any of a file's lines, the fastest first."""
        reached = self.reached.get(file, {})
        names = {name for line in lines for name in reached.get(line, ())}
        return self.fastest_first(names)

    def fastest_first(self, names: Iterable[str]) -> list[str]:
        """Order the tests that can be used by the time that they take."""
        usable = [name for name in names if name in self.seconds]
        return sorted(usable, key=lambda name: (self.seconds[name], name))

    def is_imported(self, file: str, lines: Iterable[int]) -> bool:
        """Say whether importing the tests runs any of a file's lines."""
        return not self.imported.get(file, set()).isdisjoint(lines)


class Plugin:
    """Takes over where pytest would run the tests."""

    def __init__(self, work: Callable[["Session"], None]) -> None:
        self._work = work
        self.reporter: Reporter | None = None

    def pytest_configure(self) -> None:
        """Generated examples are the same each time, and no failure is made smaller."""
        phases = [Phase.explicit, Phase.generate]
        settings.register_profile(
            "mutation", settings(), phases=phases, derandomize=True, database=None
        )
        settings.load_profile("mutation")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Do the work that was handed in, instead of running each test once."""
        self._work(Session(session, self))
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """The first failure is the verdict."""
        if report.failed and self.reporter:
            self.reporter.killed(report.nodeid)


class Session:
    """The tests that were collected, to be run in children as often as needed."""

    def __init__(self, session: pytest.Session, plugin: Plugin) -> None:
        self._session = session
        self._plugin = plugin
        self.items = {
            item.nodeid: item
            for item in session.items
            if not any(each in item.nodeid for each in (OTHER_ENGINE, *MEASURING))
        }

    @property
    def has_broken_files(self) -> bool:
        """Say whether any file of tests could not be imported."""
        return self._session.testsfailed > 0

    def make_once(self, fixtures: Sequence[str]) -> None:
        """Make fixtures of the whole session here, so that every child has them."""
        for name in fixtures:
            for item in self.items.values():
                if name in getattr(item, "fixturenames", ()):
                    self._session._setupstate.setup(item)
                    self._session._setupstate.teardown_exact(self._after_last())
                    cast(pytest.Function, item)._initrequest()
                    break

    def run(self, names: Iterable[str], reporter: Reporter) -> None:
        """Run tests in this order; the first failure ends the child."""
        self._plugin.reporter = reporter
        for name in names:
            self._run_one(self.items[name])

    def profile(self, files: Sequence[Path]) -> "Profile":
        """Run every test once here: how long each takes, and the lines it reaches.

        It is done in this process: what is warm here is warm in every child. No answer
        is remembered from test to test: each reaches what it would reach alone.
        """
        caches, failures, fixtures = caches_of_ours(), _Failures(), set[str]()
        plugins = self._session.config.pluginmanager
        plugins.register(failures)
        coverage = coverage_of(files)
        coverage.start()
        seconds: dict[str, float] = {}
        for name, item in self.items.items():
            coverage.switch_context(name)
            for cache in caches:
                cache.cache_clear()
            begun = time.process_time()
            self._run_one(item)
            seconds[name] = time.process_time() - begun
            made = set(getattr(item, "fixturenames", ()))
            if not made <= fixtures:  # a new fixture may remember answers, too
                fixtures |= made
                caches = caches_of_ours()
            if isinstance(item, pytest.Function):
                item._initrequest()  # so that it can be run once more
        coverage.stop()
        plugins.unregister(failures)
        self._session._setupstate.teardown_exact(None)
        data = coverage.get_data()
        reached = {
            str(file): {
                line: [name for name in names if name]
                for line, names in data.contexts_by_lineno(str(file)).items()
            }
            for file in files
        }
        usable = {name: seconds[name] for name in seconds if name not in failures.names}
        return Profile(usable, reached)

    def use_folder(self, folder: Path) -> None:
        """Let each test of this process have its folders below this one."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self._session.config._tmp_path_factory._basetemp = folder  # type: ignore[attr-defined]

    def _run_one(self, item: pytest.Item) -> None:
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=self._after_last())

    def _after_last(self) -> pytest.Item:
        """Stand for an item beside all others: what is the session's own stays."""
        return cast(pytest.Item, self._session)


class _Failures:
    def __init__(self) -> None:
        self.names: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember what fails without any mutant."""
        if report.failed:
            self.names.add(report.nodeid)


def coverage_of(files: Sequence[Path]) -> Coverage:
    """Make a measurement of these files only."""
    return Coverage(
        data_file=None, include=[str(file) for file in files], config_file=False
    )


def collect(tests: Sequence[str], root: Path, work: Callable[[Session], None]) -> int:
    """Import tests as pytest does, and hand over the session."""
    os.chdir(root)
    sys.stdout.flush()
    return pytest.main([*ARGUMENTS, *tests], plugins=[Plugin(work)])
