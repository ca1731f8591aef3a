"""The benchmarks' command: measures in one run, one table, exit 1 for what is not met.

`python -m tests.benchmarks [NAME …] [--calls N] [--json]`, from the checkout's root.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.benchmarks import (
    client,
    copying,
    footprint,
    hourly,
    lake,
    proving,
    pulling,
    reconciling,
    reporting,
    sync_rate,
    syncing,
    trailing,
)
from tests.benchmarks.distance import syncing_far
from tests.benchmarks.results import Result, show
from tests.benchmarks.world.places import Places, places
from tests.benchmarks.world.world import Shape


class Benchmark(NamedTuple):
    """What is measured, and on a world of how many times as many calls."""

    measure: Callable[[Places, int], Iterator[Result]]
    times: int = 1


def _measure_reports(places: Places, rows: int) -> Iterator[Result]:
    yield from reporting.measure(places, rows)
    yield from proving.measure(places, rows)
    yield from trailing.measure(places, rows)


CALLS = 100_000
BENCHMARKS = {
    "help": Benchmark(footprint.measure_help),
    "imports": Benchmark(footprint.measure_imports),
    "settings": Benchmark(footprint.measure_settings),
    "memory": Benchmark(footprint.measure_memory),
    "pull": Benchmark(pulling.measure),
    "sync": Benchmark(syncing.measure),
    "rate": Benchmark(sync_rate.measure),
    "client": Benchmark(client.measure),
    "reconcile": Benchmark(reconciling.measure, times=10),
    "hourly": Benchmark(hourly.measure, times=10),
    "reports": Benchmark(_measure_reports, times=10),
    "copy": Benchmark(copying.measure, times=10),
    "distance": Benchmark(syncing_far.measure),
    "lake": Benchmark(lake.measure, times=120),
}
NOTES = """The month: {month}. The sandbox is a process of its own on this
machine, without rate limits, and our own pace is lifted.

Imports: CPU of whole processes, medians of {footprint.ROUNDS} rounds in turns, all
modules compiled before; the bare import is of SQLAlchemy, pydantic-settings, click and
rich. The ledger is a SQLite file, and the time is the machine's own.

Pull: medians of {pulling.ROUNDS} interleaved rounds. A round trip is added by the
sandbox to every answer. The plain script (official SDK, SQLite, one page after
another) has one round where there is a round trip. Required at {pulling.JUDGED} ms; on
bare loopback nobody waits, and both only compute.

Sync: the plain script sends {syncing.SAMPLE:,} calls, scaled up to all.

Rate: medians of {sync_rate.ROUNDS} rounds. The bare loop sends the events of the sync,
by as many threads, and writes nothing down; the sync stages them too, and commits every
attempt to the disk before it leaves.

Reconcile: {reconciling.CUSTOMERS:,} customers, {reconciling.HOURS} campaign hours
each. Requests are counted by the sandbox; ledger work is all the time between the
ledger's doors. Planted: events that were rejected after they were taken, cancelled
ones, and somebody else's.

Hourly: medians of {hourly.HOURS} hours of {hourly.NEW_CALLS:,} new calls, after
{hourly.WARM_UP} to warm up, on {old:,} calls of the present month that are older than
48 hours.

Reports: medians of {reporting.ROUNDS} interleaved rounds on SQLite, all from the same
cursor. The bare ways write what the cursor gives; ours spell money exactly, keep
formulas out of texts, and have the file on the disk before it has its name. The audit
bundle and its verification are processes of their own, memory at its peak, on a month
of {proving.CUSTOMERS} customers whose events are all counted. Pulls with and without
the audit trail take turns, {trailing.ROUNDS} rounds, on bare loopback.

Copy: a ledger as for the audit bundle. The bare ways read the same rows and load them
into the same tables, without triggers; they check nothing and read nothing back. Ours
checks every invariant first, reads every row back, and is a process of its own.

Lake: medians of {lake.ROUNDS} rounds, {lake.CUSTOMERS:,} customers; the rows of the
year are made up, and written by the export's own writer. The command is a process of
its own, from its start to its answer, and reads every byte of the files for their
digests first. The export of a month is from SQLite, and computes the digest of the
close anew before."""


def main() -> int:
    """Measure what is options for, and show it."""
    options = _arguments()
    results: list[Result] = []
    with places() as made:
        for name in options.names or BENCHMARKS:
            for result in _measure(name, made, options.calls):
                results.append(result)
                print(f"{result}", file=sys.stderr)
    notes = _notes(options.calls)
    if options.json:
        rows = [row.to_json() for row in results]
        print(json.dumps({"results": rows, "notes": notes}, indent=2))
    else:
        show(results, notes)
    return 0 if all(row.met for row in results) else 1


def _measure(name: str, made: Places, calls: int) -> Iterator[Result]:
    benchmark = BENCHMARKS[name]
    return benchmark.measure(made, calls * benchmark.times)


def _notes(calls: int) -> list[str]:
    """Say what stands behind the figures."""
    month = Shape(calls=calls)
    old = calls * BENCHMARKS["hourly"].times
    return [
        line.replace("\n", " ")
        for line in NOTES.format(
            month=month,
            footprint=footprint,
            old=old,
            pulling=pulling,
            syncing=syncing,
            hourly=hourly,
            sync_rate=sync_rate,
            reconciling=reconciling,
            reporting=reporting,
            proving=proving,
            trailing=trailing,
            lake=lake,
        ).split("\n\n")
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}"
    )
    parser.add_argument("--calls", type=int, default=CALLS, help="in the month")
    parser.add_argument("--json", action="store_true", help="print JSON instead")
    options = parser.parse_args()
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"there is no benchmark {min(unknown)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
