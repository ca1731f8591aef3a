"""Closing: what stands in the way of freezing a month, and what to do about it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from billing.domain.break_causes import Cause
from billing.domain.break_groups import EXPLAINED, WAITING
from billing.domain.meter_event import EventState, FailReason
from billing.domain.period import BillingPeriod

# Events that nothing more is expected of, though they are not on the meter.
FINAL_REASONS = frozenset({FailReason.REPLACED, FailReason.VOIDED})
# So many names say what is meant; their count is given in full.
MOST_NAMES = 20
_SYNC = "run `pamela-billing sync`"
_PUT_BACK = "put the account back into the settings until the month is closed"
_VOID = "`sync --void EVENT --reason TEXT`"
_ACKNOWLEDGE = "acknowledge it: `breaks --acknowledge N --reason TEXT`"
_DECIDE = "`pamela-billing quarantine` lists them, and how to decide on them"
_REMEDIES: dict[FailReason | None, str] = {
    FailReason.UNANSWERED: f"{_SYNC}, which sends them again",
    FailReason.REJECTED: (
        f"fix what Stripe names, then {_SYNC[:-1]} --retry --reason TEXT`"
    ),
    FailReason.UNCERTAIN: (
        f"{_SYNC[:-1]} --settle`; if they stay, ask Stripe, then {_VOID}"
    ),
    FailReason.CANCELLING: f"{_SYNC[:-1]} --settle`",
    FailReason.EXPIRED: f"bill them outside the meter, then {_VOID}",
}


class ObstacleKind(StrEnum):
    """The kinds of what stands in the way of a close."""

    NOT_OVER = "not_over"
    IN_SHADOW = "in_shadow"
    EARLIER_OPEN = "earlier_open"
    UNREADABLE = "unreadable"
    NOT_PULLED = "not_pulled"
    UNDERWAY = "underway"
    QUARANTINED = "quarantined"
    NOT_STAGED = "not_staged"
    NOT_FINAL = "not_final"
    SUSPECTED = "suspected"
    NOT_RECONCILED = "not_reconciled"
    NOT_SETTLED = "not_settled"
    BREAKS = "breaks"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One thing that stands in the way: its figures, its names, and what to do."""

    kind: ObstacleKind
    found: str
    remedy: str
    count: int = 1
    minutes: int = 0
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Share:
    """Some of a month: how many, their minutes, and the first of them by name."""

    count: int = 0
    minutes: int = 0
    names: tuple[str, ...] = ()


class AccountReading(NamedTuple):
    """How an account's month was read last, and when last as a whole."""

    account: str
    state: str | None
    error: str | None
    whole_at: datetime | None
    in_settings: bool = True


class EventShare(NamedTuple):
    """The events of a month in one state; those that take minutes back stand apart."""

    state: EventState
    reason: FailReason | None
    share: Share
    negative: bool = False


class BreakShare(NamedTuple):
    """The breaks of one cause that are all acknowledged, or that none of them is."""

    cause: Cause
    acknowledged: bool
    share: Share


class LastRun(NamedTuple):
    """The newest reconciliation of a month."""

    number: int
    started_at: datetime
    settled: bool
    unsettled: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MonthEnd:
    """All that decides whether a month may be closed."""

    period: BillingPeriod
    earlier_open: Share
    accounts: tuple[AccountReading, ...]
    underway: Share
    stuck: Share
    quarantined: Share
    unstaged: Share
    events: tuple[EventShare, ...]
    suspected: Share
    last_change: datetime | None
    last_run: LastRun | None
    breaks: tuple[BreakShare, ...]


def shadow_obstacle(customers: Sequence[str]) -> Obstacle:
    """Return what is in the way while nothing is sent for some customers."""
    return Obstacle(
        kind=ObstacleKind.IN_SHADOW,
        found="customers in shadow, whose meter another program feeds",
        remedy="take them over with `pamela-billing adopt`, then close again",
        count=len(customers),
        names=tuple(customers[:MOST_NAMES]),
    )


def find_obstacles(month: MonthEnd, now: datetime) -> list[Obstacle]:
    """Return what stands in the way of a close; an empty list allows it."""
    if now < month.period.end:
        end = f"it ends {month.period.end:%Y-%m-%d} at 00:00 UTC"
        found = f"{month.period} is not over: {end}"
        return [Obstacle(kind=ObstacleKind.NOT_OVER, found=found, remedy="wait")]
    return [
        *_before(month),
        *_source(month),
        *_meter(month),
        *_reconciliation(month),
    ]


