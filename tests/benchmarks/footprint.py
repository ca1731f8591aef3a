"""What the commands cost before they work, and the memory of a whole run."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from billing.installation.first_settings import A_SANDBOX
from billing.offline import state_sole
from tests.benchmarks.pulling import MONTH, NOW, seconds_of
from tests.benchmarks.results import Result
from tests.benchmarks.world.composition import write_settings
from tests.benchmarks.world.places import SQLITE, Places
from tests.benchmarks.world.world import Shape, running

COMMAND = Path(sys.executable).with_name("pamela-billing")
STARTS = 5
# A child starts out with its parent's peak, so a small parent measures.
PEAK = """
import json, resource, subprocess, sys, time
began = time.perf_counter()
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
seconds = time.perf_counter() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
peak, cpu = used.ru_maxrss, used.ru_utime + used.ru_stime
unit = 1 if sys.platform == "darwin" else 1024
figures = {"code": code, "seconds": seconds, "cpu": cpu, "bytes": peak * unit}
print(json.dumps(figures))
"""
MEGABYTE = 1_000_000


def measure_help(_places: Places, _calls: int) -> Iterator[Result]:
    """Measure how soon `pamela-billing --help` is there."""
    show_help = [str(COMMAND), "--help"]

    def once() -> None:
        subprocess.run(show_help, check=True, stdout=subprocess.DEVNULL)

    once()
    seconds = median(seconds_of(once) for _ in range(STARTS))
    yield Result(
        name="--help",
        ours=f"{seconds:.3f} s",
        baseline="",
        ratio=seconds,
        at_most=0.25,
        unit=" s",
    )


def measure_memory(places: Places, calls: int) -> Iterator[Result]:
    """Measure the peak memory of `pamela-billing run` on a month it has not seen."""
    folder = places.new_folder()
    with running(Shape(calls=calls), NOW) as world:
        file = write_settings(world, folder, places.new_database(SQLITE), MONTH)
        chosen = ["--settings", str(file)]
        subprocess.run(
            [COMMAND, "db", "upgrade", *chosen], check=True, stdout=subprocess.DEVNULL
        )
        state_sole(file, "benchmark", A_SANDBOX)
        done = subprocess.run(
            [sys.executable, "-c", PEAK, COMMAND, "run", *chosen],
            check=True,
            stdout=subprocess.PIPE,
        )
    figures = json.loads(done.stdout)
    if figures["code"]:
        raise RuntimeError(f"`pamela-billing run` ended with {figures['code']}")
    peak = figures["bytes"] / MEGABYTE
    yield Result(
        name=f"memory of a whole run, {calls:,} calls",
        ours=f"{peak:.0f} MB in {figures['seconds']:.0f} s",
        baseline="",
        ratio=peak,
        at_most=400,
        unit=" MB",
    )
