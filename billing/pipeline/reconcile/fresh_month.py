"""A month as the source tells it now, read again for a reconciliation."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from billing.domain.break_causes import Cause
from billing.domain.breaks import Break
from billing.domain.breaks_source import (
    UnbilledCall,
    quarantine_evidence,
)
from billing.domain.call import (
    LONGEST_CALL,
    READ_AGAIN,
    NotBillable,
    QuarantineReason,
)
from billing.domain.period import BillingPeriod, Window
from billing.domain.posting import Charge
from billing.ledger.database import Ledger
from billing.ledger.pull import call_decisions
from billing.ledger.pull.call_identity import (
    HeldCall,
    billed_extracts,
    held_calls,
)
from billing.ledger.pull.calls import RatedCall
from billing.ledger.pull.quarantine import SetAside
from billing.ledger.reconcile.ledger_totals import SourceGap
from billing.pipeline.concurrency import READERS, Concurrency
from billing.pipeline.pull.account_rules import AccountRules
from billing.pipeline.pull.day import PulledDay, rate_calls, read_day
from billing.pipeline.pull.pull import MOST_ASKED
from billing.ports import UsageSource

MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class FreshMonth:
    """An account's month, read again call by call."""

    usage_minutes: int | None = None
    charges: dict[str, dict[str, Charge]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    gaps: list[SourceGap] = field(default_factory=list)
    quarantined: list[UnbilledCall] = field(default_factory=list)
    decided: list[UnbilledCall] = field(default_factory=list)
    underway: list[UnbilledCall] = field(default_factory=list)
    outside: dict[str, datetime] = field(default_factory=dict)  # started then
    started: dict[str, datetime] = field(default_factory=dict)
    shared: dict[str, int] = field(default_factory=dict)
    reused: dict[str, str] = field(default_factory=dict)  # why the id is another call's
    aside: dict[str, str] = field(default_factory=dict)  # why it is not understood
    # Billed just as they are read, whoever the settings name today: their minutes.
    recorded: dict[str, int] = field(default_factory=dict)
    decisions: dict[str, str] = field(default_factory=dict)  # who decided, and why

    def add(self, reading: RatedCall, period: BillingPeriod) -> None:
        """Take in one call, of this month or of one beside it."""
        call = reading.call
        if reading.before_first_period and call.started_at is not None:
            self.outside[call.call_id] = call.started_at
        if reading.due is None:
            return
        slot, charge = reading.due
        if reading.period != period:
            self.outside[call.call_id] = slot.hour
            if call.started_at is not None:
                self.outside[call.call_id] = call.started_at
            return
        self.charges[slot.customer][call.call_id] = charge
        self.started[call.call_id] = call.started_at or slot.hour
        if reading.minutes_gap:
            self.gaps.append(
                SourceGap(
                    account=call.account,
                    customer=slot.customer,
                    call_id=call.call_id,
                    minutes=reading.minutes_gap,
                )
            )

    def add_unbilled(
        self, reading: RatedCall | SetAside, period: BillingPeriod, now: datetime
    ) -> None:
        """Take in a call of this month that is in quarantine, or not over."""
        if isinstance(reading, SetAside):
            if reading.call_id not in self.decisions:
                evidence = quarantine_evidence(reading.reason, reading.detail)
                self.aside[reading.call_id] = evidence
            if reading.period == period:
                self._add_unclear(
                    reading.call_id, reading.minutes, reading.reason, reading.detail
                )
        elif reading.period != period:
            return
        elif reading.not_billable is NotBillable.UNDERWAY:
            call, talking = reading.call, timedelta()
            if call.started_at is not None:
                talking = max(now - call.started_at, talking)
            most = -(-talking // MINUTE) if talking < LONGEST_CALL else 0
            decision = self.decisions.get(call.call_id)
            evidence = decision or f"it is {call.status}"
            unbilled = self.underway if decision is None else self.decided
            unbilled.append(
                UnbilledCall(call.call_id, call.source_minutes, evidence, most)
            )

    def _add_unclear(
        self, call_id: str, minutes: int | None, reason: str, detail: str
    ) -> None:
        """Take in a call that is in quarantine, or was till a person decided."""
        decision = self.decisions.get(call_id)
        evidence = decision or quarantine_evidence(reason, detail)
        unbilled = self.quarantined if decision is None else self.decided
        unbilled.append(UnbilledCall(call_id, minutes, evidence))

    def hold(self, held: HeldCall, period: BillingPeriod) -> None:
        """Take in a call that is not taken for what it says."""
        reason, detail = held.hold.reason, held.hold.detail
        call_id, minutes = held.rated.call.call_id, held.item.minutes
        if reason is QuarantineReason.ID_REUSED:
            self.reused[call_id] = detail
        elif (
            reason is QuarantineReason.TIMES_CONTRADICT
            and call_id not in self.decisions
        ):
            self.aside[call_id] = quarantine_evidence(reason, detail)
        if minutes is None or held.rated.period != period:
            return
        in_two = reason is QuarantineReason.CALL_IN_TWO_ACCOUNTS
        if in_two and call_id not in self.decisions:
            self.shared[call_id] = minutes
        else:
            self._add_unclear(call_id, minutes, reason, detail)

    @property
    def shared_break(self) -> Break:
        """What the source's total has that is billed under another account."""
        return Break(
            cause=Cause.CALL_IN_TWO_ACCOUNTS,
            minutes=-sum(self.shared.values()),
            amount_micro=0,
            calls=tuple(sorted(self.shared)),
        )

    @property
    def calls_minutes(self) -> int:
        """The minutes of all calls, as the source states them."""
        charges = (c for calls in self.charges.values() for c in calls.values())
        gaps = sum(gap.minutes for gap in self.gaps)
        recorded = sum(self.recorded.values())
        return sum(charge.minutes for charge in charges) + gaps + recorded


def read_again(
    ledger: Ledger,
    source: UsageSource,
    rules: AccountRules,
    period: BillingPeriod,
    now: datetime,
    *,
    usage_minutes: int | None,
    known: Collection[str],
    concurrency: Concurrency,
) -> FreshMonth:
    """Read every call of an account's month; raises SourceFault.

    `usage_minutes` is the source's total from before. Calls that the ledger has `known`
    and that no list has are asked for by their names.
    """
    window = Window(period.start - READ_AGAIN, min(period.end + READ_AGAIN, now))
    reading = _Rereading(ledger=ledger, account=source.account, period=period)
    with concurrency.pool(READERS, "compare") as pool:
        days = pool.map(
            lambda day: read_day(source, rules, day, period, now), window.days()
        )
        for day in days:
            reading.take(day)
    unmet = sorted({*known} - reading.names)[:MOST_ASKED]
    answers = [call for call in map(source.get_call, unmet) if call is not None]
    reading.take(rate_calls(rules, answers, period, now))
    fresh = reading.month(now)
    # The month may move while it is read: either total may be the matching one.
    after = source.read_totals(period).billed_minutes
    moved = fresh.calls_minutes == usage_minutes
    fresh.usage_minutes = usage_minutes if moved else after
    return fresh


@dataclass(frozen=True, slots=True)
class _Rereading:
    """An account's calls, each as it was read last: most are just as recorded."""

    ledger: Ledger
    account: str
    period: BillingPeriod
    changed: dict[str, RatedCall | SetAside] = field(default_factory=dict)
    recorded: dict[str, int] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        """The calls that were read."""
        return {*self.changed, *self.recorded}

    def take(self, day: PulledDay) -> None:
        """Take in a day; of what is billed as it is read, only minutes are kept."""
        latest = PulledDay.joined([day])
        with self.ledger.reading() as connection:
            billed = billed_extracts(connection, self.account, list(latest))
        for name, each in latest.items():
            self.changed.pop(name, None)
            self.recorded.pop(name, None)
            is_read_to_bill = isinstance(each, SetAside) or each.due is not None
            extract = each.extract_sha256
            if is_read_to_bill and extract and billed.get(name) == extract:
                self.recorded[name] = self._minutes_of(each)
            else:
                self.changed[name] = each

    def _minutes_of(self, each: RatedCall | SetAside) -> int:
        """Return the minutes that the source counts in this month."""
        if each.period != self.period:
            return 0
        if isinstance(each, SetAside):
            return each.minutes or 0
        return each.due[1].minutes + each.minutes_gap if each.due else 0

    def month(self, now: datetime) -> FreshMonth:
        """Say what the month is, as it was read."""
        rated_calls = [e for e in self.changed.values() if isinstance(e, RatedCall)]
        with self.ledger.reading() as connection:
            held = held_calls(connection, rated_calls)
            decided = call_decisions.decided_calls(connection, self.account)
        decisions = {name: each.sentence for name, each in decided.items()}
        fresh = FreshMonth(recorded=self.recorded, decisions=decisions)
        held_ids = {each.rated.call.call_id for each in held}
        for each in held:
            fresh.hold(each, self.period)
        for name, reading in self.changed.items():
            if name in held_ids:
                continue
            if isinstance(reading, RatedCall):
                fresh.add(reading, self.period)
            fresh.add_unbilled(reading, self.period, now)
        return fresh
