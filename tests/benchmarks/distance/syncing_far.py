"""Syncing at a distance: events a second, by one process and by several."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from billing.app import App
from billing.domain.period import BillingPeriod
from billing.ledger.schema.tables import meter_event
from billing.pipeline.pull.pull import PullOptions, pull_usage
from billing.pipeline.sync.send import Outcome
from billing.pipeline.sync.sync import SyncReport, sync_meter
from tests.benchmarks.distance.limits import EVENTS, Seen, busiest
from tests.benchmarks.pulling import script_seconds, seconds_of
from tests.benchmarks.results import Result
from tests.benchmarks.syncing import sync_all
from tests.benchmarks.world.composition import (
    ACCOUNT,
    LIVE_PACE,
    opened,
    service,
    write_settings,
)
from tests.benchmarks.world.places import DIALECTS, POSTGRESQL, SQLITE, Places
from tests.benchmarks.world.world import Shape, World, WorldClock, running

NOW = datetime(2026, 11, 10, 9, 2, tzinfo=UTC)
MONTH = BillingPeriod.of(NOW)
STRIPE_MS, PAMELA_MS, SPREAD_MS = 150, 100, 40
EVENTS_A_SECOND = {SQLITE: 400, POSTGRESQL: 300}
OF_THE_BARE_LOOP = 0.6
DAEMONS, SENDERS, TIMES_AS_FAST = 4, 16, 2
CUSTOMERS = 2_000
HOUR = timedelta(hours=1)


@dataclass
class Far:
    """A ledger whose customers are known, with one event due for each of them."""

    places: Places
    world: World
    file: Path
    began: int  # so many requests were seen before

    def seen(self) -> Seen:
        """Return what the server saw at its busiest since then."""
        return busiest(self.world.stripe_log()[self.began :])

    def seconds(self) -> float:
        """Return how long events came in for, from the first to the last."""
        times = [
            datetime.fromisoformat(record["at"])
            for record in self.world.stripe_log()[self.began :]
            if record["endpoint"] == EVENTS
        ]
        return (times[-1] - times[0]).total_seconds()


def measure(places: Places, _calls: int) -> Iterator[Result]:
    """Measure one process on both databases, then several on PostgreSQL."""
    for dialect in DIALECTS:
        with _hour_due(places, dialect) as far:
            yield from _one_process(far, dialect)
    yield from _several(places)


def _one_process(far: Far, dialect: str) -> Iterator[Result]:
    with opened(far.world, far.file) as (app, _clock):
        reports: list[SyncReport] = []
        options = app.sync_options()
        seconds = seconds_of(
            lambda: reports.append(sync_meter(app.ledger, app.meter, options))
        )
        sent = _sent_last(app)
    [report] = reports
    if not report.clean or report.outcomes[Outcome.SYNCED] != CUSTOMERS:
        raise RuntimeError(f"the sync is not clean: {report}")
    where = f"sync, {dialect}, {STRIPE_MS} ms, one process, {report.senders} senders"
    seen = far.seen()
    bare = _bare_seconds(far, sent, report.senders)
    ours, theirs = CUSTOMERS / seconds, CUSTOMERS / bare
    yield Result(
        name=f"{where}: events a second",
        ours=f"{ours:,.0f} events/s",
        baseline=f"{theirs:,.0f} events/s, a bare loop of as many",
        ratio=ours,
        at_least=EVENTS_A_SECOND[dialect],
        unit=" events/s",
    )
    yield Result(
        name=f"{where}: against the bare loop",
        ours=f"{seconds:.1f} s",
        baseline=f"{bare:.1f} s",
        ratio=ours / theirs,
        at_least=OF_THE_BARE_LOOP,
    )
    yield limits_met(where, seen)


def _several(places: Places) -> Iterator[Result]:
    """Measure syncs by processes of their own, few senders each."""
    taken = {}
    for processes in (1, DAEMONS):
        with _hour_due(places, POSTGRESQL) as far:
            _sync_by(far, processes)
            taken[processes] = far.seconds()
            seen = far.seen()
            where = f"sync, PostgreSQL, {processes} x {SENDERS} senders"
            yield limits_met(where, seen)
    one, all_of_them = (CUSTOMERS / seconds for seconds in taken.values())
    yield Result(
        name=f"sync, PostgreSQL, {DAEMONS} processes of {SENDERS} senders against one",
        ours=f"{all_of_them:,.0f} events/s",
        baseline=f"{one:,.0f} events/s",
        ratio=all_of_them / one,
        at_least=TIMES_AS_FAST,
    )


def _sync_by(far: Far, processes: int) -> None:
    """Run so many syncs at once, and see that all of it was sent, once."""
    command = [sys.executable, "-m", "billing", "sync", "--json"]
    environment = os.environ | {
        "PAMELA_BILLING_STRIPE__MOST_SENDERS": str(SENDERS),
    }
    running_ = [
        subprocess.Popen(
            [*command, "--settings", str(far.file)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(processes)
    ]
    answers = [process.communicate()[0] for process in running_]
    synced = sum(json.loads(answer)["events"].get("synced", 0) for answer in answers)
    if synced != CUSTOMERS or any(process.returncode for process in running_):
        raise RuntimeError(f"{synced} of {CUSTOMERS} were sent: {answers}")


def limits_met(where: str, seen: Seen) -> Result:
    """Return whether no limit was broken in any second."""
    return Result(
        name=f"{where}: the busiest second",
        ours=f"{seen}",
        baseline="1,000 events, 25 of an endpoint, 100 in all; 0 x 429",
        ratio=seen.over + seen.refused,
        at_most=1,
        unit=" of the limit",
    )


@contextmanager
def _hour_due(places: Places, dialect: str) -> Iterator[Far]:
    """Prepare an hour in which each known customer has an event due."""
    shape = Shape(calls=CUSTOMERS, customers=CUSTOMERS, hours=1, talk=False)
    with running(shape, NOW) as world:
        folder, database = places.new_folder(), places.new_database(dialect)
        hour = NOW.replace(minute=0)
        world.add_calls(_a_call_each(world, hour - HOUR))
        with service(world, folder, database, MONTH) as (app, clock):
            _pull(app, clock)
            sync_all(app)
            # The next hour: everybody is known, and the month was read today.
            world.add_calls(_a_call_each(world, hour))
            world.move_to(NOW + HOUR)
            clock.set()
            _pull(app, clock)
        file = write_settings(world, folder, database, MONTH, pace=LIVE_PACE)
        world.set_distance(PAMELA_MS, STRIPE_MS, SPREAD_MS)
        world.set_limits(live=True)
        yield Far(places, world, file, len(world.stripe_log()))


def _pull(app: App, clock: WorldClock) -> None:
    source, rules = app.source(ACCOUNT)
    pull_usage(
        app.ledger, source, rules, MONTH, options=PullOptions(clock=clock, actor="me")
    )


def _a_call_each(world: World, hour: datetime) -> list[dict[str, object]]:
    started = hour + timedelta(minutes=5)
    return [
        {
            "id": f"call_{hour:%d%H}_{number}",
            "created_at": started.isoformat(),
            "started_at": started.isoformat(),
            "duration_seconds": 30 + number % 200,
            "metadata": {"customer": customer},
        }
        for number, customer in enumerate(world.customers)
    ]


def _sent_last(app: App) -> list[list[dict[str, object]]]:
    """Return the newest hour's events under other names, a list for each customer."""
    hour = app.clock.now().replace(minute=0, second=0, microsecond=0) - HOUR
    with app.ledger.reading() as connection:
        rows = connection.execute(
            select(meter_event).where(meter_event.c.hour == hour)
        ).all()
    return [
        [
            {
                "event_name": row.meter,
                "identifier": f"{row.identifier}-bare",
                "timestamp": int(row.timestamp.timestamp()),
                "payload": {
                    "stripe_customer_id": row.stripe_customer,
                    "value": str(row.minutes),
                },
            }
        ]
        for row in rows
    ]


def _bare_seconds(
    far: Far, events: list[list[dict[str, object]]], threads: int
) -> float:
    file = far.places.new_folder() / "events.json"
    file.write_text(json.dumps(events))
    script = "tests/benchmarks/baselines/plain_loop.py"
    world = far.world
    command = [sys.executable, script, world.url, world.stripe_key, str(threads), file]
    return script_seconds(command, len(events))
