"""The sync of one customer, under its lock: settle, cancel, stage, send."""

from collections import Counter
from collections.abc import Collection, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime

from billing.domain.cancellation import keeps_above_zero
from billing.domain.meter_contact import ContactFindings, MeterMonth
from billing.domain.meter_event import EventState, FailReason, may_resend
from billing.domain.period import BillingPeriod
from billing.domain.staging import MeterDestination
from billing.errors import WHOLE_METER, MeterFault, MeterRefused
from billing.ledger.database import Hold, Ledger
from billing.ledger.locking.locks import try_lock
from billing.ledger.sync import outbox, settlement, staging
from billing.ledger.sync.contact_context import ContactContext
from billing.ledger.sync.outbox import OpenEvent
from billing.pipeline.concurrency import ProgressCounter
from billing.pipeline.existence import Existence
from billing.pipeline.sync.cancel import cancel_what_is_too_much
from billing.pipeline.sync.context import (
    CustomerNames,
    Negative,
    Policy,
    PreparedCustomer,
    SyncContext,
)
from billing.pipeline.sync.counted_after_all import kept_at_their_address
from billing.pipeline.sync.error_reports import reject_what_is_reported
from billing.pipeline.sync.first_contact import admit_events
from billing.pipeline.sync.send import Outcome, PendingWrites, Sender
from billing.pipeline.sync.sending_stops import SendingStops, StoppableHold
from billing.pipeline.sync.settle import NOTHING_SETTLED, Settled, settle_uncertain


@dataclass(slots=True)
class CustomerReport:
    """What one sync did for one customer."""

    name: str
    staged: int = 0
    settled: Settled = NOTHING_SETTLED
    rejected: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    locked_by_another: bool = False
    no_such_customer: bool = False
    full_hours: tuple[datetime, ...] = ()
    held: str | None = None
    contact: ContactFindings = field(default_factory=ContactFindings)


