"""One trial: a child process in which tests meet a mutant, within limits."""

import os
import resource
import select
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

CPU_AT_LEAST, CPU_TIMES = 2, 8
# Only what waits for ever ends by this one: a busy machine gives a trial little.
WALL_AT_LEAST, WALL_TIMES = 300, 100
MEMORY = 8 << 30
LONGEST_NAME = 4096


class Verdict(StrEnum):
    """How a trial ended."""

    KILLED = "killed"
    SURVIVED = "survived"
    TIMED_OUT = "timed out"
    UNFIT = "unfit"  # the trial itself failed, which says nothing of the mutant


WORDS = {"k": Verdict.KILLED, "s": Verdict.SURVIVED, "u": Verdict.UNFIT}


@dataclass(frozen=True)
class Limits:
    """How long a trial may take: of the processor, and by the clock."""

    cpu_seconds: int
    wall_seconds: int

    @classmethod
    def of(cls, clean_seconds: float) -> "Limits":
        """Return multiples of what the tests take without a mutant."""
        return cls(
            CPU_AT_LEAST + round(CPU_TIMES * clean_seconds),
            WALL_AT_LEAST + round(WALL_TIMES * clean_seconds),
        )


@dataclass(frozen=True)
class Outcome:
    """What a trial showed, and which test noticed."""

    verdict: Verdict
    by: str = ""


class Belief:
    """The tests that were seen to pass in a child without any mutant."""

    def __init__(self) -> None:
        self._passed: dict[str, bool] = {}

    def checked(
        self, outcome: Outcome, without_mutant: Callable[[], Outcome]
    ) -> Outcome:
        """Return an outcome if the test that it rests on passes without the mutant."""
        by = outcome.by
        if by not in self._passed:
            self._passed[by] = without_mutant().verdict is Verdict.SURVIVED
        if self._passed[by]:
            return outcome
        return Outcome(Verdict.UNFIT, f"{by} fails without any mutant")


Tests = Callable[["Reporter"], None]


class Reporter:
    """Tells the parent, from the child, which test failed first; then it is over."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def killed(self, by: str) -> NoReturn:
        """Report the test that noticed the mutant, and end the child."""
        os.write(self._pipe, f"k{by}".encode()[:LONGEST_NAME])
        os._exit(1)

    def unfit(self, why: str) -> NoReturn:
        """Report that the trial could not be made, and end the child."""
        os.write(self._pipe, f"u{why}".encode()[:LONGEST_NAME])
        os._exit(1)

    def survived(self) -> NoReturn:
        """Report that no test noticed, and end the child."""
        os.write(self._pipe, b"s")
        os._exit(0)


def attempt(tests: Tests, limits: Limits) -> Outcome:
    """Run tests in a child; whatever is left of it afterwards is ended."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _child(tests, Reporter(writing), limits)
    os.close(writing)
    try:
        ready, _, _ = select.select([reading], [], [], limits.wall_seconds)
        said = os.read(reading, LONGEST_NAME).decode(errors="replace") if ready else ""
    finally:
        os.close(reading)
        _end(child)
    verdict = WORDS.get(said[:1], Verdict.TIMED_OUT)
    return Outcome(verdict, said[1:])


def silence() -> None:
    """Drop whatever this process writes from now on: it is no part of a verdict."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)


def _child(tests: Tests, reporter: Reporter, limits: Limits) -> NoReturn:
    """Run the tests; a child never returns into its parent's work."""
    os.setpgid(0, 0)
    silence()
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        tests(reporter)
    except BaseException as failure:  # noqa: BLE001 - a child never returns
        reporter.unfit(repr(failure))
    reporter.survived()


def _end(child: int) -> None:
    """End a child with all that it started."""
    for kill in (os.killpg, os.kill):
        try:
            kill(child, signal.SIGKILL)
        except ProcessLookupError:
            continue
        except PermissionError:  # it has ended, or is not yet a group of its own
            continue
    os.waitpid(child, 0)
