"""Pulling a month into the ledger, against a plain script and against only fetching."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from statistics import median

from billing.app import App
from billing.domain.period import BillingPeriod, Window
from billing.pipeline.concurrency import READERS
from billing.pipeline.pull.pull import PullOptions, pull_usage
from pamela import PamelaClient
from tests.benchmarks.results import Result
from tests.benchmarks.world.composition import ACCOUNT, service
from tests.benchmarks.world.places import DIALECTS, SQLITE, Places
from tests.benchmarks.world.world import Shape, World, WorldClock, running

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
MONTH = BillingPeriod(2026, 10)
ROUND_TRIPS = (0, 20, 50)  # milliseconds that an answer takes longer
JUDGED = 50  # what an API across the internet takes at least
ROUNDS = 3
PAGE = 100


def measure(places: Places, calls: int) -> Iterator[Result]:
    """Measure pulls with and without a network's round trip; fetching beside them."""
    with running(Shape(calls=calls), NOW) as world:
        for delay in ROUND_TRIPS:
            world.delay(delay)
            yield from _at_one_delay(places, world, calls, delay)


def _at_one_delay(
    places: Places, world: World, calls: int, delay: int
) -> Iterator[Result]:
    where = f"{delay} ms round trip" if delay else "bare loopback"
    ours: dict[str, list[float]] = {dialect: [] for dialect in DIALECTS}
    fetches: list[float] = []
    plain: list[float] = []
    for _ in range(ROUNDS):
        for dialect in DIALECTS:
            ours[dialect].append(_pull_seconds(places, world, dialect, calls))
        fetches.append(_fetch_seconds(world, calls))
        # A plain script waits more than it works, so it hardly varies.
        if not (delay and plain):
            plain.append(_plain_seconds(places, world, calls))
    for dialect, seconds in ours.items():
        taken, slow, least = median(seconds), median(plain), median(fetches)
        # The plain script writes to SQLite, so only that row compares like with like.
        due = 5.0 if delay == JUDGED and dialect == SQLITE else None
        yield Result(
            name=f"pull, {dialect}, {where}, against a plain script",
            ours=_rate(calls, taken),
            baseline=_rate(calls, slow),
            ratio=slow / taken,
            at_least=due,
        )
        yield Result(
            name=f"pull, {dialect}, {where}, against only fetching",
            ours=_rate(calls, taken),
            baseline=_rate(calls, least),
            ratio=100 * least / taken,
            at_least=40 if dialect == SQLITE else None,
            unit=" %",
        )


def _rate(calls: int, seconds: float) -> str:
    return f"{seconds:.1f} s, {calls / seconds:,.0f} calls/s"


def pull_month(app: App, clock: WorldClock, calls: int) -> None:
    """Pull the month and see that nothing is missing."""
    source, rules = app.source(ACCOUNT)
    result = pull_usage(
        app.ledger, source, rules, MONTH, options=PullOptions(clock, "benchmark")
    )
    if result.billed != calls or result.source_minutes != result.ledger_minutes:
        raise RuntimeError(f"the pull is not whole: {result}")


def _pull_seconds(places: Places, world: World, dialect: str, calls: int) -> float:
    database = places.new_database(dialect)
    with service(world, places.new_folder(), database, MONTH) as (app, clock):
        return seconds_of(lambda: pull_month(app, clock, calls))


def _fetch_seconds(world: World, calls: int) -> float:
    """Time the fetching of the month's pages, by days, with as many threads."""
    windows = list(Window(MONTH.start, MONTH.end).days())
    with (
        PamelaClient(world.api_key, world.url) as client,
        ThreadPoolExecutor(READERS) as pool,
    ):
        began = time.perf_counter()
        fetched = sum(pool.map(lambda day: _fetch_day(client, day), windows))
        taken = time.perf_counter() - began
    if fetched != calls:
        raise RuntimeError(f"{fetched} calls were fetched, not {calls}")
    return taken


def _fetch_day(client: PamelaClient, day: Window) -> int:
    start, end = day.start.isoformat(), day.end.isoformat()
    fetched = 0
    while True:
        page = client.list_calls(
            limit=PAGE, offset=fetched, start_date=start, end_date=end
        )
        fetched += len(page["items"])
        if not page["has_more"]:
            return fetched


def _plain_seconds(places: Places, world: World, calls: int) -> float:
    script = "tests/benchmarks/baselines/plain_pull.py"
    file = places.new_folder() / "plain.db"
    span = [MONTH.start.isoformat(), MONTH.end.isoformat()]
    command = [places.sdk_python, script, world.url, world.api_key, *span, str(file)]
    return script_seconds(command, calls)


def script_seconds(command: list[object], calls: int) -> float:
    """Run a plain script that measures its own seconds and how many calls it did."""
    words = [str(word) for word in command]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE)
    figures = json.loads(done.stdout)
    if figures["calls"] != calls:
        raise RuntimeError(
            f"the plain script did {figures['calls']} calls, not {calls}"
        )
    return float(figures["seconds"])


def seconds_of(work: Callable[[], object]) -> float:
    """Return how long a piece of work takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
