"""Sync: bring the meter level with the ledger, one meter event per customer's hour."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime

from billing.domain.retry_schedule import MOST_TRIES, delay_before_retry
from billing.domain.staging import MeterDestination
from billing.ledger.database import Ledger
from billing.ledger.sync import staging
from billing.pipeline.concurrency import THREADS, Concurrency, Progress, no_progress
from billing.pipeline.sync.circuit_breaker import CircuitBreaker, never
from billing.pipeline.sync.context import USUAL, Policy
from billing.pipeline.sync.customer import CustomerReport, CustomerSync, ProgressCounter
from billing.pipeline.sync.error_reports import note_error_reports, settle_reports
from billing.pipeline.sync.monotonic_time import MonotonicClock
from billing.pipeline.sync.preflight import require_usable_meter
from billing.pipeline.sync.send import Outcome, Retries, Sender
from billing.ports import Clock, Meter

SENDERS = 16


@dataclass(slots=True)
class SyncReport:
    """What one sync did."""

    staged: int = 0
    settled: int = 0
    rejected: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    elsewhere: list[str] = field(default_factory=list)
    no_such_customer: list[str] = field(default_factory=list)
    full_hours: list[tuple[str, datetime]] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    stopped_because: str | None = None

    @property
    def clean(self) -> bool:
        """Whether everything that was due is on the meter."""
        bad = set(self.outcomes) - {Outcome.SYNCED, Outcome.WAITING}
        faults = (self.no_such_customer, self.full_hours, self.held)
        return not (bad or any(faults) or self.rejected or self.stopped_because)

    def add(self, one: CustomerReport) -> None:
        """Take in what was done for one customer."""
        self.staged += one.staged
        self.settled += one.settled
        self.rejected += one.rejected
        self.outcomes.update(one.outcomes)
        if one.elsewhere:
            self.elsewhere.append(one.customer)
        if one.no_such_customer:
            self.no_such_customer.append(one.customer)
        if one.held:
            self.held.append(f"{one.customer}: {one.held}")
        self.full_hours += [(one.customer, hour) for hour in one.full_hours]


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

    def destination(self, customer: str, meter: Meter) -> MeterDestination | None:
        """Return where a customer's minutes go; None when no settings name it."""
        name = self.stripe_customers.get(customer)
        if name is None:
            return None
        return MeterDestination(customer, name, meter.event_name, self.livemode)


def sync_meter(
    ledger: Ledger,
    meter: Meter,
    terms: SyncOptions,
    *,
    progress: Progress = no_progress,
) -> SyncReport:
    """Settle what is in doubt, stage what is due, and send it.

    Raises MeterUnfit, MeterFault or LedgerFault. Customers are worked on side by side,
    each one's events one after another, since Stripe takes one request at a time for a
    customer.
    """
    report, time = SyncReport(), MonotonicClock(terms.clock)
    with ledger.reading() as connection:
        customers = staging.customers_with_work(connection, terms.stripe_customers)
    if customers:
        require_usable_meter(meter, livemode=terms.livemode, now=time.now())
    reported = note_error_reports(ledger, meter, time)
    if reported and not customers:
        require_usable_meter(meter, livemode=terms.livemode, now=time.now())
    customers |= reported
    outage, sent = CircuitBreaker(terms.stopping), ProgressCounter(progress)
    with (
        terms.concurrency.writer(ledger) as writer,
        terms.concurrency.pool(SENDERS, "sync") as pool,
    ):
        sender = Sender(
            meter=meter,
            writer=writer,
            outage=outage,
            retries=terms.retries,
            time=time,
            owner=terms.actor,
        )
        works = [
            CustomerSync(
                ledger=ledger,
                sender=sender,
                policy=terms.policy,
                sent=sent,
                to=terms.destination(name, meter),
                customer=name,
                at_once=terms.at_once,
                settle_only=terms.settle_only,
            )
            for name in sorted(customers)
        ]
        for one in _work_through(works, pool, outage, time):
            report.add(one)
    settle_reports(ledger, time)
    report.stopped_because = outage.reason
    return report


def _work_through(
    works: Sequence[CustomerSync],
    pool: Executor,
    outage: CircuitBreaker,
    time: MonotonicClock,
) -> Iterator[CustomerReport]:
    """Work on every customer; ask again, by the retry law, for those held elsewhere.

    A process that dies in mid-sync frees what it held: nothing waits for the next hour.
    """
    for tries in range(1, MOST_TRIES + 1):
        reports = [future.result() for future in [pool.submit(w.run) for w in works]]
        again = tries < MOST_TRIES and not outage.stopped
        held = {one.customer for one in reports if one.elsewhere} if again else set()
        yield from (one for one in reports if one.customer not in held)
        works = [work for work in works if work.customer in held]
        if not works:
            return
        time.sleep(delay_before_retry(tries).total_seconds())
