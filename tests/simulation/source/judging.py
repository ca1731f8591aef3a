"""Judging the source: what contradicts is named, and what moved within a total."""

from collections import Counter

from billing.domain.break_causes import Cause
from billing.domain.break_kinds import Book
from billing.domain.period import BillingPeriod, cycle_months
from billing.pipeline.cycle import identified
from billing.pipeline.reconcile.reconcile import CLOSELY, reconcile_period
from tests.simulation.judge.ledger_view import Posted, as_posted
from tests.simulation.trace import Violation
from tests.simulation.world.pamela import SimCall
from tests.simulation.world.world import Desk, World

_NEWEST = (
    "SELECT account, call_id, revision FROM call c WHERE call_id = ? "
    "AND created_at = ? AND duration_seconds = ? AND ended_at = ? "
    "AND customer IS NOT NULL AND revision = (SELECT max(revision) FROM call n "
    "WHERE n.account = c.account AND n.call_id = c.call_id)"
)
_LISTED = (
    "SELECT count(*) FROM contradicting_call "
    "WHERE account = ? AND call_id = ? AND revision = ?"
)


def judge_contradiction(world: World, call: SimCall) -> bool:
    """Say whether it is billed as it stands; so an earlier version left it, listed."""
    standing = world.view.rows(
        _NEWEST,
        call.id,
        call.created.isoformat(),
        call.record["duration_seconds"],
        str(call.record["ended_at"]).replace("Z", "+00:00"),
    )
    for row in standing:
        if not world.settings.was_lenient:
            raise Violation("I44", f"{call.id} contradicts itself, and is billed")
        if row[:2] in world.view.rows(
            "SELECT account, call_id FROM quarantine "
            "WHERE reason = 'times_contradict' AND released_at IS NULL"
        ):
            raise Violation("I44", f"{call.id} is billed as it stands, and set aside")
        if world.view.rows(_LISTED, *row) != [(1,)]:
            raise Violation("I44", f"{call.id} contradicts itself, and is not listed")
        world.trace.sometimes("a billed call that contradicts itself is listed")
    return bool(standing)


def swap(world: World, month: BillingPeriod | None = None) -> list[SimCall]:
    """Move minutes within an account's total; say in which calls."""
    for pamela in world.pamelas:
        calls = [
            call
            for call in pamela.calls.values()
            if world.is_certain(call)
            and call.listed
            and (bill := pamela.due(call)) is not None
            and (month is None or bill.hour in month)
        ]
        for number, one in enumerate(calls):
            for other in calls[number + 1 :]:
                if _move_between(world, one, other):
                    return [one, other]
    return []


def _move_between(world: World, one: SimCall, other: SimCall) -> bool:
    """Let two calls change customers, or a minute go from one to the other."""
    mine, theirs = one.bill(), other.bill()
    assert mine is not None
    assert theirs is not None
    same_month = BillingPeriod.of(mine.hour) == BillingPeriod.of(theirs.hour)
    if mine.customer == theirs.customer or not same_month:
        return False
    if mine.minutes == theirs.minutes:
        one_is, other_is = one.record["metadata"], other.record["metadata"]
        change(world, one, metadata=other_is)
        change(world, other, metadata=one_is)
    elif mine.minutes > 1 and theirs.minutes < 59 and world.chance.happens(500):
        _set_minutes(world, one, mine.minutes - 1)
        _set_minutes(world, other, theirs.minutes + 1)
    else:
        return False
    world.trace.sometimes("minutes move within an account's total")
    return True


def _set_minutes(world: World, call: SimCall, minutes: int) -> None:
    change(
        world,
        call,
        duration_seconds=60 * minutes,
        billed_minutes=minutes,
        ended_at=None,
    )


def change(world: World, call: SimCall, **fields: object) -> None:
    """Change a call's record, wherever it is listed."""
    world.schedule.note(f"{call.id} changes: {sorted(fields)}")
    world.pamelas[0].change(call, **fields)


def compare(world: World, desk: Desk) -> None:
    """Reconcile closely, and demand that each call is named that differs."""
    terms = identified(desk.ledger, desk.terms).options
    months = cycle_months(desk.machine.now(), world.first_period)
    named: set[str] = set()
    for month in months:
        report = reconcile_period(
            desk.ledger, desk.meter, terms.reconcile, month, depth=CLOSELY
        )
        named |= {
            call
            for owned in report.breaks
            if owned.item.cause.book in {Book.SOURCE, Book.MONTHS}
            and owned.item.cause is not Cause.SOURCE_TOTAL_DIFFERS
            for call in owned.item.calls
        }
    billed = world.billed()
    for call in world.present_calls():
        held = by_month(billed.get(call.truth, {}))
        owed = by_month(as_posted(world.pamelas[0].due(call)))
        is_seen = held and call.listed and world.is_certain(call)
        is_here = all(month in map(str, months) for _, month in {*held, *owed})
        if not (is_seen and is_here) or held == owed:
            continue
        if call.id not in named:
            words = f"{call.id} is {held} here and {owed} there, and nobody says so"
            raise Violation("I43", words)
        world.trace.sometimes("what moved within a total is named")


def by_month(posted: Posted) -> dict[tuple[str, str], int]:
    """Add up a call's minutes by customer and month."""
    minutes: Counter[tuple[str, str]] = Counter()
    for (customer, hour), share in posted.items():
        minutes[customer, hour[:7]] += share
    return {place: share for place, share in minutes.items() if share}


def judge_corrected(world: World, calls: list[SimCall]) -> None:
    """Demand that calls of a closed month are billed as they now are, all in all."""
    billed = world.billed()
    for call in calls:
        if not world.is_certain(call):
            continue
        owed = as_posted(world.pamelas[0].due(call))
        if billed.get(call.truth, {}) != owed:
            words = f"{call.id} is {billed.get(call.truth)} in the ledger, not {owed}"
            raise Violation("I45", words)
        world.trace.sometimes("what moved in a closed month is corrected")
