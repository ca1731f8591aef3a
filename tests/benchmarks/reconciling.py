"""Reconciling a month of very many calls: clean, and with planted differences."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from time import perf_counter
from typing import NamedTuple
from urllib.parse import parse_qs

import stripe
from sqlalchemy import Connection, select

from billing.app import App
from billing.domain.break_causes import Cause
from billing.ledger.database import Ledger
from billing.ledger.reconcile.runs import Reconciliation
from billing.ledger.schema.tables import b2b_usage, meter_event
from billing.pipeline.pull.pull import PullOptions, pull_usage
from billing.pipeline.reconcile.reconcile import reconcile_period
from tests.benchmarks.pulling import MONTH, NOW, pull_month
from tests.benchmarks.results import Result
from tests.benchmarks.syncing import sync_all
from tests.benchmarks.world.composition import ACCOUNT, service
from tests.benchmarks.world.places import SQLITE, Places
from tests.benchmarks.world.world import Shape, World, WorldClock, running

CUSTOMERS, HOURS = 1_000, 10
LEDGER_SECONDS = 2
PLANTED, MOST_REQUESTS = 50, 20
HOUR = timedelta(hours=1)
LAST_HOUR = MONTH.end - HOUR
# Until summaries show what was sent, and until what differs is believed.
SHOWN, QUIET, APART = timedelta(minutes=5), timedelta(hours=3), timedelta(minutes=31)


class TimedLedger(Ledger):
    """A ledger that adds up the seconds that are spent between its doors."""

    seconds = 0.0

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read, on the watch."""
        with self._timed(), super().reading() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Write, on the watch."""
        with self._timed(), super().writing() as connection:
            yield connection

    @contextmanager
    def _timed(self) -> Iterator[None]:
        began = perf_counter()
        try:
            yield
        finally:
            self.seconds += perf_counter() - began


class Plant(NamedTuple):
    """A difference that was planted, and how it has to be found."""

    customer: str
    cause: Cause
    minutes: int
    calls: tuple[str, ...]


@dataclass(slots=True)
class Run:
    """One reconciliation, with what it cost."""

    result: Reconciliation
    requests: Counter[str]  # of each Stripe customer
    ledger_seconds: float


@dataclass(slots=True)
class Bench:
    """A service with its month pulled and sent, on a ledger that is timed."""

    world: World
    app: App
    clock: WorldClock
    planted: list[Plant] = field(default_factory=list)

    def wait(self, span: timedelta) -> None:
        """Let time pass in the world."""
        self.world.move_to(self.clock.now() + span)
        self.clock.set()

    def reconcile(self) -> Run:
        """Reconcile, and count what it takes."""
        ledger = TimedLedger(self.app.ledger.engine)
        seen = len(self.world.stripe_log())
        terms = self.app.reconcile_options()
        result = reconcile_period(ledger, self.app.meter, terms, MONTH)
        requests = self.world.stripe_log()[seen:]
        names = (parse_qs(r["query"]).get("customer", [""])[0] for r in requests)
        return Run(result, Counter(names), ledger.seconds)


def measure(places: Places, calls: int) -> Iterator[Result]:
    """Measure a clean month, then one with planted differences."""
    shape = Shape(calls=calls, customers=CUSTOMERS, hours=HOURS, talk=False)
    with running(shape, NOW) as world:
        database = places.new_database(SQLITE)
        with service(world, places.new_folder(), database, MONTH) as (app, clock):
            bench = Bench(world, app, clock)
            pull_month(app, clock, calls)
            sync_all(app)
            bench.wait(SHOWN)
            yield from _clean(bench.reconcile(), calls)
            _plant(bench)
            bench.wait(QUIET)
            bench.reconcile()
            bench.wait(APART)
            yield from _planted(bench.reconcile(), bench)


def _clean(run: Run, calls: int) -> Iterator[Result]:
    if not run.result.clean:
        raise RuntimeError("the month is not clean")
    total = run.requests.total()
    yield Result(
        name=f"reconcile, {calls:,} calls, clean: requests a customer",
        ours=f"{total:,}",
        baseline=f"{CUSTOMERS:,} customers",
        ratio=total / CUSTOMERS,
        at_most=1.01,
        unit="",
    )
    yield Result(
        name=f"reconcile, {calls:,} calls, clean: ledger work",
        ours=f"{run.ledger_seconds:.2f} s",
        baseline="",
        ratio=run.ledger_seconds,
        at_most=LEDGER_SECONDS,
        unit=" s",
    )


def _planted(run: Run, bench: Bench) -> Iterator[Result]:
    breaks = {
        Plant(customer or "", item.cause, item.minutes, item.calls)
        for customer, _, item in run.result.breaks
    }
    right = breaks & set(bench.planted)
    yield Result(
        name=f"reconcile: of {PLANTED} planted differences, found to the call",
        ours=f"{len(right)}",
        baseline=f"{len(breaks)} breaks in all",
        ratio=len(right) - len(breaks - right),
        at_least=PLANTED,
        unit="",
    )
    most = max(
        run.requests[bench.app.stripe_customers[plant.customer]] - 1
        for plant in bench.planted
    )
    yield Result(
        name="reconcile: most requests more for a customer that differs",
        ours=f"{most}",
        baseline=f"{run.ledger_seconds:.2f} s of ledger work",
        ratio=most,
        at_most=MOST_REQUESTS,
        unit="",
    )


def _plant(bench: Bench) -> None:
    """Let events be rejected later, cancelled, and be sent by somebody else."""
    customers = iter(sorted(bench.app.stripe_customers.items()))
    for name, stripe_customer in islice(customers, PLANTED - 2 * PLANTED // 3):
        _reject(bench, name, stripe_customer)
    _send_late_calls(bench)
    api = stripe.StripeClient(
        bench.world.stripe_key, base_addresses={"api": bench.world.url}
    ).v1.billing
    for name, _ in islice(customers, PLANTED // 3):
        identifier, plant = _an_event(bench.app, name)
        cancel: stripe.params.billing.MeterEventAdjustmentCreateParams = {
            "event_name": bench.app.meter.event_name,
            "type": "cancel",
            "cancel": {"identifier": identifier},
        }
        api.meter_event_adjustments.create(cancel)
        bench.planted.append(plant)
    for name, stripe_customer in islice(customers, PLANTED - len(bench.planted)):
        event: stripe.params.billing.MeterEventCreateParams = {
            "event_name": bench.app.meter.event_name,
            "identifier": f"foreign-{name}",
            "timestamp": _first_hour(bench.app, name) + 59 * 60,
            "payload": {"stripe_customer_id": stripe_customer, "value": "7"},
        }
        api.meter_events.create(event)
        bench.planted.append(Plant(name, Cause.FOREIGN_EVENT, 7, ()))


def _reject(bench: Bench, name: str, stripe_customer: str) -> None:
    """Add a late call, whose event will be taken and then not counted."""
    call_id = f"late_{name}"
    started = (LAST_HOUR + timedelta(minutes=5)).isoformat()
    late: dict[str, object] = {
        "id": call_id,
        "created_at": started,
        "started_at": started,
        "duration_seconds": 100,
        "metadata": {"customer": name},
    }
    bench.world.add_calls([late])
    bench.world.reject_next(stripe_customer)
    bench.planted.append(Plant(name, Cause.NOT_COUNTED, -2, (call_id,)))


def _send_late_calls(bench: Bench) -> None:
    app = bench.app
    source, rules = app.source(ACCOUNT)
    terms, since = PullOptions(bench.clock, "benchmark"), LAST_HOUR - HOUR
    pull_usage(app.ledger, source, rules, MONTH, options=terms, since=since)
    sync_all(app)


def _first_hour(app: App, customer: str) -> int:
    """Return an hour in which the customer has an event, in Unix seconds."""
    event = meter_event.c
    query = select(event.hour).where(event.customer == customer).order_by(event.id)
    with app.ledger.reading() as connection:
        first: datetime = connection.execute(query.limit(1)).scalar_one()
    return int(first.timestamp())


def _an_event(app: App, customer: str) -> tuple[str, Plant]:
    """Return the identifier of a customer's first event, and it as a loss."""
    event, usage = meter_event.c, b2b_usage.c
    columns = event.id, event.identifier, event.minutes
    first = select(*columns).where(event.customer == customer).order_by(event.id)
    with app.ledger.reading() as connection:
        number, identifier, minutes = connection.execute(first.limit(1)).one()
        carried = select(usage.call_id).where(usage.meter_event_id == number)
        calls = tuple(connection.scalars(carried.order_by(usage.call_id)))
    return identifier, Plant(customer, Cause.NOT_COUNTED, -minutes, calls)