@dataclass(frozen=True, slots=True)
class CustomerSync:
    """One customer's part of a sync."""

    ledger: Ledger
    sender: Sender
    policy: Policy
    sent: ProgressCounter
    stops: SendingStops
    to: MeterDestination | None  # None: the customer is not in the settings
    customer: str
    names: CustomerNames
    contacts: ContactContext
    existence: Existence
    is_reported: bool  # an error report, or an hour found short, may be about it
    at_once: bool
    settle_only: bool = False

    def send_prepared(self, prepared: PreparedCustomer) -> CustomerReport:
        """Send what was staged for it under a lock that is held, and free that."""
        report = CustomerReport(name=self.customer, staged=prepared.staged)
        with self.sender.breaker.stopped_by_faults(), prepared.lock:
            due = self._due(prepared.events, report)
            if due and self.to is not None:
                context = self._context(self.to, prepared.hold)
                try:
                    self._send_if_known(context, due, report, prepared.clear)
                except MeterFault as fault:
                    self._end_early(fault, report)
        return report

    def run(self) -> CustomerReport:
        """Do what is due, unless another process holds the customer."""
        report = CustomerReport(name=self.customer)
        # Stripe takes one request at a time of a customer, whatever it was called.
        names = dict.fromkeys([self.customer, self.names.present(self.customer)])
        with self.sender.breaker.stopped_by_faults(), ExitStack() as locks:
            holds = [
                locks.enter_context(try_lock(self.ledger, f"customer:{name}"))
                for name in names
            ]
            hold = None if None in holds else holds[-1]
            if hold is None:
                report.locked_by_another = True
            elif self.to is None:
                report.held = "it has usage to report, and is not in the settings"
            else:
                try:
                    self._sync(self._context(self.to, hold), report)
                except MeterFault as fault:
                    self._end_early(fault, report)
        return report

    def _context(self, to: MeterDestination, hold: Hold) -> SyncContext:
        return SyncContext(
            ledger=self.ledger,
            sender=self.sender,
            policy=self.policy,
            to=to,
            present_name=self.names.present(self.customer),
            hold=StoppableHold(hold, self.stops, self._all_names),
        )

    @property
    def _all_names(self) -> frozenset[str]:
        return self.names.all_of(self.customer)

    def _end_early(self, fault: MeterFault, report: CustomerReport) -> None:
        """Say why this customer's part is over; what is odd of it ends no other's."""
        if isinstance(fault, WHOLE_METER):
            self.sender.breaker.unserved(self.customer, str(fault))
        report.held = f"its part of the sync ended early: {fault}"

    def _sync(self, context: SyncContext, report: CustomerReport) -> None:
        actor, write = context.actor, self.sender.writer.write
        if self.is_reported:
            report.rejected = reject_what_is_reported(context)
        with self.ledger.reading() as connection:
            events = outbox.unsynced_events(connection, self.customer)
            # Where nothing is open, nothing is released below: these rows are all.
            may_take_back = bool(events) or staging.takes_minutes_back(
                connection, self.customer
            )
        if any(e.event.stripe_customer != context.to.stripe_customer for e in events):
            kept = kept_at_their_address(context, events)
            write(
                lambda ledger: staging.release_misaddressed(
                    ledger, context.to, actor, kept
                )
            )
            events = self._unsynced()
        events = self._requeue(context, events)
        report.settled = settle_uncertain(context, events)
        if self.settle_only or self.stops.holds(self._all_names):
            return
        waiting = cancel_what_is_too_much(context, events) if may_take_back else ()
        due = self._due(self._stage(context, waiting, report), report)
        if due:
            self._send_if_known(context, due, report)

    def _stage(
        self,
        context: SyncContext,
        waiting: Collection[datetime],
        report: CustomerReport,
    ) -> list[OpenEvent]:
        """Stage what is due; return all that is open then."""
        to, actor = context.to, context.actor
        # In this order: what is staged is open then.
        plan, events = self.sender.writer.write(
            lambda ledger: (
                staging.stage(ledger, to, actor, at_once=self.at_once, waiting=waiting),
                outbox.unsynced_events(ledger, self.customer),
            )
        )
        report.staged, report.full_hours = len(plan.events), plan.full_hours
        return events

    def _requeue(
        self, context: SyncContext, events: list[OpenEvent]
    ) -> list[OpenEvent]:
        """Requeue unanswered events, while that is safe; return all that are open."""
        now = self.sender.time.now()
        unanswered = [e for e in events if e.reason is FailReason.UNANSWERED]
        sendable = [*unanswered, *(e for e in events if e.state is EventState.PENDING)]
        too_old = [e for e in sendable if not may_resend(e.first_unknown_at, now)]
        again = [e for e in unanswered if e not in too_old]
        if not (again or too_old):
            return events
        actor = context.actor
        self.sender.writer.write(
            lambda ledger: outbox.requeue(
                ledger, actor, self.customer, again=again, too_old=too_old
            )
        )
        return self._unsynced()

    def _unsynced(self) -> list[OpenEvent]:
        with self.ledger.reading() as connection:
            return outbox.unsynced_events(connection, self.customer)

    def _due(
        self, events: Iterable[OpenEvent], report: CustomerReport
    ) -> list[OpenEvent]:
        """Return what is to be sent: what adds minutes first, then what takes some."""
        pending = [event for event in events if event.state is EventState.PENDING]
        livemode = self.to is not None and self.to.livemode
        ours = [e for e in pending if e.event.livemode == livemode]
        if len(ours) < len(pending):
            report.held = "it has events of the other mode, live or test; they wait"
        return sorted(ours, key=lambda e: e.event.minutes < 0)

    def _send_if_known(
        self,
        context: SyncContext,
        due: list[OpenEvent],
        report: CustomerReport,
        clear: Collection[MeterMonth] = (),
    ) -> None:
        """Send if the customer is there: of others Stripe drops what it takes."""
        breaker = self.sender.breaker
        names = {event.event.stripe_customer for event in due}
        try:
            known = all(
                breaker.may_send()
                and self.existence.is_there(name, doubted=self.is_reported)
                for name in names
            )
        except MeterFault:
            report.outcomes[Outcome.WAITING] += len(due)
            raise
        if breaker.stopped:
            report.outcomes[Outcome.WAITING] += len(due)
        elif not known:
            report.no_such_customer = True
            report.outcomes[Outcome.WAITING] += len(due)
        else:
            own = self._all_names
            stops = [stop for stop in self.contacts.stops if stop.customer in own]
            report.contact.stops += stops
            self._send(context, due, report, clear)

    def _send(
        self,
        context: SyncContext,
        due: list[OpenEvent],
        report: CustomerReport,
        clear: Collection[MeterMonth],
    ) -> None:
        pending = PendingWrites(context.hold)
        try:
            try:
                admitted = admit_events(
                    context, self.contacts, due, report.contact, pending, clear=clear
                )
            except MeterFault:
                report.outcomes[Outcome.WAITING] += len(due)
                raise
            report.outcomes.update([Outcome.WAITING] * (len(due) - len(admitted)))
            self.sent.expect(len(admitted))
            self._send_in_turn(context, admitted, pending, report)
        finally:
            pending.settle()

    def _send_in_turn(
        self,
        context: SyncContext,
        due: list[OpenEvent],
        pending: PendingWrites,
        report: CustomerReport,
    ) -> None:
        for position, event in enumerate(due):
            if self._takes_too_much(context, event, pending):
                outcome = Outcome.HELD
            else:
                try:
                    outcome = self.sender.send(event, pending)
                except MeterRefused:
                    unsent = len(due) - position
                    report.outcomes.update([Outcome.WAITING] * unsent)
                    raise
            self.sent.step()
            report.outcomes[outcome] += 1
            if outcome is Outcome.UNANSWERED or self.sender.breaker.stopped:
                unsent = len(due) - position - 1
                report.outcomes.update([Outcome.WAITING] * unsent)
                return

    def _takes_too_much(
        self, context: SyncContext, open_event: OpenEvent, pending: PendingWrites
    ) -> bool:
        """Say whether an event has to wait: Stripe loses a total below zero."""
        event = open_event.event
        if event.minutes >= 0 or open_event.first_unknown_at is not None:
            return False
        if context.policy.negative is Negative.HOLD:
            return True
        period = BillingPeriod.of(event.hour)
        pending.settle()
        with self.ledger.reading() as connection:
            counted = settlement.counted_minutes(
                connection, period, event.stripe_customer
            )
        return not keeps_above_zero(event.minutes, counted)
