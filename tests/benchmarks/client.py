"""The client against the official SDK: one call, all calls, memory, and importing.

`python -m tests.benchmarks.client [CALLS]` prints the rows; exit 1 for what is not met.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import NamedTuple, Protocol

HERE = Path(__file__).parent
PACKAGES = ("thisispamela==1.2.0", "typing-extensions")
CALLS = 100_000
GETS = 2_000
ROUNDS = 5
JUDGED = 20  # milliseconds of a round trip
MEGABYTE = 1_000_000


class Row(NamedTuple):
    """What was measured: `ratio` is required to be at least or at most so much."""

    name: str
    ours: str
    baseline: str
    ratio: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def met(self) -> bool:
        """Whether the requirement, if there is one, is met."""
        enough = self.at_least is None or self.ratio >= self.at_least
        return enough and (self.at_most is None or self.ratio <= self.at_most)


class Told(NamedTuple):
    """What one run of a program told."""

    imported: float
    made: float
    seconds: float
    read: int
    bytes: int


class SdkPlace(Protocol):
    """Where the official SDK is installed."""

    @property
    def sdk_python(self) -> Path:
        """The Python of its environment."""
        ...


class Folder:
    """A folder whose environment has the official SDK, made when it is asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def sdk_python(self) -> Path:
        """The Python of the environment."""
        python = self._folder / "sdk" / "bin" / "python"
        make = ["uv", "venv", "-q", "-p", sys.executable, str(python.parents[1])]
        install = ["uv", "pip", "install", "-q", "-p", str(python), *PACKAGES]
        for command in (make, install):
            subprocess.run(command, cwd=self._folder, check=True)
        return python


def measure(places: SdkPlace, calls: int) -> Iterator[Row]:
    """Measure all; both SDKs ask the same server, in turns."""
    ours, official = Path(sys.executable), places.sdk_python
    yield from _importing(ours, official)
    with _serving(calls) as url:
        yield from _getting(ours, official, url)
        for delay in (0, JUDGED):
            yield from _reading(ours, official, f"{url}/{delay}", calls, delay)
        yield from _memory(ours, url, calls)


def _importing(ours: Path, official: Path) -> Iterator[Row]:
    pairs = _in_turns(ours, official, "import", "http://127.0.0.1:9", 0)
    for name, what, due in (
        ("import pamela", "imported", 1.0),
        ("import pamela, and make a client", "made", None),
    ):
        mine, theirs = (median(getattr(t, what) for t in side) for side in pairs)
        row = Row(name, f"{mine:.3f} s", f"{theirs:.3f} s", mine / theirs)
        yield row._replace(at_most=due)


def _getting(ours: Path, official: Path, url: str) -> Iterator[Row]:
    pairs = _in_turns(ours, official, "get", f"{url}/0", GETS)
    mine, theirs = (GETS / median(t.seconds for t in side) for side in pairs)
    rates = f"{mine:,.0f}/s", f"{theirs:,.0f}/s"
    yield Row("get_call, one after another", *rates, mine / theirs, at_least=1.3)


def _reading(
    ours: Path, official: Path, url: str, calls: int, delay: int
) -> Iterator[Row]:
    rounds = 1 if delay else 3  # who waits for a network hardly varies
    pairs = _in_turns(ours, official, "read", url, calls, rounds=rounds)
    for side in pairs:
        assert all(told.read == calls for told in side), side
    mine, theirs = (median(t.seconds for t in side) for side in pairs)
    where = f"{delay} ms round trip" if delay else "bare loopback"
    yield Row(
        f"all of {calls:,} calls, {where}",
        f"{mine:.2f} s",
        f"{theirs:.2f} s",
        theirs / mine,
        at_least=4.0 if delay == JUDGED else None,
    )


def _memory(ours: Path, url: str, calls: int) -> Iterator[Row]:
    with _serving(calls // 10) as fewer:
        small = _run(ours, "read", f"{fewer}/0", calls // 10).bytes
    large = _run(ours, "read", f"{url}/0", calls).bytes
    yield Row(
        f"memory, {calls:,} calls against {calls // 10:,}",
        f"{large / MEGABYTE:.1f} MB",
        f"{small / MEGABYTE:.1f} MB",
        large / small,
        at_most=1.1,
    )


def _in_turns(
    ours: Path, official: Path, what: str, url: str, count: int, rounds: int = ROUNDS
) -> tuple[list[Told], list[Told]]:
    found: tuple[list[Told], list[Told]] = ([], [])
    for _ in range(rounds):
        for side, python in zip(found, (ours, official), strict=True):
            side.append(_run(python, what, url, count))
    return found


def _run(python: Path, what: str, url: str, count: int) -> Told:
    script = str(HERE / "call_reader.py")
    command = [str(python), script, what, url, str(count)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return Told(**json.loads(done.stdout))


@contextmanager
def _serving(calls: int) -> Iterator[str]:
    command = [sys.executable, str(HERE / "call_server.py"), str(calls)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin
        assert server.stdout
        try:
            yield server.stdout.readline().strip()
        finally:
            server.stdin.close()
            server.wait(10)


def main() -> int:
    """Measure, and print the rows as they come."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else CALLS
    met = True
    with tempfile.TemporaryDirectory() as folder:
        for row in measure(Folder(Path(folder)), calls):
            due = f">= {row.at_least}" if row.at_least else ""
            due = f"<= {row.at_most}" if row.at_most else due
            verdict = ("met" if row.met else "NOT MET") if due else ""
            print(
                f"{row.name:45} {row.ours:>10} {row.baseline:>10}"
                f" {row.ratio:6.2f} {due:7} {verdict}",
                flush=True,
            )
            met = met and row.met
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
