"""The source's side: what Pamela says of a month, by customer, down to the calls."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from billing.domain.break_causes import Cause
from billing.domain.breaks import Break
from billing.domain.breaks_source import (
    OtherPlace,
    UnbilledCall,
    explain_shortfall,
    find_edge_calls,
    find_source_breaks,
    moved_to,
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
from billing.ledger.pull import pulls
from billing.ledger.pull.call_identity import HeldCall, held_calls
from billing.ledger.pull.calls import RatedCall
from billing.ledger.pull.quarantine import SetAside
from billing.ledger.reconcile.ledger_totals import SourceGap
from billing.ledger.reconcile.month_snapshot import AccountCalls, MonthSnapshot
from billing.ledger.reconcile.runs import AccountFinding
from billing.pipeline.concurrency import READERS, Concurrency
from billing.pipeline.pull.account_rules import AccountRules
from billing.pipeline.pull.day import PulledDay, rate_calls, read_day
from billing.pipeline.pull.pull import MOST_ASKED
from billing.ports import UsageSource

MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class SourceSide:
    """One account's month: minutes by customer, and how the ledger differs."""

    usage_minutes: int | None = None
    minutes: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    breaks: dict[str, list[Break]] = field(default_factory=lambda: defaultdict(list))
    edge_calls: tuple[str, ...] = ()
    explained: tuple[Break, ...] = ()

    @property
    def calls_minutes(self) -> int:
        """The minutes of all calls, as the source states them."""
        return sum(self.minutes.values())

    @property
    def is_off(self) -> bool:
        """Whether its calls do not add up to the source's own total."""
        return self.usage_minutes not in {None, self.calls_minutes}

    def add_gap(self, gap: SourceGap) -> None:
        """Count a call whose minutes at the source are not by the rule."""
        self.minutes[gap.customer] += gap.minutes
        self.breaks[gap.customer].append(
            Break(
                cause=Cause.SOURCE_MINUTES_DIFFER,
                minutes=-gap.minutes,
                amount_micro=0,
                calls=(gap.call_id,),
            )
        )


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


def source_sides(
    month: MonthSnapshot,
    totals: Mapping[str, int | None],
    fresh: Mapping[str, FreshMonth],
) -> dict[str, SourceSide]:
    """Return each account's side: as the last pull left it, or as it was read again."""
    sides: defaultdict[str, SourceSide] = defaultdict(SourceSide)
    for account, total in totals.items():
        sides[account].usage_minutes = total
    for account, customer, minutes in _pulled(month):
        sides[account].minutes[customer] += minutes
    for gap in month.gaps:
        sides[gap.account].add_gap(gap)
    for account, again in fresh.items():
        sides[account] = _compare(month.calls[account], again, month.period)
    return dict(sides)


def account_findings(
    ledger: Ledger,
    sides: Mapping[str, SourceSide],
    period: BillingPeriod,
    *,
    asked: Collection[str],
) -> tuple[AccountFinding, ...]:
    """Say what each account's side comes to; `asked` are those that were read."""
    findings = []
    for name, side in sides.items():
        with ledger.reading() as connection:
            last = pulls.state_of(connection, name, period)
            looked_back_to = pulls.looked_back_to(connection, name, period)
        finding = AccountFinding(
            account=name,
            usage_minutes=side.usage_minutes,
            calls_minutes=side.calls_minutes,
            complete=name in asked and last is not None and last.state == "complete",
            edge_calls=side.edge_calls,
            explained=side.explained,
            looked_back_to=looked_back_to,
        )
        findings.append(finding)
    return tuple(findings)


def _pulled(month: MonthSnapshot) -> Iterator[tuple[str, str, int]]:
    """Give the minutes of the calls of the month, wherever they are billed."""
    for total in month.totals:
        yield total.account, total.customer, total.minutes
    for row in month.carried:
        minutes = row.carried.signed_in(month.period)
        yield row.account, row.customer, minutes


def _compare(
    ours: AccountCalls, fresh: FreshMonth, period: BillingPeriod
) -> SourceSide:
    source_side = SourceSide(usage_minutes=fresh.usage_minutes)
    for gap in fresh.gaps:
        source_side.add_gap(gap)
    other_places = _other_places(ours, fresh, period)
    for customer in sorted({*ours.posted, *fresh.charges}):
        posted, theirs = ours.posted.get(customer, {}), fresh.charges.get(customer, {})
        source_side.minutes[customer] += sum(
            charge.minutes for charge in theirs.values()
        )
        source_side.breaks[customer] += find_source_breaks(posted, theirs, other_places)
    if source_side.is_off and source_side.usage_minutes is not None:
        shared = fresh.shared_break
        source_side.explained = (shared,) if shared.minutes else ()
        off = source_side.calls_minutes - source_side.usage_minutes - shared.minutes
        explained = explain_shortfall(-off, fresh.quarantined, fresh.underway)
        off -= sum(item.minutes for item in explained)
        source_side.explained += tuple(explained)
        source_side.edge_calls = find_edge_calls(off, ours.at_edges, period)
    return source_side


def _other_places(
    ours: AccountCalls, fresh: FreshMonth, period: BillingPeriod
) -> dict[str, OtherPlace]:
    """Find the calls that the two sides have in different months or customers."""
    billed_to, belongs_to = _owners(ours.posted), _owners(fresh.charges)
    places = {
        call_id: OtherPlace(
            Cause.CHANGED_CALL,
            f"of {belongs_to[call_id]}, and billed to {billed_to[call_id]} till now",
        )
        for call_id in billed_to.keys() & belongs_to.keys()
        if billed_to[call_id] != belongs_to[call_id]
    }
    for call_id in fresh.reused.keys() & billed_to.keys():
        reason = fresh.reused[call_id]
        places[call_id] = OtherPlace(Cause.MISSING_AT_SOURCE, reason)
    for call_id in fresh.outside.keys() & billed_to.keys():
        places[call_id] = moved_to(fresh.outside[call_id], period)
    for call_id in ours.months.keys() & belongs_to.keys():
        places[call_id] = moved_to(fresh.started[call_id], period)
    return places


def _owners(calls: Mapping[str, Mapping[str, Charge]]) -> dict[str, str]:
    return {
        call_id: customer
        for customer, charges in calls.items()
        for call_id, charge in charges.items()
        if charge.minutes
    }
