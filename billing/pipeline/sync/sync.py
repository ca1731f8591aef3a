"""Sync: bring the meter level with the ledger, one meter event per customer's hour."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from billing.domain.customer_existence import CustomersSeen
from billing.domain.meter_contact import ContactFindings
from billing.errors import MeterFault, MeterRefused
from billing.ledger import registry
from billing.ledger.adopt.shadow import read_shadow
from billing.ledger.database import Ledger
from billing.ledger.sync import staging
from billing.ledger.sync.contact_context import ContactContext, read_context
from billing.pipeline.circuit_breaker import CircuitBreaker
from billing.pipeline.concurrency import (
    Progress,
    ProgressCounter,
    no_progress,
)
from billing.pipeline.existence import Existence, refresh_customers_seen
from billing.pipeline.monotonic_time import MonotonicClock
from billing.pipeline.senders import Senders
from billing.pipeline.sync.all_customers import AllCustomers
from billing.pipeline.sync.context import CustomerNames
from billing.pipeline.sync.customer import CustomerReport
from billing.pipeline.sync.error_reports import note_error_reports, settle_reports
from billing.pipeline.sync.options import SyncOptions
from billing.pipeline.sync.preflight import require_usable_meter
from billing.pipeline.sync.send import Outcome, Sender
from billing.pipeline.sync.sending_stops import SendingStops
from billing.ports import Meter


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
    senders: int = 0  # at work at most
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
class _Work:
    """Whoever has something due, whoever is reported, and the meter's id."""

    customers: set[str]
    reported: set[str]
    meter_id: str  # none where nothing is due


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
    work = _customers_with_work(ledger, meter, options, time, report)
    breaker = CircuitBreaker(options.stopping)
    stops = SendingStops(ledger, time)
    senders = Senders(options.clock, options.senders)
    names, contacts, seen = _known_of_all(ledger, meter, options, work, time)
    with (
        options.concurrency.writer(ledger) as writer,
        options.concurrency.pool(options.senders.most, "sync") as pool,
    ):
        everybody = AllCustomers(
            ledger=ledger,
            sender=Sender(
                meter=meter,
                writer=writer,
                breaker=breaker,
                retries=options.retries,
                time=time,
                owner=options.actor,
                senders=senders,
            ),
            options=options,
            names=names,
            contacts=contacts,
            existence=Existence(meter, writer, options.clock, seen),
            reported=work.reported,
            sent=ProgressCounter(progress),
            stops=stops,
        )
        for customer in everybody.run(work.customers | work.reported, pool):
            report.add(customer)
    settle_reports(ledger, time)
    report.held += [hold.sentence() for hold in stops.in_force()]
    report.stopped_because, report.senders = breaker.reason, senders.most
    return report


def _known_of_all(
    ledger: Ledger,
    meter: Meter,
    options: SyncOptions,
    work: _Work,
    time: MonotonicClock,
) -> tuple[CustomerNames, ContactContext, CustomersSeen]:
    """Return what is known of all customers, and who of Stripe's are there."""
    with ledger.reading() as connection:
        contacts = read_context(connection, time.now())
        linked = registry.customers_renamed(connection, options.stripe_customers)
    names = CustomerNames(options.stripe_customers, linked)
    if options.settle_only or options.stopping():
        return names, contacts, CustomersSeen(work.meter_id)
    addresses = {names.stripe_customer(name) for name in work.customers}
    seen = refresh_customers_seen(
        ledger,
        meter,
        options.clock,
        sorted(filter(None, addresses)),
        options.stripe_customers,
        meter_id=work.meter_id,
        few=options.few,
    )
    return names, contacts, seen


def _customers_with_work(
    ledger: Ledger,
    meter: Meter,
    options: SyncOptions,
    time: MonotonicClock,
    report: SyncReport,
) -> _Work:
    """Return whoever has something due, and whoever is reported; raises MeterFault."""
    meter_id = ""
    with ledger.reading() as connection:
        shadow = read_shadow(connection, options.shadow)
        report.in_shadow += shadow.among(options.stripe_customers)
        customers = staging.customers_with_work(connection, options.stripe_customers)
    customers = {name for name in customers if not shadow.holds(name)}
    if customers:
        state = require_usable_meter(meter, livemode=options.livemode, now=time.now())
        meter_id = state.meter_id
    try:
        reported = note_error_reports(ledger, meter, time)
    except MeterRefused:
        raise
    except MeterFault as fault:
        # Nothing that is due waits for it: the hours that lack minutes are found too.
        report.held.append(f"what was refused late could not be read: {fault}")
        reported = set()
    if reported and not customers:
        state = require_usable_meter(meter, livemode=options.livemode, now=time.now())
        meter_id = state.meter_id
    reported = {name for name in reported if not shadow.holds(name)}
    return _Work(customers, reported, meter_id)
