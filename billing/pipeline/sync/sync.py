"""Sync: bring the meter level with the ledger, one meter event per customer's hour."""

from collections import Counter
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime

from billing.domain.meter_contact import ContactFindings
from billing.domain.retry_schedule import MOST_TRIES, delay_before_retry
from billing.domain.staging import MeterDestination
from billing.errors import MeterFault, MeterRefused
from billing.ledger import registry
from billing.ledger.adopt.shadow import NO_SHADOW, Shadow, ShadowRule, read_shadow
from billing.ledger.database import Ledger
from billing.ledger.sync import staging
from billing.ledger.sync.contact_context import read_context
from billing.pipeline.concurrency import THREADS, Concurrency, Progress, no_progress
from billing.pipeline.sync.circuit_breaker import CircuitBreaker, never
from billing.pipeline.sync.context import USUAL, CustomerNames, Policy
from billing.pipeline.sync.customer import CustomerReport, CustomerSync, ProgressCounter
from billing.pipeline.sync.error_reports import note_error_reports, settle_reports
from billing.pipeline.sync.monotonic_time import MonotonicClock
from billing.pipeline.sync.preflight import require_usable_meter
from billing.pipeline.sync.send import Outcome, Retries, Sender
from billing.pipeline.sync.sending_stops import SendingStops
from billing.ports import Clock, Meter

SENDERS = 16


@dataclass(slots=True)
class SyncReport:
    """What one sync did."""

    staged: int = 0
    settled: int = 0
    requeued: int = 0  # of these: proved not to count
    rejected: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    locked_by_another: list[str] = field(default_factory=list)
    no_such_customer: list[str] = field(default_factory=list)
    full_hours: list[tuple[str, datetime]] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    in_shadow: list[str] = field(default_factory=list)
    stopped_because: str | None = None
    contact: ContactFindings = field(default_factory=ContactFindings)

    @property
    def clean(self) -> bool:
        """Whether everything that was due is on the meter."""
        bad = set(self.outcomes) - {Outcome.SYNCED, Outcome.WAITING}
        faults = (self.no_such_customer, self.full_hours, self.held)
        waits_for_a_person = any(faults) or self.contact.needs_a_person
        return not (bad or waits_for_a_person or self.rejected or self.stopped_because)

    def add(self, customer: CustomerReport) -> None:
        """Take in what was done for one customer."""
        self.staged += customer.staged
        self.settled += customer.settled.decided
        self.requeued += customer.settled.requeued
        self.rejected += customer.rejected
        self.outcomes.update(customer.outcomes)
        if customer.locked_by_another:
            self.locked_by_another.append(customer.name)
        if customer.no_such_customer:
            self.no_such_customer.append(customer.name)
        if customer.held:
            self.held.append(f"{customer.name}: {customer.held}")
        self.full_hours += [(customer.name, hour) for hour in customer.full_hours]
        self.contact.add(customer.contact)


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """What a sync is handed: the meter's mode, its customers, its clock and policy."""

    livemode: bool
    stripe_customers: Mapping[str, str]
    clock: Clock
    retries: Retries
    actor: str
    at_once: bool = False
    stopping: Callable[[], bool] = never
    concurrency: Concurrency = THREADS
    policy: Policy = USUAL
    settle_only: bool = False
    shadow: ShadowRule = NO_SHADOW

    def destination(
        self, customer: str, names: CustomerNames, meter: Meter
    ) -> MeterDestination | None:
        """Return where a customer's minutes go; None when no settings name it."""
        name = names.stripe_customer(customer)
        if name is None:
            return None
        return MeterDestination(
            customer=customer,
            stripe_customer=name,
            meter=meter.event_name,
            livemode=self.livemode,
            other_names=names.all_of(customer) - {customer},
        )


