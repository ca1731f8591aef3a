"""The service under measure: the product, put together for a world as `app` does it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from billing.app import App, composed
from billing.domain.period import BillingPeriod
from billing.domain.request_rates import LIVE
from billing.gateways.clocks import StoppableClock
from billing.installation.first_settings import A_SANDBOX
from billing.ledger.audit.audit_log import AuditSession
from billing.offline import state_sole, upgrade_ledger
from billing.settings import read_settings
from tests.benchmarks.world.world import World, WorldClock

ACCOUNT = "bulk"
SQLITE_FILE = "sqlite:///billing.db"
# Neither the sandbox nor we hold requests back: the work is measured, not the pace.
UNPACED = ("events_per_second = 100000", "reads_per_second = 100000")
# The pace of live mode, which the sandbox's test key would not have by itself.
LIVE_PACE = (f"events_per_second = {LIVE.events}",)


@contextmanager
def service(
    world: World, folder: Path, database: str, first_period: BillingPeriod
) -> Iterator[tuple[App, WorldClock]]:
    """Put the service together for a world, on an empty ledger."""
    file = write_settings(world, folder, database, first_period)
    upgrade_ledger(file)
    state_sole(file, "benchmark", A_SANDBOX)
    with opened(world, file) as both:
        yield both


@contextmanager
def opened(world: World, file: Path) -> Iterator[tuple[App, WorldClock]]:
    """Put the service together on the ledger that is there."""
    folder = file.parent
    with composed(read_settings(file), folder, actor="benchmark") as app:
        clock = WorldClock(world)
        app.ledger.audit_session = AuditSession("benchmark", clock.now)
        yield replace(app, clock=StoppableClock(clock, app.clock.stop)), clock


def write_settings(
    world: World,
    folder: Path,
    database: str,
    first_period: BillingPeriod,
    *,
    pace: Sequence[str] = UNPACED,
) -> Path:
    """Write the settings of the service for a world; returns the file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pamela.key").write_text(world.api_key)
    (folder / "stripe.key").write_text(world.stripe_key)
    lines = [
        "[ledger]",
        f'url = "{database}"',
        "[stripe]",
        'api_key = "file:stripe.key"',
        f'base_url = "{world.url}"',
        *pace,
        "[billing]",
        f'first_period = "{first_period}"',
        "[sandbox]",
        f'clock_url = "{world.url}/_sandbox/clock"',
        "[[accounts]]",
        f'name = "{ACCOUNT}"',
        'api_key = "file:pamela.key"',
        f'base_url = "{world.url}"',
        'customer_metadata_key = "customer"',
    ]
    for name, stripe_customer in world.customers.items():
        lines += ["[[customers]]", f'name = "{name}"']
        lines += [f'stripe_customer = "{stripe_customer}"']
    file = folder / "billing.toml"
    file.write_text("\n".join(lines))
    return file