def _before(month: MonthEnd) -> Iterator[Obstacle]:
    if month.earlier_open.count:
        yield _of(
            ObstacleKind.EARLIER_OPEN,
            month.earlier_open,
            "earlier months that are open and hold usage",
            "close them first, the oldest before the others",
        )


def _source(month: MonthEnd) -> Iterator[Obstacle]:
    pull = f"run `pamela-billing pull {month.period}`"
    for account in month.accounts:
        name = (account.account,)
        if not account.in_settings:
            found = f"{account.account} left the settings, so nothing of it can be read"
            yield Obstacle(
                kind=ObstacleKind.NOT_PULLED, found=found, remedy=_PUT_BACK, names=name
            )
        elif account.whole_at is None or account.whole_at < month.period.end:
            found = f"{account.account} was not pulled whole since the month ended"
            yield Obstacle(
                kind=ObstacleKind.NOT_PULLED, found=found, remedy=pull, names=name
            )
        elif account.state != "complete":
            found = f"the last pull of {account.account} is {account.state}"
            found += f": {account.error}" if account.error else ""
            yield Obstacle(
                kind=ObstacleKind.NOT_PULLED, found=found, remedy=pull, names=name
            )
    if month.underway.count:
        found = "calls of the month that are not over, as far as is known"
        yield _of(
            ObstacleKind.UNDERWAY, month.underway, found, f"wait a while, then {pull}"
        )
    if month.stuck.count:
        found = "calls that have been underway for more than a day"
        remedy = f"ask Pamela, then {pull}; or {_DECIDE}"
        yield _of(ObstacleKind.UNDERWAY, month.stuck, found, remedy)
    if month.quarantined.count:
        yield _of(
            ObstacleKind.QUARANTINED,
            month.quarantined,
            "calls in quarantine, which could not be understood",
            f"fix what is wrong with them, then {pull}; or {_DECIDE}",
        )


def _meter(month: MonthEnd) -> Iterator[Obstacle]:
    if month.unstaged.count:
        yield _of(
            ObstacleKind.NOT_STAGED,
            month.unstaged,
            "rows of usage that wait to be sent",
            _SYNC,
        )
    for state, reason, share, negative in month.events:
        found = f"events that are {state}" + (f": {reason}" if reason else "")
        found += ", and take minutes back" if negative else ""
        remedy = _REMEDIES.get(reason, _SYNC)
        if negative and reason is None:
            remedy += f"; if they stay, credit the customer, then {_VOID}"
        yield _of(ObstacleKind.NOT_FINAL, share, found, remedy)
    if month.suspected.count:
        found = "Stripe reported errors, which these events may be lost to"
        remedy = f"{_SYNC}, which reads them back"
        yield _of(ObstacleKind.SUSPECTED, month.suspected, found, remedy)


def _reconciliation(month: MonthEnd) -> Iterator[Obstacle]:
    again = f"run `pamela-billing reconcile {month.period}`"
    run, since = month.last_run, month.period.end
    if month.last_change is not None:
        since = max(since, month.last_change)
    if run is None or run.started_at < since:
        found = f"there was no reconciliation since {since:%Y-%m-%dT%H:%M:%SZ}"
        yield Obstacle(kind=ObstacleKind.NOT_RECONCILED, found=found, remedy=again)
        return
    if not run.settled:
        names = run.unsettled
        found = "the last reconciliation is not settled" + (
            ": Stripe's summaries may still change" if names else ""
        )
        remedy = f"wait half an hour, then {again}"
        count = len(names) or 1
        yield _of(ObstacleKind.NOT_SETTLED, Share(count, 0, names), found, remedy)
    for cause, acknowledged, share in month.breaks:
        if cause in EXPLAINED or (acknowledged and cause not in WAITING):
            continue
        then = ", then close again" if cause in WAITING else f"; or {_ACKNOWLEDGE}"
        if "acknowledge it" in cause.remedy:
            then = ""
        found = f"breaks: {cause}, {cause.meaning}"
        yield _of(ObstacleKind.BREAKS, share, found, cause.remedy + then)


def _of(kind: ObstacleKind, share: Share, found: str, remedy: str) -> Obstacle:
    names = share.names[:MOST_NAMES]
    return Obstacle(
        kind=kind,
        found=found,
        remedy=remedy,
        count=share.count,
        minutes=share.minutes,
        names=names,
    )