def sync_meter(
    ledger: Ledger,
    meter: Meter,
    options: SyncOptions,
    *,
    progress: Progress = no_progress,
) -> SyncReport:
    """Settle what is uncertain, stage what is due, and send it.

    Raises MeterUnfit, MeterFault or LedgerFault. Customers are worked on side by side,
    each one's events one after another, since Stripe takes one request at a time for a
    customer.
    """
    report, time = SyncReport(), MonotonicClock(options.clock)
    with ledger.reading() as connection:
        shadow = read_shadow(connection, options.shadow)
    report.in_shadow += shadow.among(options.stripe_customers)
    waiting, reported = _customers_with_work(
        ledger, meter, options, shadow, time, report=report
    )
    breaker = CircuitBreaker(options.stopping)
    stops = SendingStops(ledger, time)
    with (
        options.concurrency.writer(ledger) as writer,
        options.concurrency.pool(SENDERS, "sync") as pool,
    ):
        sender = Sender(
            meter=meter,
            writer=writer,
            breaker=breaker,
            retries=options.retries,
            time=time,
            owner=options.actor,
        )
        syncs = _customer_syncs(
            ledger,
            sender,
            options,
            waiting | reported,
            reported=reported,
            sent=ProgressCounter(progress),
            stops=stops,
        )
        for customer in _run_all(syncs, pool, breaker, time):
            report.add(customer)
    settle_reports(ledger, time)
    report.held += [hold.sentence() for hold in stops.in_force()]
    report.stopped_because = breaker.reason
    return report


def _customers_with_work(
    ledger: Ledger,
    meter: Meter,
    options: SyncOptions,
    shadow: Shadow,
    time: MonotonicClock,
    *,
    report: SyncReport,
) -> tuple[set[str], set[str]]:
    """Return whoever has something due, and whoever is reported; raises MeterFault."""
    with ledger.reading() as connection:
        customers = staging.customers_with_work(connection, options.stripe_customers)
    customers = {name for name in customers if not shadow.holds(name)}
    if customers:
        require_usable_meter(meter, livemode=options.livemode, now=time.now())
    try:
        reported = note_error_reports(ledger, meter, time)
    except MeterRefused:
        raise
    except MeterFault as fault:
        # Nothing that is due waits for it: the hours that lack minutes are found too.
        report.held.append(f"what was refused late could not be read: {fault}")
        reported = set()
    if reported and not customers:
        require_usable_meter(meter, livemode=options.livemode, now=time.now())
    return customers, {name for name in reported if not shadow.holds(name)}


def _customer_syncs(
    ledger: Ledger,
    sender: Sender,
    options: SyncOptions,
    customers: Iterable[str],
    *,
    reported: Collection[str],
    sent: ProgressCounter,
    stops: SendingStops,
) -> list[CustomerSync]:
    with ledger.reading() as connection:
        contacts = read_context(connection, sender.time.now())
        linked = registry.customers_renamed(connection, options.stripe_customers)
    names = CustomerNames(options.stripe_customers, linked)
    return [
        CustomerSync(
            ledger=ledger,
            sender=sender,
            policy=options.policy,
            sent=sent,
            stops=stops,
            to=options.destination(name, names, sender.meter),
            customer=name,
            names=names,
            contacts=contacts,
            is_reported=name in reported,
            at_once=options.at_once,
            settle_only=options.settle_only,
        )
        for name in sorted(customers)
    ]


def _run_all(
    syncs: Sequence[CustomerSync],
    pool: Executor,
    breaker: CircuitBreaker,
    time: MonotonicClock,
) -> Iterator[CustomerReport]:
    """Sync every customer; try again, as retries do, those locked by another process.

    A process that dies in mid-sync frees what it held: nothing waits for the next hour.
    """
    for tries in range(1, MOST_TRIES + 1):
        futures = [pool.submit(sync.run) for sync in syncs]
        reports = [future.result() for future in futures]
        again = tries < MOST_TRIES and not breaker.stopped
        locked = {r.name for r in reports if r.locked_by_another} if again else set()
        yield from (report for report in reports if report.name not in locked)
        syncs = [sync for sync in syncs if sync.customer in locked]
        if not syncs:
            return
        time.sleep(delay_before_retry(tries).total_seconds())
