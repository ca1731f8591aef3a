"""Reconcile: the sides of a month, and a cause for every minute between them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from billing.domain.breaks import CustomerFinding
from billing.domain.breaks_event import SentEvent
from billing.domain.breaks_invoice import ArrivedEvent, InvoicedMonth, with_invoice
from billing.domain.period import BillingPeriod
from billing.errors import MeterFault
from billing.ledger.adopt.shadow import NO_SHADOW, ShadowRule, read_shadow
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Ledger
from billing.ledger.pull import quarantine
from billing.ledger.reconcile import runs
from billing.ledger.reconcile.break_cases import acknowledged_keys
from billing.ledger.reconcile.month_snapshot import (
    NO_DETAIL,
    DetailRequest,
    read_month,
)
from billing.ledger.reconcile.runs import Reconciliation
from billing.ledger.reconcile.synced_totals import MeterCustomer, synced_hours
from billing.pipeline.concurrency import THREADS, Concurrency, Progress, no_progress
from billing.pipeline.pull.identity import Sources
from billing.pipeline.reconcile.comparison import (
    Comparison,
    customer_comparisons,
)
from billing.pipeline.reconcile.fresh_month import FreshMonth
from billing.pipeline.reconcile.meter_side import MeterReading, MeterView, whose
from billing.pipeline.reconcile.shared_customers import SharedCustomers
from billing.pipeline.reconcile.source_readings import SourceReadings
from billing.pipeline.reconcile.source_side import (
    account_findings,
    source_sides,
)
from billing.pipeline.reconcile.views import LedgerView, MeterReadings
from billing.ports import Clock, Meter


@dataclass(frozen=True, slots=True)
class ReconcileOptions:
    """What a reconciliation is handed: the sources with their rules, and who is who."""

    sources: Sources
    stripe_customers: Mapping[str, str]
    clock: Clock
    actor: str
    concurrency: Concurrency = THREADS
    never_negative: bool = False  # minutes less are never sent, they wait
    shadow: ShadowRule = NO_SHADOW


@dataclass(frozen=True, slots=True)
class Depth:
    """How closely a reconciliation looks, whether the totals agree or not."""

    calls: bool = False  # every account's calls, one by one
    hours: bool = False  # the meter's hours of every customer
    invoices: bool = False  # what was invoiced of a month that is over


BY_TOTALS = Depth()
AFTER_PULL = Depth(hours=True, invoices=True)  # which has just read every call
CLOSELY = replace(AFTER_PULL, calls=True)


def reconcile_period(
    ledger: Ledger,
    meter: Meter,
    options: ReconcileOptions,
    period: BillingPeriod,
    *,
    depth: Depth = BY_TOTALS,
    progress: Progress = no_progress,
) -> Reconciliation:
    """Compare Pamela, the ledger and Stripe, and keep what was found.

    What cannot be read of one customer or account is left out and told: no figure is
    better than a wrong one. Raises SourceFault or MeterFault when a whole side cannot.
    """
    now = options.clock.now()
    work = _Reconciling(
        ledger=ledger,
        meter_view=MeterView(
            meter=meter, period=period, concurrency=options.concurrency
        ),
        source_readings=SourceReadings(sources=options.sources, period=period, now=now),
        options=options,
        period=period,
        depth=depth,
        now=now,
    )
    reconciliation = work.run(progress)
    with ledger.writing() as connection:
        actor = Actor(options.actor, options.clock.now())
        runs.save(connection, reconciliation, actor)
        acknowledged = acknowledged_keys(connection, period)
    return replace(reconciliation, acknowledged=acknowledged)


@dataclass(frozen=True, slots=True)
class _Reconciling:
    """One reconciliation at work."""

    ledger: Ledger
    meter_view: MeterView
    source_readings: SourceReadings
    options: ReconcileOptions
    period: BillingPeriod
    depth: Depth
    now: datetime

    def run(self, progress: Progress) -> Reconciliation:
        """Read every side, then compare them."""
        sources = self.source_readings
        sources.read_totals()
        view = self._read_ledger({})
        fresh = self._read_again(view)
        if fresh or sources.unread:
            view = self._read_ledger(fresh)
        accounts = account_findings(
            self.ledger,
            view.sources,
            self.period,
            asked=sources.totals,
            again=fresh.keys(),
            now=self.now,
        )
        invoiced, fault = self._read_invoices(view)
        readings = self._read_meter(view, progress)
        finals = {
            name: month.finalized_at
            for name, month in (invoiced or {}).items()
            if month.finalized_at is not None
        }
        # What differs is compared with the ledger as it is after the meter was read;
        # all that is said of a customer comes from one state of the ledger.
        newest = view
        if readings.differing or finals:
            details = DetailRequest({}, readings.hours, finals, self.now)
            newest = self._read_ledger(fresh, details)
        comparisons = self._compare(view, newest, readings)
        found = self._findings(comparisons, invoiced or {}, newest.month.arrived)
        unread = self._unread(view)  # also whose single minutes could not be read
        customers = [each for each in found if each.customer not in unread]
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
            unread=unread,
            invoices_unread=whose(
                self.meter_view.invoices_unread, view.meter_customers
            ),
            accounts_unread=sources.unread,
        )

    def _unread(self, view: LedgerView) -> dict[str, str]:
        return whose(self.meter_view.unread, view.meter_customers)

    def _read_ledger(
        self,
        fresh: Mapping[str, FreshMonth],
        details: DetailRequest = NO_DETAIL,
    ) -> LedgerView:
        """Read the ledger's month, all of it in one consistent state."""
        calls = {
            account: {call for posted in month.charges.values() for call in posted}
            for account, month in fresh.items()
        }
        with self.ledger.reading() as connection:
            month = read_month(connection, self.period, replace(details, calls=calls))
            shadow = read_shadow(connection, self.options.shadow)
        sources = source_sides(month, self.source_readings.totals, fresh)
        customers = customer_comparisons(month, sources, self.options.stripe_customers)
        sent = {n: each for n, each in customers.items() if not shadow.holds(n)}
        return LedgerView(month, sources, sent)

    def _read_again(self, view: LedgerView) -> dict[str, FreshMonth]:
        """Read again, call by call, each account whose total is not that of its calls.

        An equal total says nothing of its customers, so whoever asks for the calls has
        all of them read.
        """
        sources = self.source_readings
        off = {name for name, side in view.sources.items() if side.is_off}
        accounts = off.union(sources.totals) if self.depth.calls else off
        return sources.read_again(
            self.ledger, accounts, view.sources, self.options.concurrency
        )

    def _read_meter(self, view: LedgerView, progress: Progress) -> MeterReadings:
        """Read the meter's totals, and its hours where those differ.

        Who has somebody else's minutes, too, may have the right total by chance.
        """
        meter_customers, above = view.meter_customers, view.month.above
        shared = SharedCustomers.of(view.customers, self.options.stripe_customers)
        totals: dict[MeterCustomer, int | None] = {}
        if not self.depth.hours:
            totals |= self.meter_view.totals(meter_customers, progress)
            totals |= shared.own_totals(totals)
        unread = self._unread(view)
        differing = frozenset(
            name
            for name, customer in view.customers.items()
            if name not in unread
            and (self.depth.hours or name in above or customer.differs_from(totals))
        )
        hours = self.meter_view.hours(
            [each for each in meter_customers if each.customer in differing]
        )
        if shared.customers:
            with self.ledger.reading() as connection:
                synced = synced_hours(connection, self.period, shared.customers)
            hours |= shared.own_hours(hours, synced)
        totals |= {each: _total(shown) for each, shown in hours.items()}
        return MeterReadings(
            differing, totals, {each: shown or {} for each, shown in hours.items()}
        )

    def _compare(
        self, first: LedgerView, newest: LedgerView, readings: MeterReadings
    ) -> list[Comparison]:
        """Put each customer's sides together, of the view of the ledger that holds."""
        comparisons, unread = [], self._unread(first)
        for name, customer in first.customers.items():
            if name in unread:
                continue
            view = newest if name in readings.differing else first
            shown = MeterReading.of(customer.synced, readings.totals, readings.hours)
            comparisons.append(
                Comparison(view.customers[name], view.month, shown, self.now)
            )
        return comparisons

    def _findings(
        self,
        comparisons: Sequence[Comparison],
        invoiced: Mapping[str, InvoicedMonth],
        arrived: Mapping[str, Sequence[ArrivedEvent]],
    ) -> list[CustomerFinding]:
        """Say what each comparison shows, down to events where those would name it."""
        questions = {each.customer.name: each.asks_for() for each in comparisons}
        events = self.meter_view.own_minutes(
            {name: asked for name, asked in questions.items() if asked}
        )
        findings = []
        for comparison in comparisons:
            name = comparison.customer.name
            finding = self._finding(comparison, events)
            if name in invoiced:
                late = arrived.get(name, ())
                finding = with_invoice(finding, invoiced[name], late)
            findings.append(finding)
        return findings

    def _finding(
        self, comparison: Comparison, events: Mapping[str, SentEvent]
    ) -> CustomerFinding:
        return comparison.finding(
            ", ".join(comparison.customer.stripe_customers),
            events,
            never_negative=self.options.never_negative,
        )

    def _read_invoices(
        self, view: LedgerView
    ) -> tuple[dict[str, InvoicedMonth] | None, str | None]:
        """Read, by customer, what was invoiced; None, and perhaps why, if it was not.

        A key that may not see invoices can still prove the meter.
        """
        if not self.depth.invoices or self.now < self.period.end:
            return None, None
        by_customer: dict[str, list[InvoicedMonth]] = defaultdict(list)
        try:
            months = self.meter_view.invoices(view.meter_customers)
        except MeterFault as fault:
            return None, str(fault)
        shared = SharedCustomers.of(view.customers, self.options.stripe_customers)
        for meter_customer, month in shared.own_invoices(months).items():
            if month is not None:
                by_customer[meter_customer.customer].append(month)
        return {n: InvoicedMonth.of(months) for n, months in by_customer.items()}, None


def _total(hours: Mapping[datetime, int] | None) -> int | None:
    return None if hours is None else sum(hours.values())
