"""The client against the official SDK: one call, all calls, memory, and importing."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.benchmarks.results import Result
from tests.benchmarks.world.places import Places

HERE = Path(__file__).parent
GETS = 2_000
ROUNDS = 5
JUDGED = 20  # milliseconds of a round trip
MEGABYTE = 1_000_000
STOPS_WITHIN_SECONDS = 60


class Figures(NamedTuple):
    """What one run of a program measured."""

    imported: float
    made: float
    seconds: float
    read: int
    bytes: int


def measure(places: Places, calls: int) -> Iterator[Result]:
    """Measure all; both SDKs ask the same server, in turns."""
    ours, official = Path(sys.executable), places.sdk_python
    yield from _importing(ours, official)
    with _serving(calls) as url:
        yield from _getting(ours, official, url)
        for delay in (0, JUDGED):
            yield from _reading(ours, official, f"{url}/{delay}", calls, delay)
        yield from _memory(ours, url, calls)


def _importing(ours: Path, official: Path) -> Iterator[Result]:
    pairs = _in_turns(ours, official, "import", "http://127.0.0.1:9", 0)
    for name, what, due in (
        ("import pamela", "imported", 1.0),
        ("import pamela, and make a client", "made", None),
    ):
        mine, theirs = (median(getattr(t, what) for t in side) for side in pairs)
        row = Result(
            name=name,
            ours=f"{mine:.3f} s",
            baseline=f"{theirs:.3f} s",
            ratio=mine / theirs,
        )
        yield replace(row, at_most=due)


def _getting(ours: Path, official: Path, url: str) -> Iterator[Result]:
    pairs = _in_turns(ours, official, "get", f"{url}/0", GETS)
    mine, theirs = (GETS / median(t.seconds for t in side) for side in pairs)
    yield Result(
        name="get_call, one after another",
        ours=f"{mine:,.0f}/s",
        baseline=f"{theirs:,.0f}/s",
        ratio=mine / theirs,
        at_least=1.3,
    )


def _reading(
    ours: Path, official: Path, url: str, calls: int, delay: int
) -> Iterator[Result]:
    rounds = 1 if delay else 3  # who waits for a network hardly varies
    pairs = _in_turns(ours, official, "read", url, calls, rounds=rounds)
    for side in pairs:
        assert all(figures.read == calls for figures in side), side
    mine, theirs = (median(t.seconds for t in side) for side in pairs)
    where = f"{delay} ms round trip" if delay else "bare loopback"
    yield Result(
        name=f"all of {calls:,} calls, {where}",
        ours=f"{mine:.2f} s",
        baseline=f"{theirs:.2f} s",
        ratio=theirs / mine,
        at_least=4.0 if delay == JUDGED else None,
    )


def _memory(ours: Path, url: str, calls: int) -> Iterator[Result]:
    with _serving(calls // 10) as fewer:
        small = _run(ours, "read", f"{fewer}/0", calls // 10).bytes
    large = _run(ours, "read", f"{url}/0", calls).bytes
    yield Result(
        name=f"memory, {calls:,} calls against {calls // 10:,}",
        ours=f"{large / MEGABYTE:.1f} MB",
        baseline=f"{small / MEGABYTE:.1f} MB",
        ratio=large / small,
        at_most=1.1,
    )


def _in_turns(
    ours: Path, official: Path, what: str, url: str, count: int, rounds: int = ROUNDS
) -> tuple[list[Figures], list[Figures]]:
    sides: tuple[list[Figures], list[Figures]] = ([], [])
    for _ in range(rounds):
        for side, python in zip(sides, (ours, official), strict=True):
            side.append(_run(python, what, url, count))
    return sides


def _run(python: Path, what: str, url: str, count: int) -> Figures:
    script = str(HERE / "baselines" / "call_reader.py")
    command = [str(python), script, what, url, str(count)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return Figures(**json.loads(done.stdout))


@contextmanager
def _serving(calls: int) -> Iterator[str]:
    command = [sys.executable, str(HERE / "world" / "call_server.py"), str(calls)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin
        assert server.stdout
        try:
            yield server.stdout.readline().strip()
        finally:
            server.stdin.close()
            server.wait(STOPS_WITHIN_SECONDS)
