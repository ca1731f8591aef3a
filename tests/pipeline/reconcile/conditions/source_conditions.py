"""Conditions of what Pamela's side and the posted calls, or two months, differ by."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from billing.domain.break_causes import Cause
from billing.domain.breaks import Break
from billing.domain.breaks_source import (
    CarriedCall,
    EdgeCall,
    UnbilledCall,
    explain_shortfall,
    find_edge_calls,
    find_month_breaks,
    find_source_breaks,
    moved_to,
)
from billing.domain.period import BillingPeriod
from billing.ledger.reconcile.account_finding import AccountFinding
from billing.ledger.reconcile.ledger_totals import SourceGap
from billing.pipeline.reconcile.fresh_month import FreshMonth
from billing.pipeline.reconcile.source_side import SourceSide
from tests.domain.telling import NOON
from tests.pipeline.reconcile.conditions.condition import (
    NONE,
    Condition,
    charge,
    only,
)

MARCH = BillingPeriod.of(NOON)
MINUTE = timedelta(minutes=1)
DAY_OF_MINUTES = 1_440


def of_one_call(
    ours: int | None, theirs: int | None, started_at: datetime | None = None
) -> list[Break]:
    """Compare one call; one that stands in another month there started then."""
    posted = {} if ours is None else {"a": charge(ours)}
    source = {} if theirs is None else {"a": charge(theirs)}
    places = {} if started_at is None else {"a": moved_to(started_at, MARCH)}
    return find_source_breaks(posted, source, places)


def of_an_account(
    *,
    total: int | None = 10,
    calls: int = 10,
    quarantined: tuple[int | None, ...] = (),
    decided: tuple[int | None, ...] = (),
    underway: tuple[int | None, ...] = (),
    at_edge: int = 0,
    talked: int = 0,
) -> Iterable[Break]:
    """Compare an account's total with its calls, and with those that are not billed."""

    def unbilled(kind: str, minutes: Iterable[int | None]) -> list[UnbilledCall]:
        return [
            UnbilledCall(f"{kind}{number}", held, kind, talked)
            for number, held in enumerate(minutes)
        ]

    short = 0 if total is None else total - calls
    explained = explain_shortfall(
        short,
        unbilled("quarantined", quarantined),
        unbilled("decided", decided),
        unbilled("underway", underway),
    )
    left = -short - sum(item.minutes for item in explained)
    edges = [EdgeCall("edge", MARCH.start - MINUTE, at_edge)] if at_edge else []
    return AccountFinding(
        account="main",
        usage_minutes=total,
        calls_minutes=calls,
        complete=True,
        edge_calls=find_edge_calls(left, edges, MARCH),
        explained=tuple(explained),
    ).breaks


def of_a_gap(minutes: int) -> list[Break]:
    """Count a call whose minutes at the source are so many off the rule."""
    side = SourceSide()
    if minutes:
        side.add_gap(SourceGap("main", "acme", "gap", minutes))
    return side.breaks["acme"]


def of_shared_calls(shared: dict[str, int]) -> list[Break]:
    """Take what the total has that is billed under another account."""
    found = FreshMonth(shared=shared).shared_break
    return [found] if found.minutes else []


def of_a_month(own: BillingPeriod, billed_in: BillingPeriod) -> list[Break]:
    """Look at March: a call of one month, billed in another or in its own."""
    return find_month_breaks([CarriedCall("a", own, billed_in, charge(2))], MARCH)


