"""Sync: bring the meter level with the ledger, one meter event per customer's hour."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from billing.domain.metering import EventState, FailReason, may_resend
from billing.domain.staging import Destination
from billing.errors import MeterFault
from billing.ledger import outbox, staging
from billing.ledger.audit import Actor
from billing.ledger.database import Ledger
from billing.ledger.locks import try_lock
from billing.ledger.outbox import Outgoing
from billing.pipeline.crew import THREADS, Crew
from billing.pipeline.outage import Outage, never
from billing.pipeline.preflight import refuse_unfit
from billing.pipeline.pull import Progress, silent
from billing.pipeline.sending import Outcome, Retries, Sender
from billing.ports import Clock, Meter

SENDERS = 8


@dataclass(slots=True)
class SyncReport:
    """What one sync did."""

    staged: int = 0
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
        return not bad and not any(faults) and not self.stopped_because


@dataclass(frozen=True, slots=True)
class SyncTerms:
    """What a sync is handed: the meter's mode, its customers, its clock and policy."""

    livemode: bool
    stripe_customers: Mapping[str, str]
    clock: Clock
    retries: Retries
    actor: str
    at_once: bool = False
    stopping: Callable[[], bool] = never
    crew: Crew = THREADS


def sync_meter(
    ledger: Ledger, meter: Meter, terms: SyncTerms, *, progress: Progress = silent
) -> SyncReport:
    """Stage what is due and send it; raises MeterUnfit, MeterFault or LedgerFault.

    Customers are worked on side by side, each one's events one after another, since
    Stripe takes one request at a time for a customer.
    """
    report = SyncReport()
    with ledger.reading() as connection:
        customers = sorted(staging.customers_with_work(connection))
    if not customers:
        return report
    refuse_unfit(meter, livemode=terms.livemode)
    outage, sent = Outage(terms.stopping), _Sent(progress)
    with (
        terms.crew.writer(ledger) as writer,
        terms.crew.pool(SENDERS, "sync") as pool,
    ):
        sender = Sender(meter, writer, outage, terms.retries, terms.clock, terms.actor)
        works = [_CustomerSync(ledger, sender, terms, sent, name) for name in customers]
        futures = [pool.submit(work.run) for work in works]
        for future in futures:
            future.result().add_to(report)
    report.stopped_because = outage.reason
    return report


class _Sent:
    """How many events are through, over all threads, and how many there are."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._lock = threading.Lock()
        self._done = self._total = 0

    def expect(self, events: int) -> None:
        with self._lock:
            self._total += events

    def step(self) -> None:
        with self._lock:
            self._done += 1
            self._progress(self._done, self._total)


@dataclass(slots=True)
class _CustomerReport:
    customer: str
    staged: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    elsewhere: bool = False
    no_such_customer: bool = False
    full_hours: tuple[datetime, ...] = ()
    held: str | None = None

    def add_to(self, report: SyncReport) -> None:
        report.staged += self.staged
        report.outcomes.update(self.outcomes)
        if self.elsewhere:
            report.elsewhere.append(self.customer)
        if self.no_such_customer:
            report.no_such_customer.append(self.customer)
        if self.held:
            report.held.append(f"{self.customer}: {self.held}")
        report.full_hours += [(self.customer, hour) for hour in self.full_hours]


@dataclass(frozen=True, slots=True)
class _CustomerSync:
    """The sync of one customer, under its lock."""

    ledger: Ledger
    sender: Sender
    terms: SyncTerms
    sent: "_Sent"
    customer: str

    def run(self) -> _CustomerReport:
        report = _CustomerReport(self.customer)
        lock = try_lock(self.ledger, f"customer:{self.customer}")
        with self.sender.outage.stopped_by_faults(), lock as ours:
            if ours is None:
                report.elsewhere = True
                return report
            self._stage(report)
            due = self._due(report)
            if due:
                self._send_if_known(due, report)
        return report

    def _stage(self, report: _CustomerReport) -> None:
        stripe_customer = self.terms.stripe_customers.get(self.customer)
        if stripe_customer is None:
            report.held = "it has usage to report, and is not in the settings"
            return
        to = Destination(
            self.customer,
            stripe_customer,
            self.sender.meter.event_name,
            self.terms.livemode,
        )
        who = Actor(self.terms.actor, self.terms.clock.now())
        plan = self.sender.writer.write(
            lambda ledger: staging.stage(ledger, to, who, at_once=self.terms.at_once)
        )
        report.staged = len(plan.events)
        report.full_hours = plan.full_hours

    def _due(self, report: _CustomerReport) -> list[Outgoing]:
        """Return what is to be sent, with unanswered events armed again."""
        with self.ledger.reading() as connection:
            events = outbox.unsynced_events(connection, self.customer)
        now = self.terms.clock.now()
        unanswered = [e for e in events if e.reason is FailReason.UNANSWERED]
        again = [e.id for e in unanswered if may_resend(e.first_unknown_at, now)]
        too_old = [e.id for e in unanswered if e.id not in again]
        if unanswered:
            who = Actor(self.terms.actor, now)
            self.sender.writer.write(
                lambda ledger: outbox.take_up(
                    ledger, who, self.customer, again=again, too_old=too_old
                )
            )
            with self.ledger.reading() as connection:
                events = outbox.unsynced_events(connection, self.customer)
        pending = [e for e in events if e.state is EventState.PENDING]
        ours = [e for e in pending if e.event.livemode == self.terms.livemode]
        if len(ours) < len(pending):
            report.held = "it has events of the other mode, live or test; they wait"
        return ours

    def _send_if_known(self, due: list[Outgoing], report: _CustomerReport) -> None:
        """Ask Stripe first: it takes events of unknown customers, and drops them."""
        meter, outage = self.sender.meter, self.sender.outage
        names = {outgoing.event.stripe_customer for outgoing in due}
        try:
            known = all(
                outage.may_send() and meter.has_customer(name) for name in names
            )
        except MeterFault as fault:
            outage.stop(str(fault))
        if outage.stopped:
            report.outcomes[Outcome.WAITING] += len(due)
        elif not known:
            report.no_such_customer = True
            report.outcomes[Outcome.WAITING] += len(due)
        else:
            self._send(due, report)

    def _send(self, due: list[Outgoing], report: _CustomerReport) -> None:
        self.sent.expect(len(due))
        for position, outgoing in enumerate(due):
            outcome = self.sender.send(outgoing)
            self.sent.step()
            report.outcomes[outcome] += 1
            if outcome is Outcome.UNANSWERED or self.sender.outage.stopped:
                left = len(due) - position - 1
                report.outcomes.update([Outcome.WAITING] * left)
                return
