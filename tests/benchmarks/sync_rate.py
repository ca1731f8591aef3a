"""The rate of a sync's requests, against a bare loop of stripe-python beside it."""

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from statistics import median
from typing import Any

from sqlalchemy import select

from billing.app import App
from billing.domain.sender_count import AT_FIRST as SENDERS
from billing.ledger.schema.tables import meter_event
from tests.benchmarks.pulling import (
    MONTH,
    NOW,
    pull_month,
    script_seconds,
    seconds_of,
)
from tests.benchmarks.results import Result
from tests.benchmarks.syncing import sync_all
from tests.benchmarks.world.composition import service
from tests.benchmarks.world.places import DIALECTS, SQLITE, Places
from tests.benchmarks.world.world import Shape, World, running

# About a request for each call: the sync's own work is not hidden by what it saves.
CALLS, CUSTOMERS, HOURS = 4_000, 100, 60
ROUNDS = 3
AT_LEAST = 0.7


def measure(places: Places, _calls: int) -> Iterator[Result]:
    """Measure both on a new world each round, one right after the other."""
    for dialect in DIALECTS:
        rounds = [_round(places, dialect) for _ in range(ROUNDS)]
        ours, bare = (median(rates) for rates in zip(*rounds, strict=True))
        yield Result(
            name=f"sync, {dialect}, {SENDERS} threads, against a bare loop",
            ours=f"{ours:,.0f} events/s",
            baseline=f"{bare:,.0f} events/s",
            ratio=median(ours / theirs for ours, theirs in rounds),
            at_least=AT_LEAST if dialect == SQLITE else None,
        )


def _round(places: Places, dialect: str) -> tuple[float, float]:
    """Return the events a second of a whole sync, staging included, and of the loop."""
    database = places.new_database(dialect)
    with (
        running(
            Shape(calls=CALLS, customers=CUSTOMERS, hours=HOURS, talk=False), NOW
        ) as world,
        service(world, places.new_folder(), database, MONTH) as (app, clock),
    ):
        pull_month(app, clock, CALLS)
        seconds = seconds_of(lambda: sync_all(app))
        events = _events(app)
        sent = sum(map(len, events))
        return sent / seconds, sent / _bare_seconds(places, world, events, sent)


def _events(app: App) -> list[list[dict[str, Any]]]:
    """Return what was sent, under other names, by customer: one at a time for each."""
    by_customer: dict[str, list[dict[str, Any]]] = defaultdict(list)
    with app.ledger.reading() as connection:
        rows = connection.execute(select(meter_event)).all()
    for row in rows:
        by_customer[row.customer].append(
            {
                "event_name": row.meter,
                "identifier": f"{row.identifier}-bare",
                "timestamp": int(row.timestamp.timestamp()),
                "payload": {
                    "stripe_customer_id": row.stripe_customer,
                    "value": str(row.minutes),
                },
            }
        )
    return list(by_customer.values())


def _bare_seconds(
    places: Places, world: World, events: list[list[dict[str, Any]]], sent: int
) -> float:
    file = places.new_folder() / "events.json"
    file.write_text(json.dumps(events))
    script = "tests/benchmarks/baselines/plain_loop.py"
    threads = str(SENDERS)
    command = [sys.executable, script, world.url, world.stripe_key, threads, file]
    return script_seconds(command, sent)
