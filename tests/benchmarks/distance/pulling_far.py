"""Pulling from afar: new and unchanged months against fetching, and busy hours."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import NamedTuple

from billing.gateways.pamela import connect_usage
from billing.ledger.database import open_ledger
from billing.ledger.migration import upgrade
from billing.ledger.pull.pulls import Certificate
from billing.pipeline.concurrency import THREADS, readers
from billing.pipeline.pull.pull import PullOptions, pull_usage
from tests.benchmarks.pulling import MONTH, NOW, fetch_seconds, pull_month
from tests.benchmarks.results import Result
from tests.benchmarks.world.composition import service
from tests.benchmarks.world.places import DIALECTS, Places
from tests.benchmarks.world.world import Shape, World, running
from tests.pipeline.bench import Bench
from tests.pipeline.virtual_clock import VirtualClock

ROUNDS = 3
# What is required of a first pull, and of an unchanged month, in percent of fetching.
REQUIRED = {50: (45, 90), 0: (20, 50)}
MOST_MICROSECONDS = 15
AWAY = 100  # milliseconds that an answer of the busy account takes
READERS = 64
PAGES_A_SECOND = 300
PAGE = 100
STOPS_WITHIN_SECONDS = 60
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BUSIEST = 5_000_000  # calls a day
CUSTOMERS = tuple(f"customer-{n:04}" for n in range(200))


class Taken(NamedTuple):
    """What some work took: on the clock, and of this process's processor."""

    seconds: float
    cpu: float


def measure(places: Places, calls: int) -> Iterator[Result]:
    """Measure pulls at a distance."""
    with running(Shape(calls=calls), NOW) as world:
        for delay, (first, again) in REQUIRED.items():
            world.delay(delay)
            yield from _against_fetching(places, world, calls, delay, first, again)
    yield from _hourly(places, calls)
    yield from _busiest_hour(places)


def _taken(work: Callable[[], object]) -> Taken:
    began, spent = time.perf_counter(), time.process_time()
    work()
    return Taken(time.perf_counter() - began, time.process_time() - spent)


def _against_fetching(
    places: Places, world: World, calls: int, delay: int, first: int, again: int
) -> Iterator[Result]:
    for dialect in DIALECTS:
        rounds = [_round(places, world, calls, dialect) for _ in range(ROUNDS)]
        fetched, new, same = zip(*rounds, strict=True)
        least = median(each.seconds for each in fetched)
        for what, those, due in (("first", new, first), ("unchanged", same, again)):
            taken = median(each.seconds for each in those)
            yield Result(
                name=f"pull, {what}, {dialect}, {delay} ms, against only fetching",
                ours=f"{taken:.1f} s, {calls / taken:,.0f} calls/s",
                baseline=f"{least:.1f} s, {calls / least:,.0f} calls/s",
                ratio=100 * least / taken,
                at_least=due,
                unit=" %",
            )
        if not delay:
            more = median(s.cpu - f.cpu for s, f in zip(same, fetched, strict=True))
            yield Result(
                name=f"pull, unchanged, {dialect}: processor above fetching, a call",
                ours=f"{1e6 * median(s.cpu for s in same) / calls:.1f} us",
                baseline=f"{1e6 * median(f.cpu for f in fetched) / calls:.1f} us",
                ratio=1e6 * more / calls,
                at_most=MOST_MICROSECONDS,
                unit=" us",
            )


def _round(
    places: Places, world: World, calls: int, dialect: str
) -> tuple[Taken, Taken, Taken]:
    """Fetch a month, pull it, and pull it again."""
    fetched = _taken(lambda: fetch_seconds(world, calls))
    database = places.new_database(dialect)
    with service(world, places.new_folder(), database, MONTH) as (app, clock):
        new = _taken(lambda: pull_month(app, clock, calls))
        return fetched, new, _taken(lambda: pull_month(app, clock, calls))


def _hourly(places: Places, calls: int) -> Iterator[Result]:
    """Read the two days before the last hour again, of an account of so many calls."""
    span = 2 * DAY + HOUR
    with _busy(places, calls, span, AWAY) as busy:
        whole = busy.pull(busy.now - span)
        if whole.billed != calls:
            raise RuntimeError(f"{whole.billed} calls were billed, not {calls}")
        rounds = [_taken(lambda: busy.pull(busy.now - span)) for _ in range(ROUNDS)]
    taken = median(each.seconds for each in rounds)
    cpu = median(each.cpu for each in rounds)
    yield Result(
        name=f"pull, hourly window of {calls:,} calls, {AWAY} ms, {READERS} readers",
        ours=f"{taken:.1f} s, {cpu:.1f} s of processor",
        baseline=f"{whole.pages:,} pages",
        ratio=calls / PAGE / taken,
        at_least=PAGES_A_SECOND,
        unit=" pages/s",
    )


def _busiest_hour(places: Places) -> Iterator[Result]:
    """Read the last hour of an account of five million calls a day."""
    with _busy(places, BUSIEST // 24, HOUR, AWAY) as busy:
        taken = _taken(lambda: busy.pull(busy.now - HOUR))
        whole = busy.pull(busy.now - HOUR)
    yield Result(
        name=f"pull, the last hour of {BUSIEST:,} calls a day, {AWAY} ms",
        ours=f"{taken.seconds:.1f} s, {whole.billed:,} calls",
        baseline=f"{BUSIEST // 24:,} calls",
        ratio=100 * whole.billed / (BUSIEST // 24),
        at_least=100,
        at_most=100,
        unit=" %",
    )


class _Busy(NamedTuple):
    """A bench before a busy account."""

    pull: Callable[[datetime], Certificate]
    now: datetime


@contextmanager
def _busy(places: Places, calls: int, span: timedelta, delay: int) -> Iterator[_Busy]:
    """Serve an account of so many calls in a span, and put a bench before it."""
    now = datetime(2026, 10, 20, 12, tzinfo=UTC)
    file = places.new_folder() / "busy.db"
    upgrade(f"sqlite:///{file}")
    ledger = open_ledger(f"sqlite:///{file}")
    # A whole number of microseconds, so that there are just so many calls.
    gap = span // calls
    with _serving(now - calls * gap, now, gap, delay) as url:
        bench = Bench(
            ledger=ledger,
            customers=CUSTOMERS,
            first_period=MONTH,
            clock=VirtualClock(now + timedelta(minutes=5)),
        )
        source = connect_usage("main", "pk_live_busy", url, sleep=time.sleep)

        def pull(since: datetime) -> Certificate:
            with readers(THREADS, READERS) as those:
                options = PullOptions(
                    clock=bench.clock, actor="benchmark", readers=those
                )
                return pull_usage(
                    ledger, source, bench.rules, MONTH, options=options, since=since
                )

        try:
            yield _Busy(pull, now)
        finally:
            source.close()
            ledger.close()


@contextmanager
def _serving(
    start: datetime, end: datetime, gap: timedelta, delay: int
) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.benchmarks.world.busy_server"]
    command += ["--start", start.isoformat(), "--end", end.isoformat()]
    command += ["--gap", str(gap // timedelta(microseconds=1)), "--delay", str(delay)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdout is None or process.stdin is None:
            raise RuntimeError("the server says nothing")
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait(STOPS_WITHIN_SECONDS)
