"""Syncing a month to the meter, against one meter event a call."""

import json
import sys
from collections.abc import Iterator

from sqlalchemy import select

from billing.app import App
from billing.ledger.schema.tables import call
from billing.pipeline.sync.send import Outcome
from billing.pipeline.sync.sync import sync_meter
from tests.benchmarks.pulling import (
    MONTH,
    NOW,
    pull_month,
    script_seconds,
    seconds_of,
)
from tests.benchmarks.results import Result
from tests.benchmarks.world.composition import service
from tests.benchmarks.world.places import SQLITE, Places
from tests.benchmarks.world.world import Shape, World, running

# So many calls are sent by the plain script; its seconds are scaled up to all.
SAMPLE = 5_000


def measure(places: Places, calls: int) -> Iterator[Result]:
    """Measure the requests and the time of a month's first sync."""
    with running(Shape(calls=calls), NOW) as world:
        database = places.new_database(SQLITE)
        with service(world, places.new_folder(), database, MONTH) as (app, clock):
            pull_month(app, clock, calls)
            before = world.stripe_requests()
            ours = seconds_of(lambda: sync_all(app))
            requests = world.stripe_requests() - before
            sample = _calls(app, min(SAMPLE, calls))
        plain = _plain_seconds(places, world, sample) * calls / len(sample)
        plain_requests = calls * (world.stripe_requests() - before - requests)
    plain_requests //= len(sample)
    yield Result(
        name="sync of the month, requests",
        ours=f"{requests:,}",
        baseline=f"{plain_requests:,}",
        ratio=plain_requests / requests,
        at_least=50,
    )
    yield Result(
        name="sync of the month, time, bare loopback",
        ours=f"{ours:.1f} s",
        baseline=f"{plain:.0f} s (scaled up)",
        ratio=plain / ours,
    )


def sync_all(app: App) -> None:
    """Send all that waits, and see that all of it is taken."""
    report = sync_meter(app.ledger, app.meter, app.sync_options())
    if not report.clean or report.outcomes[Outcome.SYNCED] != report.staged:
        raise RuntimeError(f"the sync is not clean: {report}")


def _calls(app: App, count: int) -> list[tuple[str, str, int, int]]:
    columns = call.c.call_id, call.c.customer, call.c.started_at, call.c.source_minutes
    with app.ledger.reading() as connection:
        rows = connection.execute(select(*columns).limit(count)).all()
    return [
        (name, app.stripe_customers[customer], int(started.timestamp()), minutes)
        for name, customer, started, minutes in rows
    ]


def _plain_seconds(
    places: Places, world: World, sample: list[tuple[str, str, int, int]]
) -> float:
    file = places.new_folder() / "calls.json"
    file.write_text(json.dumps(sample))
    script = "tests/benchmarks/baselines/plain_meter.py"
    command = [sys.executable, script, world.url, world.stripe_key, file]
    return script_seconds(command, len(sample))
