"""Copying a whole ledger to the other database, against a bare COPY or executemany."""

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg

from billing.ledger.migration import upgrade
from billing.ledger.move.row_text import column_names, copied_tables
from tests.benchmarks.footprint import MEGABYTE, PEAK
from tests.benchmarks.proving import fill
from tests.benchmarks.results import Result
from tests.benchmarks.world.places import POSTGRESQL, Places

LEAST_RATE, MOST_MEGABYTES = 1 / 3, 300
AT_ONCE = 5_000
_COPY = """
import sys
from datetime import UTC, datetime
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import open_ledger
from billing.pipeline.concurrency import no_progress
from billing.pipeline.move import copy_ledger_to
from tests.pipeline.witnesses import Recollection
copy_ledger_to(
    open_ledger(sys.argv[1]), Recollection(), sys.argv[2],
    Actor("me", datetime(2026, 4, 1, tzinfo=UTC)), lambda name: no_progress,
)
"""


def measure(places: Places, calls: int) -> Iterator[Result]:
    """Measure a copy there and one back, each beside a bare load of the same rows."""
    folder = places.new_folder()
    file = folder / "ledger.db"
    fill(f"sqlite:///{file}", calls)
    bare = places.new_database(POSTGRESQL)
    bare_seconds = load_postgresql(file, bare)
    there = places.new_database(POSTGRESQL)
    yield from _measured("COPY", calls, bare_seconds, f"sqlite:///{file}", there)
    bare_seconds = load_sqlite(bare, folder / "bare.db")
    back = f"sqlite:///{folder / 'back.db'}"
    yield from _measured("executemany", calls, bare_seconds, there, back)


def _measured(
    way: str, calls: int, bare_seconds: float, source: str, target: str
) -> Iterator[Result]:
    line = [sys.executable, "-c", PEAK, sys.executable, "-c", _COPY, source, target]
    done = subprocess.run(line, check=True, stdout=subprocess.PIPE)
    figures = json.loads(done.stdout)
    if figures["code"]:
        raise RuntimeError(f"the copy ended with {figures['code']}")
    seconds, peak = figures["seconds"], figures["bytes"] / MEGABYTE
    title = f"db copy of {calls:,} calls, against a bare {way}"
    yield Result(
        name=title,
        ours=f"{seconds:.1f} s",
        baseline=f"{bare_seconds:.1f} s",
        ratio=bare_seconds / seconds,
        at_least=LEAST_RATE,
    )
    yield Result(
        name=f"{title}: memory",
        ours=f"{peak:.0f} MB",
        baseline="",
        ratio=peak,
        at_most=MOST_MEGABYTES,
        unit=" MB",
    )


def load_postgresql(file: Path, url: str) -> float:
    """Load all rows by COPY, into the same tables; nothing is checked or read back."""
    upgrade(url)
    began = time.perf_counter()
    with (
        closing(sqlite3.connect(file)) as source,
        psycopg.connect(url.replace("+psycopg", "")) as target,
        target.cursor() as cursor,
    ):
        # Neither triggers nor references look at what is loaded.
        cursor.execute("SET session_replication_role = replica")
        for table in copied_tables():
            names = ", ".join(column_names(table))
            with cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
                for row in source.execute(f"SELECT {names} FROM {table.name}"):
                    copy.write_row(row)
    return time.perf_counter() - began


def load_sqlite(url: str, file: Path) -> float:
    """Load all rows by executemany, into the same tables without their triggers."""
    upgrade(f"sqlite:///{file}")
    began = time.perf_counter()
    with (
        psycopg.connect(url.replace("+psycopg", "")) as source,
        closing(sqlite3.connect(file)) as target,
    ):
        triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        for (name,) in target.execute(triggers).fetchall():
            target.execute(f"DROP TRIGGER {name}")
        target.execute("PRAGMA foreign_keys = OFF")
        for table in copied_tables():
            _load_table(source, target, table.name, column_names(table))
        target.commit()
    return time.perf_counter() - began


def _load_table(
    source: psycopg.Connection,
    target: sqlite3.Connection,
    table: str,
    names: list[str],
) -> None:
    listed, places = ", ".join(names), ", ".join("?" * len(names))
    with source.cursor(name="bare") as cursor:
        cursor.itersize = AT_ONCE
        cursor.execute(f"SELECT {listed} FROM {table}")
        while rows := cursor.fetchmany(AT_ONCE):
            insert = f"INSERT INTO {table} ({listed}) VALUES ({places})"
            target.executemany(insert, rows)