TOTAL_DIFFERS = only(Cause.SOURCE_TOTAL_DIFFERS)
SOURCE_CONDITIONS = {
    Cause.LATE_CALL: Condition(
        of_one_call,
        {"ours": None, "theirs": 2},
        [
            ({"ours": 2}, NONE),
            ({"ours": 1}, only(Cause.CHANGED_CALL)),
            ({"ours": 0}, only(Cause.CHANGED_CALL)),  # known here, and comes to nothing
            ({"theirs": 0}, NONE),
            ({"started_at": MARCH.end + MINUTE}, only(Cause.MONTH_EDGE)),
        ],
    ),
    Cause.CHANGED_CALL: Condition(
        of_one_call,
        {"ours": 2, "theirs": 5},
        [
            ({"ours": 5}, NONE),
            ({"ours": None}, only(Cause.LATE_CALL)),
            ({"theirs": None}, only(Cause.MISSING_AT_SOURCE)),
        ],
    ),
    Cause.MISSING_AT_SOURCE: Condition(
        of_one_call,
        {"ours": 5, "theirs": None},
        [
            ({"ours": 0}, NONE),
            ({"theirs": 5}, NONE),
            ({"theirs": 0}, only(Cause.CHANGED_CALL)),
            ({"started_at": MARCH.start - MINUTE}, only(Cause.MONTH_EDGE)),
            ({"started_at": MARCH.start - 9 * MINUTE}, only(Cause.CHANGED_CALL)),
        ],
    ),
    Cause.MONTH_EDGE: Condition(
        of_an_account,
        {"total": 13, "at_edge": 3},
        [
            ({"total": 10}, NONE),
            ({"at_edge": 0}, TOTAL_DIFFERS),
            ({"at_edge": 2}, TOTAL_DIFFERS),  # it is not what is missing
        ],
    ),
    Cause.SOURCE_MINUTES_DIFFER: Condition(
        of_a_gap, {"minutes": 2}, [({"minutes": 0}, NONE)]
    ),
    Cause.QUARANTINED: Condition(
        of_an_account,
        {"total": 15, "quarantined": (5,)},
        [
            ({"total": 10}, NONE),  # the total leaves it out
            ({"quarantined": ()}, TOTAL_DIFFERS),
            ({"quarantined": (6,)}, TOTAL_DIFFERS),  # more than is missing
            ({"quarantined": (), "decided": (5,)}, only(Cause.DECIDED)),
            # A broken record may be anything that a call can be, and no more.
            ({"total": 11 + DAY_OF_MINUTES, "quarantined": (None,)}, TOTAL_DIFFERS),
        ],
    ),
    Cause.DECIDED: Condition(
        of_an_account,
        {"total": 15, "decided": (5,)},
        [
            ({"total": 10}, NONE),
            ({"decided": (6,)}, TOTAL_DIFFERS),
            ({"decided": (), "quarantined": (5,)}, only(Cause.QUARANTINED)),
            ({"total": 11 + DAY_OF_MINUTES, "decided": (None,)}, TOTAL_DIFFERS),
        ],
    ),
    Cause.CALL_UNDERWAY: Condition(
        of_an_account,
        {"total": 15, "underway": (None,), "talked": 5},
        [
            ({"total": 10}, NONE),
            ({"talked": 4}, TOTAL_DIFFERS),  # it cannot have come to so much by now
            ({"underway": ()}, TOTAL_DIFFERS),
            ({"quarantined": (5,)}, only(Cause.QUARANTINED)),
        ],
    ),
    Cause.CALL_IN_TWO_ACCOUNTS: Condition(
        of_shared_calls,
        {"shared": {"twin": 2}},
        [({"shared": {}}, NONE), ({"shared": {"twin": 0}}, NONE)],
    ),
    Cause.SOURCE_TOTAL_DIFFERS: Condition(
        of_an_account,
        {"total": 15},
        [
            ({"total": 10}, NONE),
            ({"total": None}, NONE),  # nobody says a total
            ({"quarantined": (None,)}, only(Cause.QUARANTINED)),
            ({"decided": (None,)}, only(Cause.DECIDED)),
            ({"at_edge": 5}, only(Cause.MONTH_EDGE)),
        ],
    ),
    Cause.BILLED_IN_LATER_MONTH: Condition(
        of_a_month,
        {"own": MARCH, "billed_in": MARCH.next},
        [
            ({"billed_in": MARCH}, NONE),
            ({"own": MARCH.next}, NONE),
            (
                {"own": MARCH.previous, "billed_in": MARCH},
                only(Cause.CORRECTS_EARLIER_MONTH),
            ),
        ],
    ),
    Cause.CORRECTS_EARLIER_MONTH: Condition(
        of_a_month,
        {"own": MARCH.previous, "billed_in": MARCH},
        [
            ({"own": MARCH}, NONE),
            ({"billed_in": MARCH.next}, NONE),
            (
                {"own": MARCH, "billed_in": MARCH.next},
                only(Cause.BILLED_IN_LATER_MONTH),
            ),
        ],
    ),
}
