"""What the commands cost before they work, and the memory of a whole run."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import median

from sqlalchemy import select

from billing.installation.first_settings import A_SANDBOX
from billing.ledger import migration
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Ledger, open_ledger
from billing.ledger.registry import Customer, register
from billing.ledger.schema.tables import call
from billing.offline import opened_ledger, placed_url, state_sole, upgrade_ledger
from tests.benchmarks.pulling import MONTH, NOW, seconds_of
from tests.benchmarks.results import Result
from tests.benchmarks.world.composition import write_settings
from tests.benchmarks.world.places import DIALECTS, SQLITE, Places
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
# What a command cannot do without.
BARE_IMPORT = "import sqlalchemy, pydantic_settings, click, rich"
ROUNDS = 15
KNOWN = 100_000
FEW_SETTINGS = """
stripe.api_key = "env:STRIPE_KEY"
billing.first_period = "2026-10"
[[accounts]]
name = "bulk"
api_key = "env:PAMELA_KEY"
customer_metadata_key = "customer"
"""
# What every command does with its settings before its own work.
READ_SETTINGS = """
import sys, time
from pathlib import Path
from billing.installation.hiding import hide_secrets
from billing.settings import read_settings
began, file = time.process_time(), Path(sys.argv[1])
hide_secrets(file, {})
read_settings(file)
print(time.process_time() - began)
"""


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


def measure_imports(places: Places, _calls: int) -> Iterator[Result]:
    """Measure the CPU of commands that only read, against that of a bare import."""
    folder = places.new_folder()
    with running(Shape(calls=1_000, customers=20), NOW) as world:
        file = write_settings(world, folder, places.new_database(SQLITE), MONTH)
        upgrade_ledger(file)
        state_sole(file, "benchmark", A_SANDBOX)
        run = [str(COMMAND), "run", "--settings", str(file)]
        subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
        with opened_ledger(file) as opened, opened.ledger.reading() as connection:
            call_id = connection.execute(select(call.c.call_id)).scalar()
    # As an installation has them: the time is that of the machine.
    lines = [line for line in file.read_text().split("\n") if "clock" not in line]
    file.write_text("\n".join(lines))
    commands = {"status": [], "explain": [str(call_id)], "breaks": []}
    chosen = ["--settings", str(file)]
    ways = {
        name: [str(COMMAND), name, *words, *chosen] for name, words in commands.items()
    }
    ways["bare"] = [sys.executable, "-c", BARE_IMPORT]
    compiled = {"PYTHONPYCACHEPREFIX": str(folder / "compiled")}
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(ROUNDS + 1):
        for name, command in ways.items():
            once = _cpu_seconds_of(command, compiled)
            if turn:  # the first compiles what it imports
                spent[name].append(once)
    bare = median(spent.pop("bare"))
    for name, seconds in spent.items():
        ours = median(seconds)
        yield Result(
            name=f"CPU of `{name}` to a bare import",
            ours=f"{ours:.3f} s",
            baseline=f"{bare:.3f} s",
            ratio=ours / bare,
            at_most=1.4,
        )


def _cpu_seconds_of(command: list[str], environment: dict[str, str]) -> float:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONDONTWRITEBYTECODE" and not name.startswith("PAMELA_BILLING_")
    }
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        command, check=True, stdout=subprocess.DEVNULL, env=inherited | environment
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure_settings(places: Places, _calls: int) -> Iterator[Result]:
    """Measure what many customers cost who are only known: settings, registration."""
    customers = [Customer(f"known-{i}", f"cus_known{i}") for i in range(KNOWN)]
    sections = [
        f'[[customers]]\nname = "{name}"\nstripe_customer = "{stripe_customer}"\n'
        for name, stripe_customer in customers
    ]
    file = places.new_folder() / "billing.toml"
    file.write_text(FEW_SETTINGS + "".join(sections))
    command = [sys.executable, "-c", READ_SETTINGS, str(file)]
    seconds = float(subprocess.check_output(command))
    figures = subprocess.check_output([sys.executable, "-c", PEAK, *command])
    peak = json.loads(figures)["bytes"]
    yield Result(
        name=f"settings of {KNOWN:,} customers, CPU",
        ours=f"{seconds:.2f} s, {peak / MEGABYTE:.0f} MB",
        baseline="",
        ratio=seconds,
        at_most=2,
        unit=" s",
    )
    for dialect in DIALECTS:
        url = placed_url(places.new_database(dialect), places.new_folder())
        migration.upgrade(url)
        with closing(open_ledger(url)) as ledger:
            first = _registering_cpu_seconds(ledger, customers)
            again = median(_registering_cpu_seconds(ledger, customers) for _ in "123")
        yield Result(
            name=f"registering {KNOWN:,} customers again, CPU, {dialect}",
            ours=f"{again:.2f} s",
            baseline=f"{first:.2f} s the first time",
            ratio=again,
            at_most=0.5,
            unit=" s",
        )


def _registering_cpu_seconds(ledger: Ledger, customers: list[Customer]) -> float:
    before = time.process_time()
    with ledger.writing() as connection:
        register(
            connection,
            Actor("benchmark", NOW),
            customers=customers,
            accounts=[],
            prices=[],
        )
    return time.process_time() - before


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
