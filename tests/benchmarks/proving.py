"""Proving a month of very many calls: its audit bundle, and the verification of it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from billing.domain.meter_event import SendAnswer, SendVerdict
from billing.domain.staging import MeterDestination
from billing.ledger import registry
from billing.ledger.audit import audit_log
from billing.ledger.database import Ledger, open_ledger
from billing.ledger.migration import upgrade
from billing.ledger.pull import calls
from billing.ledger.registry import Account, Customer
from billing.ledger.sync import staging
from billing.ledger.sync.attempts import (
    Answered,
    Attempt,
    record_answers,
    record_attempts,
)
from billing.ledger.sync.outbox import unsynced_events
from tests.benchmarks.footprint import MEGABYTE, PEAK
from tests.benchmarks.results import Result
from tests.benchmarks.world.places import Places
from tests.ledger.bookkeeping import ACTOR, HOUR, MARCH, PRICE, pull_context, reading
from tests.verifier.signing import TestKey

KEY = TestKey(3)
CUSTOMERS, AT_ONCE = 100, 20_000
HOURS = 31 * 24
BUNDLE_SECONDS, VERIFY_SECONDS, MOST_MEGABYTES = 120, 60, 300
_EXPORT = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from billing.domain.period import BillingPeriod
from billing.ledger.database import open_ledger
from billing.reports.audit.bundle import Export, export_bundle
from tests.benchmarks.proving import KEY
export = Export(BillingPeriod(2026, 3), "me", datetime(2026, 4, 1, tzinfo=UTC), "0", {})
export_bundle(open_ledger(sys.argv[1]), Path(sys.argv[2]), export, KEY)
"""
_VERIFY = "import sys; from billing.verifier.program import main; sys.exit(main())"


def measure(places: Places, rows: int) -> Iterator[Result]:
    """Measure seconds and memory of a bundle, and of its verification."""
    folder = places.new_folder()
    url = f"sqlite:///{folder / 'ledger.db'}"
    fill(url, rows)
    bundle = folder / "bundle.zip"
    yield from _measured("audit bundle", rows, BUNDLE_SECONDS, _EXPORT, url, bundle)
    yield from _measured("verify", rows, VERIFY_SECONDS, _VERIFY, bundle)


def _measured(
    name: str, rows: int, most: float, code: str, *arguments: object
) -> Iterator[Result]:
    line = [sys.executable, "-c", PEAK, sys.executable, "-c", code]
    done = subprocess.run(
        [*line, *map(str, arguments)], check=True, stdout=subprocess.PIPE
    )
    figures = json.loads(done.stdout)
    if figures["code"]:
        raise RuntimeError(f"{name} ended with {figures['code']}")
    seconds, peak = figures["seconds"], figures["bytes"] / MEGABYTE
    title = f"{name}, {rows:,} usage rows"
    size = arguments[-1] if isinstance(arguments[-1], Path) else None
    zipped = f"{size.stat().st_size / MEGABYTE:.0f} MB zipped" if size else ""
    yield Result(
        name=f"{title}: time",
        ours=f"{seconds:.1f} s",
        baseline=zipped,
        ratio=seconds,
        at_most=most,
        unit=" s",
    )
    yield Result(
        name=f"{title}: memory",
        ours=f"{peak:.0f} MB",
        baseline="",
        ratio=peak,
        at_most=MOST_MEGABYTES,
        unit=" MB",
    )


def fill(url: str, rows: int) -> None:
    """Fill a ledger with a month of calls, billed, reported and counted."""
    upgrade(url)
    ledger = open_ledger(url)
    names = [f"customer_{number:03}" for number in range(CUSTOMERS)]
    key = {"key": KEY.fingerprint, "public_key": KEY.public_key.hex()}
    with ledger.writing() as connection:
        audit_log.record(connection, ACTOR, "key.registered", "", key)
        customers = [Customer(name, f"cus_{name}") for name in names]
        accounts = [Account("main", names[0])]
        registry.register(
            connection, ACTOR, customers=customers, accounts=accounts, prices=[PRICE]
        )
    for first in range(0, rows, AT_ONCE):
        several = [
            reading(
                f"call_{number * 2_654_435_761 % 2**32:010}",
                started_at=MARCH.start + number % HOURS * HOUR + timedelta(minutes=5),
                seconds=number % 900,
                customer=names[number * 31 % CUSTOMERS],
            )
            for number in range(first, min(first + AT_ONCE, rows))
        ]
        with ledger.writing() as connection:
            calls.record_readings(connection, pull_context(connection), several)
    for name in names:
        _send(ledger, name)
    ledger.close()


def _send(ledger: Ledger, name: str) -> None:
    to = MeterDestination(
        customer=name, stripe_customer=f"cus_{name}", meter="minutes", livemode=False
    )
    now = ACTOR._replace(at=MARCH.end)
    with ledger.writing() as connection:
        staging.stage(connection, to, now)
    with ledger.reading() as connection:
        events = unsynced_events(connection, name)
    with ledger.writing() as connection:
        attempts = [
            Attempt(
                event=event,
                owner="me",
                idempotency_key=f"key_{event.id}",
                started_at=now.at,
            )
            for event in events
        ]
        record_attempts(connection, attempts)
    with ledger.writing() as connection:
        record_answers(
            connection,
            [
                Answered(
                    event,
                    SendAnswer(SendVerdict.COUNTED, 200, f"req_{event.id}"),
                    now.at,
                )
                for event in events
            ],
        )
