"""Rounding rules: how another program may have made minutes of the same calls."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from billing.domain.period import hour_of
from billing.domain.rating import SECONDS_PER_MINUTE


class TimedCall(NamedTuple):
    """A call of ours: when it began, how long it was, and what we bill of it."""

    call_id: str
    started_at: datetime
    seconds: int
    minutes: int

    @property
    def hour(self) -> datetime:
        """The hour in which it began."""
        return hour_of(self.started_at)

    @property
    def ended_at(self) -> datetime:
        """When it was over."""
        return self.started_at + timedelta(seconds=self.seconds)


class Direction(StrEnum):
    """What becomes of a minute that is begun."""

    DOWN = "rounded down"
    NEAREST = "rounded half up"
    UP = "rounded up"

    def minutes(self, seconds: int) -> int:
        """Return the minutes that seconds come to."""
        more = {
            Direction.DOWN: 0,
            Direction.NEAREST: SECONDS_PER_MINUTE // 2,
            Direction.UP: SECONDS_PER_MINUTE - 1,
        }
        return (seconds + more[self]) // SECONDS_PER_MINUTE


class Span(StrEnum):
    """Of what seconds are added up before they are rounded to minutes."""

    CALL = "call"
    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class RoundingRule:
    """Every started step of a call counts; the sum over a span is rounded to minutes.

    No rule has a least charge: ours, a minute for every call, is the one apart.
    """

    span: Span
    direction: Direction
    step: int = 1

    def by_hour(self, calls: Iterable[TimedCall]) -> Mapping[datetime, int]:
        """Return what the rule makes of calls, in the hours in which they began."""
        seconds: defaultdict[datetime, int] = defaultdict(int)
        minutes: defaultdict[datetime, int] = defaultdict(int)
        for call in calls:
            seconds[call.hour] += self._billed_seconds(call)
            minutes[call.hour] += self.direction.minutes(self._billed_seconds(call))
        match self.span:
            case Span.CALL:
                return minutes
            case Span.HOUR:
                return {hour: self.direction.minutes(seconds[hour]) for hour in seconds}
            case Span.DAY:
                return self._by_day(seconds)

    def of_call(self, call: TimedCall) -> int:
        """Return what the rule makes of a call alone; in a sum it counts as ours."""
        if self.span is Span.CALL:
            return self.direction.minutes(self._billed_seconds(call))
        return call.minutes

    def _billed_seconds(self, call: TimedCall) -> int:
        return -(-call.seconds // self.step) * self.step

    def _by_day(self, seconds: Mapping[datetime, int]) -> dict[datetime, int]:
        """Part a day's minutes: each hour has what the sum grows by with it."""
        minutes, so_far = {}, 0
        last = None
        for hour in sorted(seconds):
            if last is None or hour.date() != last.date():
                so_far = 0
            before = self.direction.minutes(so_far)
            so_far += seconds[hour]
            minutes[hour] = self.direction.minutes(so_far) - before
            last = hour
        return minutes

    def __str__(self) -> str:
        if self.span is Span.CALL:
            return _CALL_RULES[self.direction]
        of = "second" if self.step == 1 else f"{self.step} seconds"
        return f"per {of}, the sum of {_EACH[self.span]} {self.direction}"


_EACH = {Span.HOUR: "each hour", Span.DAY: "each day"}
_CALL_RULES = {
    Direction.DOWN: "full minutes of each call alone",
    Direction.NEAREST: "minutes of each call, rounded half up",
    Direction.UP: "started minutes of each call, without a minimum",
}
# The likelier before the others: of two that fit as well, the first is named.
OTHER_RULES = (
    RoundingRule(Span.CALL, Direction.DOWN),
    RoundingRule(Span.CALL, Direction.NEAREST),
    RoundingRule(Span.CALL, Direction.UP),
    *(
        RoundingRule(span, direction, step)
        for span in (Span.HOUR, Span.DAY)
        for step in (1, 6)
        for direction in (Direction.UP, Direction.NEAREST, Direction.DOWN)
    ),
)
