"""Reconcile: three books of a month, and a cause for every minute between them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from billing.domain.period import BillingPeriod, Window
from billing.domain.reconciling import (
    Break,
    CustomerFinding,
    MeterBook,
    find_meter_breaks,
    find_unknown_customer_breaks,
    is_settled,
)
from billing.errors import NoSuchCustomer
from billing.ledger import books, findings, pulls, quarantine, registry
from billing.ledger.audit import Actor
from billing.ledger.database import Ledger
from billing.ledger.findings import AccountFinding, Reconciliation
from billing.pipeline.book import AccountBook
from billing.pipeline.crew import THREADS, Crew
from billing.pipeline.pull import READERS, Progress, silent
from billing.pipeline.source_book import SourceBook, pulled_books, read_source_book
from billing.ports import Clock, Meter, UsageSource


@dataclass(frozen=True, slots=True)
class ReconcileTerms:
    """What a reconciliation is handed: the sources with their rules, and who is who."""

    sources: Sequence[tuple[UsageSource, AccountBook]]
    stripe_customers: Mapping[str, str]
    clock: Clock
    actor: str
    crew: Crew = THREADS


def reconcile_period(
    ledger: Ledger,
    meter: Meter,
    terms: ReconcileTerms,
    period: BillingPeriod,
    *,
    progress: Progress = silent,
) -> Reconciliation:
    """Compare Pamela, the ledger and Stripe, and keep what was found.

    Raises SourceFault or MeterFault when a book cannot be read: no figure is better
    than a wrong one.
    """
    work = _Reconciling(ledger, meter, terms, period, terms.clock.now())
    found = work.run(progress)
    with ledger.writing() as connection:
        findings.save(connection, found, Actor(terms.actor, terms.clock.now()))
    return found


@dataclass(frozen=True, slots=True)
class _Reconciling:
    """One reconciliation at work."""

    ledger: Ledger
    meter: Meter
    terms: ReconcileTerms
    period: BillingPeriod
    now: datetime

    def run(self, progress: Progress) -> Reconciliation:
        """Read every book, then put them side by side."""
        source_books = self._read_sources()
        accounts = [self._account(name, book) for name, book in source_books.items()]
        claims: dict[str, _Claim] = defaultdict(_Claim)
        for book in source_books.values():
            for customer, minutes in book.minutes.items():
                claims[customer].minutes += minutes
            for customer, found in book.breaks.items():
                claims[customer].breaks += found
        names = sorted({*self.terms.stripe_customers, *claims})
        customers = []
        with self.terms.crew.pool(READERS, "reconcile") as pool:
            work = [pool.submit(self._compare, name, claims[name]) for name in names]
            for done, future in enumerate(work, start=1):
                customers.append(future.result())
                progress(done, len(work))
        with self.ledger.reading() as connection:
            quarantined = quarantine.count_open(connection, self.period)
        return Reconciliation(
            self.period, self.now, tuple(customers), tuple(accounts), quarantined
        )

    def _read_sources(self) -> dict[str, SourceBook]:
        found = pulled_books(self.ledger, self.period)
        for source, rules in self.terms.sources:
            found[source.account] = read_source_book(
                self.ledger,
                source,
                rules,
                found[source.account],
                period=self.period,
                now=self.now,
                crew=self.terms.crew,
            )
        return found

    def _account(self, name: str, book: SourceBook) -> AccountFinding:
        asked = {source.account for source, _ in self.terms.sources}
        with self.ledger.reading() as connection:
            last = pulls.state_of(connection, name, self.period)
        complete = name in asked and last is not None and last.state == "complete"
        return AccountFinding(name, book.usage_minutes, book.calls_minutes, complete)

    def _compare(self, customer: str, claim: "_Claim") -> CustomerFinding:
        """Compare one customer's books; by the hour only when the totals differ."""
        with self.ledger.reading() as connection:
            account = books.customer_account(connection, self.period, customer)
            earlier = findings.earlier_readings(connection, self.period, customer)
            stripe_customer = self.terms.stripe_customers.get(
                customer
            ) or registry.stripe_customer_of(connection, customer)
        breaks = list(claim.breaks)
        try:
            in_doubt = any(call.attempted for call in account.unsynced)
            expected = None if in_doubt else account.synced_minutes
            counted, hours = self._read_meter(stripe_customer, expected)
        except NoSuchCustomer:
            counted, settled = 0, True
            breaks += find_unknown_customer_breaks(account.synced, account.unsynced)
        else:
            settled = is_settled(
                matches=counted == account.synced_minutes and not in_doubt,
                read=counted,
                earlier_reads=earlier,
                last_sent_at=account.last_sent_at,
                now=self.now,
            )
            meter_book = MeterBook(account.synced, hours, account.unsynced)
            breaks += find_meter_breaks(meter_book, settled=settled)
        return CustomerFinding(
            customer,
            stripe_customer,
            claim.minutes,
            account.minutes,
            counted,
            settled,
            tuple(breaks),
        )

    def _read_meter(
        self, stripe_customer: str, expected: int | None
    ) -> tuple[int, Mapping[datetime, int] | None]:
        """Read a total, and the hours when it is not what is expected."""
        window = Window(self.period.start, self.period.end)
        counted = self.meter.read_total(stripe_customer, window)
        if counted == expected:
            return counted, None
        hours = self.meter.read_hours(stripe_customer, window)
        # The hours are read later and may know more; their sum is the one total.
        return sum(hours.values()), hours


@dataclass(slots=True)
class _Claim:
    """What the source claims of one customer, and where the ledger differs."""

    minutes: int = 0
    breaks: list[Break] = field(default_factory=list)
