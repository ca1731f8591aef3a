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
    LONGEST_CALL_SECONDS,
    READ_AGAIN,
    NotBillable,
    QuarantineReason,
)
from billing.domain.period import BillingPeriod, Window
from billing.domain.posting import Charge
from billing.ledger.database import Ledger
from billing.ledger.pull.call_identity import HeldCall, held_calls
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
    underway: list[UnbilledCall] = field(default_factory=list)
    outside: dict[str, datetime] = field(default_factory=dict)  # started then
    started: dict[str, datetime] = field(default_factory=dict)
    shared: dict[str, int] = field(default_factory=dict)
    reused: dict[str, str] = field(default_factory=dict)  # why the id is another call's

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
        if reading.period != period:
            return
        if isinstance(reading, SetAside):
            evidence = quarantine_evidence(reading.reason, reading.detail)
            minutes = reading.minutes
            self.quarantined.append(UnbilledCall(reading.call_id, minutes, evidence))
        elif reading.not_billable is NotBillable.UNDERWAY:
            call, talking = reading.call, timedelta()
            if call.started_at is not None:
                talking = max(now - call.started_at, talking)
            is_alive = talking < timedelta(seconds=LONGEST_CALL_SECONDS)
            most = -(-talking // MINUTE) if is_alive else 0
            evidence = f"it is {call.status}"
            self.underway.append(
                UnbilledCall(call.call_id, call.source_minutes, evidence, most)
            )

    def hold(self, held: HeldCall, period: BillingPeriod) -> None:
        """Take in a call that is not what its id says."""
        reason, detail = held.hold.reason, held.hold.detail
        call_id, minutes = held.rated.call.call_id, held.item.minutes
        if reason is QuarantineReason.ID_REUSED:
            self.reused[call_id] = detail
        if minutes is None or held.rated.period != period:
            return
        if reason is QuarantineReason.ID_REUSED:
            evidence = quarantine_evidence(reason, detail)
            self.quarantined.append(UnbilledCall(call_id, minutes, evidence))
        else:
            self.shared[call_id] = minutes

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
        return sum(charge.minutes for charge in charges) + gaps


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
    fresh = FreshMonth()
    window = Window(period.start - READ_AGAIN, min(period.end + READ_AGAIN, now))
    with concurrency.pool(READERS, "compare") as pool:
        days = pool.map(
            lambda day: read_day(source, rules, day, period, now), window.days()
        )
        latest = PulledDay.joined(days)
    unmet = sorted({*known} - latest.keys())[:MOST_ASKED]
    answers = [call for call in map(source.get_call, unmet) if call is not None]
    latest |= PulledDay.joined([rate_calls(rules, answers, period, now)])
    rated_calls = [each for each in latest.values() if isinstance(each, RatedCall)]
    with ledger.reading() as connection:
        held = held_calls(connection, rated_calls)
    for each in held:
        fresh.hold(each, period)
        del latest[each.rated.call.call_id]
    for reading in latest.values():
        if isinstance(reading, RatedCall):
            fresh.add(reading, period)
        fresh.add_unbilled(reading, period, now)
    # The month may move while it is read: either total may be the matching one.
    after = source.read_totals(period).billed_minutes
    moved = fresh.calls_minutes == usage_minutes
    fresh.usage_minutes = usage_minutes if moved else after
    return fresh
