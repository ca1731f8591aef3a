"""Reconcile: the books of a month, and a cause for every minute between them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from billing.domain.breaks import CustomerFinding
from billing.domain.breaks_invoice import ArrivedEvent, InvoicedMonth, with_invoice
from billing.domain.breaks_meter import SentEvent
from billing.domain.period import BillingPeriod
from billing.errors import MeterFault
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Ledger
from billing.ledger.pull import pulls, quarantine
from billing.ledger.reconcile import runs
from billing.ledger.reconcile.month_snapshot import (
    NOTHING_CLOSELY,
    DetailRequest,
    MonthSnapshot,
    read_month,
)
from billing.ledger.reconcile.runs import AccountFinding, Reconciliation
from billing.pipeline.concurrency import THREADS, Concurrency, Progress, no_progress
from billing.pipeline.pull.account_rules import AccountRules
from billing.pipeline.reconcile.comparison import (
    Comparison,
    CustomerComparison,
    MeterReading,
    customer_comparisons,
)
from billing.pipeline.reconcile.meter_side import MeterView
from billing.pipeline.reconcile.source_side import (
    FreshMonth,
    SourceSide,
    read_again,
    source_sides,
)
from billing.ports import Clock, Meter, UsageSource


@dataclass(frozen=True, slots=True)
class ReconcileOptions:
    """What a reconciliation is handed: the sources with their rules, and who is who."""

    sources: Sequence[tuple[UsageSource, AccountRules]]
    stripe_customers: Mapping[str, str]
    clock: Clock
    actor: str
    concurrency: Concurrency = THREADS
    never_negative: bool = False  # minutes less are never sent, they wait


@dataclass(frozen=True, slots=True)
class Depth:
    """How closely a reconciliation looks, whether the totals agree or not."""

    hours: bool = False  # the meter's hours of every customer
    invoices: bool = False  # what was invoiced of a month that is over


BY_TOTALS, CLOSELY = Depth(), Depth(hours=True, invoices=True)


def reconcile_period(
    ledger: Ledger,
    meter: Meter,
    terms: ReconcileOptions,
    period: BillingPeriod,
    *,
    depth: Depth = BY_TOTALS,
    progress: Progress = no_progress,
) -> Reconciliation:
    """Compare Pamela, the ledger and Stripe, and keep what was found.

    Raises SourceFault or MeterFault when a book cannot be read: no figure is better
    than a wrong one.
    """
    view = MeterView(meter, period, terms.concurrency)
    work = _Reconciling(
        ledger=ledger,
        view=view,
        terms=terms,
        period=period,
        depth=depth,
        now=terms.clock.now(),
    )
    found = work.run(progress)
    with ledger.writing() as connection:
        runs.save(connection, found, Actor(terms.actor, terms.clock.now()))
    return found


@dataclass(frozen=True, slots=True)
class _Look:
    """The ledger at one moment, with the source's books and every customer's."""

    month: MonthSnapshot
    sources: Mapping[str, SourceSide]
    customers: Mapping[str, CustomerComparison]


@dataclass(frozen=True, slots=True)
class _Reconciling:
    """One reconciliation at work."""

    ledger: Ledger
    view: MeterView
    terms: ReconcileOptions
    period: BillingPeriod
    depth: Depth
    now: datetime

    def run(self, progress: Progress) -> Reconciliation:
        """Read every book, then put them side by side."""
        totals = {
            source.account: source.read_totals(self.period).billed_minutes
            for source, _ in self.terms.sources
        }
        look = self._look(totals, {})
        fresh = self._read_again(look.sources)
        if fresh:
            look = self._look(totals, fresh)
        accounts = tuple(self._account(*item) for item in look.sources.items())
        invoiced, fault = self._read_invoices(look)
        customers = self._customers(totals, fresh, look, invoiced, progress)
        with self.ledger.reading() as connection:
            quarantined = quarantine.count_open(connection, self.period)
        return Reconciliation(
            period=self.period,
            started_at=self.now,
            customers=tuple(customers),
            accounts=accounts,
            quarantined=quarantined,
            invoices_read=invoiced is not None,
            invoices_fault=fault,
        )

    def _look(
        self,
        totals: Mapping[str, int | None],
        fresh: Mapping[str, FreshMonth],
        closely: DetailRequest = NOTHING_CLOSELY,
    ) -> _Look:
        """Look at the ledger's month, all of it in one consistent state."""
        calls = {
            account: {call for held in month.charges.values() for call in held}
            for account, month in fresh.items()
        }
        with self.ledger.reading() as connection:
            month = read_month(connection, self.period, replace(closely, calls=calls))
        sources = source_sides(month, totals, fresh)
        customers = customer_comparisons(month, sources, self.terms.stripe_customers)
        return _Look(month, sources, customers)

    def _read_again(self, books: Mapping[str, SourceSide]) -> dict[str, FreshMonth]:
        """Read again, call by call, each account whose total is not that of its calls.

        When the source's own total equals what was pulled, what was pulled is the book.
        """
        return {
            source.account: read_again(
                source,
                rules,
                self.period,
                self.now,
                usage_minutes=books[source.account].usage_minutes,
                concurrency=self.terms.concurrency,
            )
            for source, rules in self.terms.sources
            if books[source.account].is_off
        }

    def _account(self, name: str, book: SourceSide) -> AccountFinding:
        asked = {source.account for source, _ in self.terms.sources}
        with self.ledger.reading() as connection:
            last = pulls.state_of(connection, name, self.period)
        complete = name in asked and last is not None and last.state == "complete"
        totals = book.usage_minutes, book.calls_minutes
        return AccountFinding(name, *totals, complete, book.edge_calls)

    def _customers(
        self,
        totals: Mapping[str, int | None],
        fresh: Mapping[str, FreshMonth],
        look: _Look,
        invoiced: Mapping[str, InvoicedMonth] | None,
        progress: Progress,
    ) -> list[CustomerFinding]:
        """Compare by totals, and by the hour where those differ."""
        homes = [home for book in look.customers.values() for home in book.synced]
        counted = {} if self.depth.hours else self.view.totals(homes, progress)
        off = {
            name
            for name, book in look.customers.items()
            if self.depth.hours or book.differs_from(counted)
        }
        hours = self.view.hours([home for home in homes if home.customer in off])
        counted |= {home: _total(found) for home, found in hours.items()}
        known = {home: found or {} for home, found in hours.items()}
        finals = {
            name: month.finalized_at
            for name, month in (invoiced or {}).items()
            if month.finalized_at is not None
        }
        # What differs is compared with the ledger as it is after the meter was read;
        # all that is said of a customer comes from one state of the ledger.
        again = look
        if off or finals:
            again = self._look(totals, fresh, DetailRequest({}, known, finals))
        comparisons = [
            Comparison(found.customers[name], found.month, shown, self.now)
            for name, book in look.customers.items()
            for found in [again if name in off else look]
            for shown in [MeterReading.of(book.synced, counted, known)]
        ]
        questions = {one.book.customer: one.asks_for() for one in comparisons}
        read = self.view.own_minutes({name: q for name, q in questions.items() if q})
        return [
            self._finding(one, read, invoiced or {}, again.month.arrived)
            for one in comparisons
        ]

    def _finding(
        self,
        one: Comparison,
        read: Mapping[str, SentEvent],
        invoiced: Mapping[str, InvoicedMonth],
        arrived: Mapping[str, Sequence[ArrivedEvent]],
    ) -> CustomerFinding:
        name = one.book.customer
        known = self.terms.stripe_customers.get(name)
        stripe_customer = known or one.month.stripe_customers[name]
        never = self.terms.never_negative
        found = one.finding(stripe_customer, read, never_negative=never)
        if name not in invoiced:
            return found
        return with_invoice(found, invoiced[name], arrived.get(name, ()))

    def _read_invoices(
        self, look: _Look
    ) -> tuple[dict[str, InvoicedMonth] | None, str | None]:
        """Read, by customer, what was invoiced; None, and perhaps why, if it was not.

        A key that may not see invoices can still prove the meter.
        """
        if not self.depth.invoices or self.now < self.period.end:
            return None, None
        homes = [home for book in look.customers.values() for home in book.synced]
        found: dict[str, list[InvoicedMonth]] = defaultdict(list)
        try:
            read = self.view.invoices(homes)
        except MeterFault as fault:
            return None, str(fault)
        for home, month in read.items():
            if month is not None:
                found[home.customer].append(month)
        return {name: InvoicedMonth.of(months) for name, months in found.items()}, None


def _total(hours: Mapping[datetime, int] | None) -> int | None:
    return None if hours is None else sum(hours.values())
