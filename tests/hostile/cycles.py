"""Whole cycles, with one customer or one account whose answers are bad.

The others' work has to be done: their calls billed, their minutes counted, their
months reconciled; and what was not done has to be told.
"""

import json
import shutil
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from billing.domain.period import BillingPeriod
from billing.domain.rating import PriceList
from billing.gateways.pamela import PamelaUsage, connect_usage
from billing.gateways.patience import USUAL, Patience
from billing.gateways.retries import send_with_retries
from billing.ledger import registry
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Ledger, open_ledger
from billing.ledger.migration import upgrade
from billing.ledger.reconcile.runs import Reconciliation
from billing.ledger.registry import Account, Customer
from billing.ledger.sync.contact_context import state_sole_reporter
from billing.pipeline.concurrency import no_progress
from billing.pipeline.cycle import CycleOptions, run_cycle
from billing.pipeline.cycle_report import CycleReport
from billing.pipeline.pull.account_rules import AccountRules
from billing.pipeline.pull.identity import Sources
from billing.pipeline.reconcile.reconcile import ReconcileOptions
from billing.pipeline.sync.options import SyncOptions
from tests.hostile.behaviours import wire
from tests.hostile.endpoints import ENDPOINTS
from tests.hostile.server import EVIL, key_for
from tests.hostile.trials import LONGEST_SECONDS, Trial, connected_meter
from tests.pipeline.bench import PRICE
from tests.pipeline.virtual_clock import VirtualClock

MARCH = BillingPeriod(2026, 3)
HURRIED = Patience(step=1.0, whole=2.0)
AFTER = MARCH.end.replace(hour=12)  # so that invoices are read too
NAMES = ("acme", EVIL, "globex")
CUSTOMERS = {name: f"cus_{name}" for name in NAMES}
# Where one customer's, or one account's, answers come from in a cycle.
IN_A_CYCLE = (
    "customer",
    "summary of a month",
    "invoices",
    "event",
    "usage",
    "usage of a month",
    "list of calls",
)


def try_cycles(url: str, cases: Iterable[tuple[str, str]]) -> Iterator[Trial]:
    """Run a whole cycle for each endpoint and behaviour."""
    with TemporaryDirectory() as folder:
        template = Path(folder) / "template.db"
        upgrade(f"sqlite:///{template}")
        for place, (endpoint, behaviour) in enumerate(cases):
            file = Path(folder) / f"{place}.db"
            shutil.copy(template, file)
            yield try_cycle(url, f"sqlite:///{file}", endpoint, behaviour)


def try_cycle(url: str, database: str, endpoint: str, behaviour: str) -> Trial:
    """Run one cycle, and judge what came of the others."""
    number = [each.name for each in ENDPOINTS].index(endpoint)
    run = f"cycle{time.monotonic_ns()}"
    # The others must not run out of time, however busy the machine is.
    patience = HURRIED if behaviour in wire.SLOW else USUAL
    begun = time.monotonic()
    with ExitStack() as open_things:
        ledger = open_ledger(database)
        open_things.callback(ledger.close)
        meter = connected_meter(url, key_for(run, number, behaviour), patience)
        open_things.callback(meter.close)
        sources = []
        for name in NAMES:
            key = key_for(run, number, behaviour, name)
            source = connect_usage(
                name, key, url, sleep=lambda _seconds: None, patience=patience
            )
            open_things.callback(source.close)
            sources.append(source)
        try:
            report = _run(ledger, meter, sources)
            outcome = "told" if report.failed else "in order"
            wrong = "; ".join(_faults(ledger, report)) or None
        except Exception:  # noqa: BLE001 # whatever comes is what is looked for
            outcome, wrong = "crash", traceback.format_exc(limit=-3)
    seconds = time.monotonic() - begun
    if seconds > LONGEST_SECONDS:
        wrong = f"it took {seconds:.0f} s"
    return Trial(
        endpoint=f"cycle: {endpoint}",
        behaviour=behaviour,
        outcome=outcome,
        seconds=seconds,
        wrong=wrong,
    )


def _run(ledger: Ledger, meter: Any, sources: list[PamelaUsage]) -> CycleReport:
    clock = VirtualClock(AFTER)
    paired = _register(ledger, sources, clock)
    options = CycleOptions(
        sources=paired,
        sync=SyncOptions(
            livemode=False,
            stripe_customers=CUSTOMERS,
            clock=clock,
            retries=send_with_retries,
            actor="tests",
        ),
        reconcile=ReconcileOptions(
            sources=paired, stripe_customers=CUSTOMERS, clock=clock, actor="tests"
        ),
        clock=clock,
        first_period=MARCH,
        actor="tests",
    )
    return run_cycle(ledger, meter, options, [MARCH], lambda _name: no_progress)


def _register(
    ledger: Ledger, sources: list[PamelaUsage], clock: VirtualClock
) -> Sources:
    accounts = [Account(name, name, None) for name in NAMES]
    with ledger.writing() as connection:
        actor = Actor("tests", clock.now())
        registry.register(
            connection,
            actor,
            customers=[Customer(*each) for each in CUSTOMERS.items()],
            accounts=accounts,
            prices=[PRICE],
        )
        state_sole_reporter(connection, actor, "the meter is new")
        numbers = registry.price_ids(connection)
    return [
        (
            source,
            AccountRules(
                account=account,
                customers=frozenset(NAMES),
                prices=PriceList([PRICE]),
                price_ids=numbers,
                first_period=MARCH,
            ),
        )
        for source, account in zip(sources, accounts, strict=True)
    ]


def _faults(ledger: Ledger, report: CycleReport) -> Iterator[str]:
    """Say what of the others' work was not done."""
    with ledger.reading() as connection:
        query = "SELECT customer, sum(minutes) FROM meter_event "
        query += "WHERE state = 'synced' GROUP BY customer"
        rows = connection.exec_driver_sql(query).all()
        synced = {row[0]: int(row[1]) for row in rows}
    pulled = {each.account for each in report.pulls if each.certificate}
    compared = _agreeing(report.reconciliations)
    for name in NAMES:
        if name == EVIL:
            continue
        if synced.get(name) != 3:
            yield f"{name} has {synced.get(name)} minutes counted"
        if name not in pulled:
            yield f"{name} was not pulled"
        if name not in compared:
            yield f"{name} was not found to agree"
    done = {EVIL} & pulled & compared
    if not (done and synced.get(EVIL) == 3) and not report.failed:
        yield f"nobody was told of {EVIL}: {json.dumps(report.errors)}"


def _agreeing(runs: Iterable[Reconciliation]) -> set[str]:
    return {
        each.customer
        for run in runs
        for each in run.customers
        if each.difference_minutes == 0
    }
