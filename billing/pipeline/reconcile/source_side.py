"""The source's side: what Pamela says of a month, by customer, down to the calls."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from billing.domain.break_causes import Cause
from billing.domain.breaks import Break
from billing.domain.breaks_source import (
    OtherPlace,
    find_edge_calls,
    find_source_breaks,
    moved_to,
)
from billing.domain.call import READ_AGAIN, QuarantineReason
from billing.domain.period import BillingPeriod, Window
from billing.domain.posting import Charge
from billing.ledger.database import Ledger
from billing.ledger.pull.call_identity import HeldCall, held_calls
from billing.ledger.pull.calls import RatedCall
from billing.ledger.reconcile.ledger_totals import SourceGap
from billing.ledger.reconcile.month_snapshot import AccountCalls, MonthSnapshot
from billing.pipeline.concurrency import READERS, Concurrency
from billing.pipeline.pull.account_rules import AccountRules
from billing.pipeline.pull.day import read_day
from billing.ports import UsageSource


@dataclass(slots=True)
class SourceSide:
    """One account's month: minutes by customer, and how the ledger differs."""

    usage_minutes: int | None = None
    minutes: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    breaks: dict[str, list[Break]] = field(default_factory=lambda: defaultdict(list))
    edge_calls: tuple[str, ...] = ()
    shared: dict[str, int] = field(default_factory=dict)  # billed under another account

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
    outside: dict[str, datetime] = field(default_factory=dict)  # started then
    started: dict[str, datetime] = field(default_factory=dict)
    shared: dict[str, int] = field(default_factory=dict)
    reused: dict[str, str] = field(default_factory=dict)  # why the id is another call's

    def add(self, reading: RatedCall, period: BillingPeriod) -> None:
        """Take in one call, of this month or of one beside it."""
        call = reading.call
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

    def hold(self, held: HeldCall, period: BillingPeriod) -> None:
        """Take in a call that is not what its id says."""
        rated = held.rated
        if held.hold.reason is QuarantineReason.ID_REUSED:
            self.reused[rated.call.call_id] = held.hold.detail
        elif rated.due is not None and rated.period == period:
            _, charge = rated.due
            self.shared[rated.call.call_id] = charge.minutes + rated.minutes_gap

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
    concurrency: Concurrency,
) -> FreshMonth:
    """Read every call of an account's month; raises SourceFault.

    `usage_minutes` is the source's total from before.
    """
    fresh = FreshMonth()
    window = Window(period.start - READ_AGAIN, min(period.end + READ_AGAIN, now))
    with concurrency.pool(READERS, "compare") as pool:
        days = pool.map(
            lambda day: read_day(source, rules, day, period, now), window.days()
        )
        latest = {
            reading.call.call_id: reading for day in days for reading in day.readings
        }
    with ledger.reading() as connection:
        held = held_calls(connection, list(latest.values()))
    for each in held:
        fresh.hold(each, period)
        del latest[each.rated.call.call_id]
    for reading in latest.values():
        fresh.add(reading, period)
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
    source_side = SourceSide(usage_minutes=fresh.usage_minutes, shared=fresh.shared)
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
        shared = sum(fresh.shared.values())
        off = source_side.calls_minutes + shared - source_side.usage_minutes
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
