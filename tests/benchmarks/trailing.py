"""The audit trail: what it adds to the time of a pull, in the same run."""

from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from billing.ledger import database
from tests.benchmarks.pulling import MONTH, NOW, pull_month, seconds_of
from tests.benchmarks.results import Result
from tests.benchmarks.world.composition import service
from tests.benchmarks.world.places import SQLITE, Places
from tests.benchmarks.world.world import Shape, World, running

CALLS = 100_000
ROUNDS = 3
MOST = 1.15


def measure(places: Places, _rows: int) -> Iterator[Result]:
    """Pull a month with the trail and without, in turns, on bare loopback."""
    with running(Shape(calls=CALLS), NOW) as world:
        rounds = [_round(places, world) for _ in range(ROUNDS)]
    covered, bare = (median(seconds) for seconds in zip(*rounds, strict=True))
    yield Result(
        name=f"pull of {CALLS:,} calls, with the audit trail against without",
        ours=f"{covered:.1f} s",
        baseline=f"{bare:.1f} s",
        ratio=covered / bare,
        at_most=MOST,
    )


def _round(places: Places, world: World) -> tuple[float, float]:
    covered = _pull_seconds(places, world)
    with _without_trail():
        return covered, _pull_seconds(places, world)


def _pull_seconds(places: Places, world: World) -> float:
    new = places.new_database(SQLITE)
    with service(world, places.new_folder(), new, MONTH) as (app, clock):
        return seconds_of(lambda: pull_month(app, clock, CALLS))


@contextmanager
def _without_trail() -> Iterator[None]:
    """Let no transaction be covered; only here."""
    names = vars(database)
    seal = names["seal"]
    names["seal"] = lambda _connection, _left: None
    try:
        yield
    finally:
        names["seal"] = seal
