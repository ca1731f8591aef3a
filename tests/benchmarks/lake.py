"""A year of usage rows in a lake, asked by DuckDB, and the export of one month."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import NamedTuple

import duckdb
from sqlalchemy import insert

from billing.domain.period import HOUR, BillingPeriod
from billing.ledger.audit import audit_log
from billing.ledger.audit.events import origin_of
from billing.ledger.close import period_close
from billing.ledger.database import Ledger, open_ledger
from billing.ledger.migration import upgrade
from billing.ledger.schema.tables import period_close as closes
from billing.reports.lake.lake_export import opened_lake, write_month
from billing.reports.lake.layout import Lake, MonthManifest
from billing.reports.sheets.sheet import Row
from tests.benchmarks.footprint import COMMAND, MEGABYTE, PEAK
from tests.benchmarks.reporting import filled_ledger
from tests.benchmarks.results import Result
from tests.benchmarks.world.places import Places
from tests.ledger.bookkeeping import ACTOR, MARCH, register

MONTHS = [BillingPeriod(2025, month) for month in range(1, 13)]
CUSTOMERS, ACCOUNTS = 1_000, 10
KEYS = ("month", "customer", "day")
YEAR_SECONDS, MOST_MEGABYTES = 5, 300
ROUNDS = 3
EXPORTED, EXPORT_MEGABYTES = 1_000_000, 300
_PRICE = Decimal("0.10")
# Ids without a pattern: packed, they are as large as real ones.
_SPREAD = 0x9E3779B97F4A7C15F39CC0605CEDC835
_SETTINGS = """
[ledger]
url = "sqlite:///ledger.db"
[stripe]
api_key = "env:STRIPE_KEY"
[billing]
first_period = "2025-01"
[[accounts]]
name = "main"
api_key = "env:PAMELA_KEY"
customer = "acme"
[[customers]]
name = "acme"
stripe_customer = "cus_acme"
[[prices]]
from = 2025-01-01
per_minute = "0.10"
"""


def measure(places: Places, rows: int) -> Iterator[Result]:
    """Measure what a year costs to ask, by each key, and a month to export."""
    folder = places.new_folder()
    lake = _year(folder, rows)
    for key in KEYS:
        yield from _asked(folder, lake, rows, key)
    yield from _exported(places.new_folder(), min(rows, EXPORTED))


def _asked(folder: Path, lake: Path, rows: int, key: str) -> Iterator[Result]:
    """Ask by the command itself, from its start to its answer."""
    ask = ["report", "usage", f"{MONTHS[0]}", "--to", f"{MONTHS[-1]}", "--by", key]
    engine = ["--engine", "duckdb", "--lake", str(lake)]
    settings = ["--settings", str(folder / "billing.toml"), "--json"]
    ours, bare = [], []
    for _ in range(ROUNDS):
        ours.append(_measured(folder, [COMMAND, *ask, *engine, *settings]))
        bare.append(_bare_seconds(lake, key))
    seconds = median(one.seconds for one in ours)
    cpu, megabytes = median(one.cpu for one in ours), max(one.megabytes for one in ours)
    name = f"a year of {rows:,} usage rows by {key}, asked by DuckDB"
    yield Result(
        name=f"{name}: time",
        ours=f"{seconds:.2f} s, {cpu:.2f} s of CPU",
        baseline=f"{median(bare):.2f} s, no checks",
        ratio=seconds,
        at_most=YEAR_SECONDS,
        unit=" s",
    )
    yield Result(
        name=f"{name}: memory",
        ours=f"{megabytes:.0f} MB",
        baseline=f"{_size(lake) / MEGABYTE:,.0f} MB of files",
        ratio=megabytes,
        at_most=MOST_MEGABYTES,
        unit=" MB",
    )


def _exported(folder: Path, rows: int) -> Iterator[Result]:
    """Export a real month by the command itself, with the check of its digest."""
    with filled_ledger(folder, rows) as ledger, ledger.writing() as connection:
        period_close.freeze(connection, MARCH, ACTOR, run=1, reason="benchmark")
    (folder / "billing.toml").write_text(_SETTINGS)
    settings = ["--settings", str(folder / "billing.toml")]
    usage = ["export", "usage", f"{MARCH}", "--format", "parquet"]
    file = ["--output", str(folder / "usage.parquet")]
    one_file = _measured(folder, [COMMAND, *usage, *file, *settings])
    lake = ["export", "lake", str(folder / "lake")]
    ours = _measured(folder, [COMMAND, *lake, *settings])
    name = f"export lake, a month of {rows:,} rows"
    yield Result(
        name=f"{name}, against one Parquet file",
        ours=f"{ours.cpu:.1f} s of CPU",
        baseline=f"{one_file.cpu:.1f} s of CPU",
        ratio=one_file.cpu / ours.cpu,
    )
    yield Result(
        name=f"{name}: memory",
        ours=f"{ours.megabytes:.0f} MB",
        baseline="",
        ratio=ours.megabytes,
        at_most=EXPORT_MEGABYTES,
        unit=" MB",
    )


def _year(folder: Path, rows: int) -> Path:
    """Close a year and write its lake; the rows are made up and in the lake alone."""
    url = f"sqlite:///{folder / 'ledger.db'}"
    upgrade(url)
    (folder / "billing.toml").write_text(_SETTINGS)
    ledger = open_ledger(url)
    register(ledger)
    with ledger.reading() as connection:
        lake = opened_lake(folder / "lake", origin_of(connection), None)
    each, rest = divmod(rows, len(MONTHS))
    for period in MONTHS:
        count = each + (rest if period == MONTHS[-1] else 0)
        _close(ledger, _written(lake, period, count))
    ledger.close()
    return lake.root


def _written(lake: Lake, period: BillingPeriod, count: int) -> MonthManifest:
    rows = _made_up(period, count)
    return write_month(lake, period, "0" * 64, rows, lambda _done: None)


def _close(ledger: Ledger, manifest: MonthManifest) -> None:
    totals = {
        "rows": manifest.rows,
        "minutes": manifest.billed_minutes,
        "amount_micro": sum(manifest.amount_micro.values()),
    }
    row = {
        "period": manifest.period,
        "closed_at": ACTOR.at,
        "closed_by": ACTOR.name,
        "digest": manifest.close_digest,
        "totals": json.dumps(totals),
    }
    with ledger.writing() as connection:
        audit_log.touch(connection, closes, [manifest.period])
        connection.execute(insert(closes).values(row))


def _made_up(period: BillingPeriod, count: int) -> Iterator[Row]:
    """Make rows up as a month of a thousand customers has them, one in 50 corrected."""
    names = [f"customer_{number:04}" for number in range(CUSTOMERS)]
    accounts = [f"account_{number}" for number in range(ACCOUNTS)]
    hours = (period.end - period.start) // HOUR
    moments = [period.start + number * HOUR for number in range(hours)]
    for number in range(count):
        hour = moments[number * hours // count]
        minutes = number * 31 % 20 + 1
        corrects = number - 1 if number % 50 == 49 else None
        yield (
            number,
            "api_usage" if corrects is None else "adjustment",
            accounts[number % ACCOUNTS],
            names[number * 7_919 % CUSTOMERS],
            f"call_{number * _SPREAD % 2**128:032x}",
            1,
            corrects,
            hour,
            hour,
            minutes,
            _PRICE,
            minutes * 100_000,
            "usd",
            hour + timedelta(minutes=number % 60),
        )


def _bare_seconds(lake: Path, key: str) -> float:
    """Let DuckDB add up all files that are there, and check nothing."""
    column = {"month": "period", "day": "hour::DATE"}.get(key, key)
    began = time.perf_counter()
    with duckdb.connect(":memory:") as connection:
        table = connection.read_parquet(
            str(lake / "usage" / "*" / "*" / "*.parquet"), hive_partitioning=True
        )
        sums = "count(*), sum(billed_minutes), sum(amount_micro)"
        table.aggregate(f"{column}, {sums}", column).fetchall()
    return time.perf_counter() - began


def _size(lake: Path) -> int:
    return sum(file.stat().st_size for file in lake.rglob("*.parquet"))


class _Used(NamedTuple):
    """What a command took."""

    seconds: float
    cpu: float
    megabytes: float


def _measured(folder: Path, line: list[object]) -> _Used:
    """Run a command in a process of its own."""
    peak = [sys.executable, "-c", PEAK]
    done = subprocess.run(
        [*peak, *map(str, line)], check=True, cwd=folder, stdout=subprocess.PIPE
    )
    figures = json.loads(done.stdout)
    if figures["code"]:
        raise RuntimeError(f"{line[1]} {line[2]} ended with {figures['code']}")
    return _Used(figures["seconds"], figures["cpu"], figures["bytes"] / MEGABYTE)
