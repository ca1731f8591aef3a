"""What stands in the way of closing a month, each with what to do about it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billing.domain.break_causes import Cause
from billing.domain.break_groups import CARRIED, EXPLAINED, WAITING
from billing.domain.close_obstacles import (
    AccountReading,
    BreakShare,
    EventShare,
    LastRun,
    MonthEnd,
    Obstacle,
    ObstacleKind,
    Share,
    find_obstacles,
    shadow_obstacle,
)
from billing.domain.meter_event import EventState, FailReason
from billing.domain.period import BillingPeriod

MARCH = BillingPeriod(2026, 3)
SECOND = timedelta(seconds=1)
NOW = datetime(2026, 4, 2, 12, tzinfo=UTC)
CHANGED = NOW - timedelta(hours=3)
NONE = Share()
SOME = Share(3, 7, ("a", "b", "c"))
READ = AccountReading(account="main", state="complete", error=None, whole_at=MARCH.end)
RUN = LastRun(9, CHANGED, settled=True, unsettled=())
DONE = MonthEnd(
    period=MARCH,
    earlier_open=NONE,
    accounts=(READ,),
    underway=NONE,
    stuck=NONE,
    quarantined=NONE,
    unstaged=NONE,
    events=(),
    suspected=NONE,
    last_change=CHANGED,
    last_run=RUN,
    breaks=(BreakShare(Cause.FOREIGN_EVENT, acknowledged=True, share=SOME),),
)


def kinds(month: MonthEnd, now: datetime = NOW) -> list[ObstacleKind]:
    return [obstacle.kind for obstacle in find_obstacles(month, now)]


def test_nothing_stands_in_the_way_of_a_month_that_is_done() -> None:
    assert find_obstacles(DONE, NOW) == []


@pytest.mark.parametrize(
    ("now", "over"),
    [(MARCH.start, False), (MARCH.end - SECOND, False), (MARCH.end, True)],
)
def test_a_month_is_closed_when_it_is_over_and_not_a_second_before(
    now: datetime, over: bool
) -> None:
    month = replace(DONE, last_change=None, last_run=RUN._replace(started_at=MARCH.end))
    assert kinds(month, now) == ([] if over else [ObstacleKind.NOT_OVER])


def account(**changes: Any) -> dict[str, Any]:
    return {"accounts": (READ, READ._replace(account="other", **changes))}


def run(**changes: Any) -> dict[str, Any]:
    return {"last_run": RUN._replace(**changes)}


def event(
    reason: FailReason | None = None, *, negative: bool = False
) -> dict[str, Any]:
    state = EventState.FAILED if reason else EventState.PENDING
    return {"events": (EventShare(state, reason, SOME, negative=negative),)}


def broken(cause: Cause, *, acknowledged: bool = False) -> dict[str, Any]:
    return {"breaks": (BreakShare(cause, acknowledged, SOME),)}


@pytest.mark.parametrize(
    ("changes", "kind", "remedy"),
    [
        ({"earlier_open": SOME}, ObstacleKind.EARLIER_OPEN, "close them first"),
        (account(whole_at=None), ObstacleKind.NOT_PULLED, "pull 2026-03"),
        (account(whole_at=MARCH.end - SECOND), ObstacleKind.NOT_PULLED, "pull 2026-03"),
        (account(state="failed"), ObstacleKind.NOT_PULLED, "pull 2026-03"),
        (account(state="running"), ObstacleKind.NOT_PULLED, "pull 2026-03"),
        ({"underway": SOME}, ObstacleKind.UNDERWAY, "wait"),
        ({"stuck": SOME}, ObstacleKind.UNDERWAY, "ask Pamela"),
        ({"quarantined": SOME}, ObstacleKind.QUARANTINED, "quarantine`"),
        ({"unstaged": SOME}, ObstacleKind.NOT_STAGED, "sync"),
        (event(), ObstacleKind.NOT_FINAL, "sync`"),
        (event(negative=True), ObstacleKind.NOT_FINAL, "credit"),
        (event(FailReason.UNANSWERED), ObstacleKind.NOT_FINAL, "sync"),
        (event(FailReason.UNCERTAIN), ObstacleKind.NOT_FINAL, "sync --settle"),
        (event(FailReason.UNCERTAIN), ObstacleKind.NOT_FINAL, "sync --void EVENT"),
        (event(FailReason.CANCELLING), ObstacleKind.NOT_FINAL, "sync"),
        (event(FailReason.REJECTED), ObstacleKind.NOT_FINAL, "sync --retry"),
        (event(FailReason.EXPIRED), ObstacleKind.NOT_FINAL, "sync --void"),
        ({"suspected": SOME}, ObstacleKind.SUSPECTED, "sync"),
        ({"last_run": None}, ObstacleKind.NOT_RECONCILED, "reconcile 2026-03"),
        (run(started_at=CHANGED - SECOND), ObstacleKind.NOT_RECONCILED, "reconcile"),
        (run(settled=False), ObstacleKind.NOT_SETTLED, "reconcile"),
        (
            run(settled=False, unsettled=("acme",)),
            ObstacleKind.NOT_SETTLED,
            "reconcile",
        ),
        (broken(Cause.NOT_COUNTED), ObstacleKind.BREAKS, "acknowledge"),
        (broken(Cause.LATE_CALL), ObstacleKind.BREAKS, "then close again"),
        (
            broken(Cause.LATE_CALL, acknowledged=True),
            ObstacleKind.BREAKS,
            "close again",
        ),
    ],
)
def test_each_open_thing_stands_in_the_way_and_says_what_to_do(
    changes: dict[str, Any], kind: ObstacleKind, remedy: str
) -> None:
    [obstacle] = find_obstacles(replace(DONE, **changes), NOW)
    assert obstacle.kind is kind
    assert remedy in obstacle.remedy
    assert obstacle.found
    assert obstacle.count >= 1


def test_a_reconciliation_from_before_the_end_of_the_month_proves_nothing() -> None:
    early = RUN._replace(started_at=MARCH.end - SECOND)
    month = replace(DONE, last_change=MARCH.start, last_run=early)
    assert kinds(month) == [ObstacleKind.NOT_RECONCILED]


def test_an_acknowledged_break_that_stays_stands_in_nobodys_way() -> None:
    month = replace(DONE, **broken(Cause.NOT_COUNTED, acknowledged=True))
    assert find_obstacles(month, NOW) == []


@pytest.mark.parametrize("cause", sorted(CARRIED))
def test_what_stands_in_another_month_for_good_stands_in_nobodys_way(
    cause: Cause,
) -> None:
    assert find_obstacles(replace(DONE, **broken(cause)), NOW) == []


def test_everything_open_is_named_at_once_with_its_figures() -> None:
    month = replace(
        DONE,
        **account(state="failed", error="no answer"),
        **event(FailReason.REJECTED),
        **broken(Cause.NOT_COUNTED),
        quarantined=SOME,
        unstaged=SOME,
    )
    found = find_obstacles(month, NOW)
    assert len(found) == 5
    assert "no answer" in found[0].found
    assert "rejected" in found[3].found
    assert [(one.count, one.minutes) for one in found[1:]] == [(3, 7)] * 4
    assert found[1].names == SOME.names


def only(**changes: Any) -> Obstacle:
    """Return the one obstacle of a month that is done but for these changes."""
    [obstacle] = find_obstacles(replace(DONE, **changes), NOW)
    return obstacle


PULL = "the last pull of other is failed"
LEFT = "other left the settings, so nothing of it can be read"
RECONCILIATION = "the last reconciliation is not settled"
MAY_CHANGE = f"{RECONCILIATION}: Stripe's summaries may still change"


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        (account(state="failed"), PULL),
        (account(state="failed", error="no answer"), f"{PULL}: no answer"),
        (account(in_settings=False), LEFT),
        (event(), "events that are pending"),
        (event(negative=True), "events that are pending, and take minutes back"),
        (event(FailReason.REJECTED), "events that are failed: rejected"),
        (run(settled=False), RECONCILIATION),
        (run(settled=False, unsettled=("acme",)), MAY_CHANGE),
        ({"last_run": None}, "there was no reconciliation since 2026-04-02T09:00:00Z"),
    ],
)
def test_what_was_found_is_told_and_nothing_else(
    changes: dict[str, Any], found: str
) -> None:
    assert only(**changes).found == found


@pytest.mark.parametrize(
    ("changes", "count", "minutes", "names"),
    [
        (account(state="failed"), 1, 0, ("other",)),
        (account(whole_at=None), 1, 0, ("other",)),
        (account(in_settings=False), 1, 0, ("other",)),
        (run(settled=False), 1, 0, ()),
        (run(settled=False, unsettled=("acme", "globex")), 2, 0, ("acme", "globex")),
        ({"last_run": None}, 1, 0, ()),
        ({"suspected": Share(25, 9, tuple("abcdefghijklmnopqrstuvwxy"))}, 25, 9, None),
    ],
)
def test_an_obstacle_has_its_figures_and_at_most_twenty_names(
    changes: dict[str, Any], count: int, minutes: int, names: tuple[str, ...] | None
) -> None:
    obstacle = only(**changes)
    assert (obstacle.count, obstacle.minutes) == (count, minutes)
    wanted = tuple("abcdefghijklmnopqrst") if names is None else names
    assert obstacle.names == wanted


@pytest.mark.parametrize(
    ("cause", "acknowledged", "end"),
    [
        (Cause.NOT_COUNTED, False, "--reason TEXT`"),
        (Cause.LATE_CALL, False, ", then close again"),
        (Cause.LATE_CALL, True, ", then close again"),
    ],
)
def test_a_break_is_acknowledged_or_waited_for(
    cause: Cause, acknowledged: bool, end: str
) -> None:
    remedy = only(**broken(cause, acknowledged=acknowledged)).remedy
    assert remedy.startswith(cause.remedy)
    assert remedy.endswith(end)


@pytest.mark.parametrize("cause", sorted(set(Cause) - EXPLAINED - WAITING))
def test_each_break_that_stays_is_to_be_acknowledged_and_is_told_so_once(
    cause: Cause,
) -> None:
    assert only(**broken(cause)).remedy.count("acknowledge it") == 1


@pytest.mark.parametrize(
    ("reason", "negative", "credited"),
    [
        (None, False, False),
        (None, True, True),
        (FailReason.REJECTED, False, False),
        (FailReason.REJECTED, True, False),
    ],
)
def test_only_what_waits_to_take_minutes_back_is_credited(
    reason: FailReason | None, negative: bool, credited: bool
) -> None:
    remedy = only(**event(reason, negative=negative)).remedy
    assert ("credit the customer" in remedy) is credited


def test_an_event_adds_minutes_unless_it_is_said_to_take_them_back() -> None:
    share = EventShare(EventState.PENDING, None, SOME)
    assert only(events=(share,)).found == "events that are pending"


def test_customers_in_shadow_stand_in_the_way_and_twenty_are_named() -> None:
    customers = [f"customer {number}" for number in range(25)]
    obstacle = shadow_obstacle(customers)
    assert obstacle.kind is ObstacleKind.IN_SHADOW
    assert (obstacle.count, obstacle.minutes) == (25, 0)
    assert obstacle.names == tuple(customers[:20])
    assert "`pamela-billing adopt`" in obstacle.remedy
