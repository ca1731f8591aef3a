"""The source's side: what Pamela says of a month, by customer, down to the calls."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from billing.domain.break_causes import Cause
from billing.domain.breaks import Break
from billing.domain.breaks_source import (
    OtherPlace,
    explain_shortfall,
    find_edge_calls,
    find_source_breaks,
    moved_to,
)
from billing.domain.period import BillingPeriod
from billing.domain.posting import Charge
from billing.ledger.database import Ledger
from billing.ledger.pull import pulls
from billing.ledger.reconcile.account_finding import AccountFinding
from billing.ledger.reconcile.ledger_totals import SourceGap
from billing.ledger.reconcile.month_snapshot import AccountCalls, MonthSnapshot
from billing.pipeline.reconcile.fresh_month import FreshMonth


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
        gaps = [gap for gap in month.gaps if gap.account == account]
        sides[account] = _compare(month.calls[account], again, gaps, month.period)
    return dict(sides)


def account_findings(
    ledger: Ledger,
    sides: Mapping[str, SourceSide],
    period: BillingPeriod,
    *,
    asked: Collection[str],
    again: Collection[str],
    now: datetime,
) -> tuple[AccountFinding, ...]:
    """Say what each account's side comes to.

    Of those that were `asked` for their total now, some were read `again` call by call.
    """
    findings = []
    for name, side in sides.items():
        with ledger.reading() as connection:
            last = pulls.state_of(connection, name, period)
            looked_back_to = pulls.looked_back_to(connection, name, period)
            whole_at = pulls.last_complete(connection, name, period, pulls.MONTH)
        finding = AccountFinding(
            account=name,
            usage_minutes=side.usage_minutes,
            calls_minutes=side.calls_minutes,
            complete=name in asked and last is not None and last.state == "complete",
            edge_calls=side.edge_calls,
            explained=side.explained,
            looked_back_to=looked_back_to,
            calls_read_at=now if name in again else whole_at,
            usage_read_at=None if side.usage_minutes is None else now,
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
    ours: AccountCalls,
    fresh: FreshMonth,
    gaps: Iterable[SourceGap],
    period: BillingPeriod,
) -> SourceSide:
    source_side = SourceSide(usage_minutes=fresh.usage_minutes)
    as_recorded = [gap for gap in gaps if gap.call_id in fresh.recorded]
    for gap in (*fresh.gaps, *as_recorded):
        source_side.add_gap(gap)
    other_places = _other_places(ours, fresh, period)
    for customer in sorted({*ours.posted, *fresh.charges}):
        posted = ours.posted.get(customer, {})
        theirs = {
            name: charge for name, charge in posted.items() if name in fresh.recorded
        }
        theirs |= fresh.charges.get(customer, {})
        source_side.minutes[customer] += sum(
            charge.minutes for charge in theirs.values()
        )
        source_side.breaks[customer] += find_source_breaks(posted, theirs, other_places)
    if source_side.is_off and source_side.usage_minutes is not None:
        shared = fresh.shared_break
        source_side.explained = (shared,) if shared.minutes else ()
        off = source_side.calls_minutes - source_side.usage_minutes - shared.minutes
        explained = explain_shortfall(
            -off, fresh.quarantined, fresh.decided, fresh.underway
        )
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
    for call_id in fresh.aside.keys() & billed_to.keys():
        words = f"billed as it was before; now {fresh.aside[call_id]}"
        places[call_id] = OtherPlace(Cause.QUARANTINED, words)
    for call_id in fresh.decisions.keys() & billed_to.keys():
        places[call_id] = OtherPlace(Cause.DECIDED, fresh.decisions[call_id])
    for call_id in fresh.reused.keys() & billed_to.keys() - fresh.decisions.keys():
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
