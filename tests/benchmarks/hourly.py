"""An hourly run on a large ledger, against the same on a small one."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import median

from billing.app import App
from billing.domain.period import BillingPeriod
from billing.pipeline.concurrency import no_progress
from billing.pipeline.cycle import run_cycle
from tests.benchmarks.pulling import seconds_of
from tests.benchmarks.results import Result
from tests.benchmarks.world.composition import service
from tests.benchmarks.world.places import DIALECTS, Places
from tests.benchmarks.world.world import Shape, World, WorldClock, running

# Far enough in the month that all calls of the ledger are older than 48 hours.
NOW = datetime(2026, 11, 28, 9, 2, tzinfo=UTC)
MONTH = BillingPeriod.of(NOW)
SMALLER = 100  # times
NEW_CALLS = 1_000
# The first hours after the first pull warm up the databases and are not counted.
WARM_UP, HOURS = 2, 7


def measure(places: Places, calls: int) -> Iterator[Result]:
    """Measure both dialects; the hours of both ledgers take turns."""
    for dialect in DIALECTS:
        with ExitStack() as stack:
            shapes = [_shape(calls // SMALLER), _shape(calls)]
            small, large = (
                stack.enter_context(_ledger(places, dialect, shape)) for shape in shapes
            )
            for hour in range(WARM_UP + HOURS):
                for ledger in (small, large):
                    ledger.next_hour(counts=hour >= WARM_UP)
        yield Result(
            name=f"hourly run, {dialect}, {calls:,} calls against {calls // SMALLER:,}",
            ours=f"{median(large.seconds):.2f} s",
            baseline=f"{median(small.seconds):.2f} s",
            ratio=median(large.seconds) / median(small.seconds),
            at_most=1.3,
        )


def _shape(calls: int) -> Shape:
    return Shape(calls=calls, talk=False, present=True)


@dataclass
class HourlyLedger:
    """A ledger that is run hour by hour, with the world it belongs to."""

    world: World
    app: App
    clock: WorldClock
    seconds: list[float] = field(default_factory=list)

    def run(self) -> None:
        """Run a cycle; nothing may fail."""
        app = self.app
        report = run_cycle(
            app.ledger,
            app.meter,
            app.cycle_options(),
            [MONTH],
            lambda _stage: no_progress,
        )
        if report.errors or report.sync is None or not report.sync.clean:
            raise RuntimeError(f"the cycle failed: {report}")

    def next_hour(self, *, counts: bool) -> None:
        """Let an hour pass, with new calls in it, and run."""
        hour = self.clock.now().replace(minute=0, second=0, microsecond=0)
        self.world.move_to(hour + timedelta(hours=1, minutes=2))
        self.clock.set()
        self.world.add_calls(new_calls(hour, list(self.world.customers)))
        seconds = seconds_of(self.run)
        if counts:
            self.seconds.append(seconds)


@contextmanager
def _ledger(places: Places, dialect: str, shape: Shape) -> Iterator[HourlyLedger]:
    database = places.new_database(dialect)
    with (
        running(shape, NOW) as world,
        service(world, places.new_folder(), database, MONTH) as (app, clock),
    ):
        ledger = HourlyLedger(world, app, clock)
        ledger.run()
        yield ledger


def new_calls(hour: datetime, customers: list[str]) -> list[dict[str, object]]:
    """Return calls of an hour, as the control surface takes them."""
    calls: list[dict[str, object]] = []
    for number in range(NEW_CALLS):
        started = hour + timedelta(seconds=3 * number)
        customer = customers[number % len(customers)]
        calls.append(
            {
                "id": f"call_{hour:%d%H}_{number}",
                "created_at": started.isoformat(),
                "started_at": started.isoformat(),
                "duration_seconds": 30 + number % 200,
                "metadata": {"customer": customer},
            }
        )
    return calls
