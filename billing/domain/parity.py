"""Parity: whether another program's meter shows what is rated here, and if not, why.

A difference is the meter's minutes less ours. The causes of an hour add up to its
difference exactly; what nobody can tell has a cause of its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from billing.domain.period import DAY, HOUR
from billing.domain.rounding_rule import TimedCall

# Another program's events of an hour, and the summary of them, are there by then.
ARRIVES_WITHIN = timedelta(hours=6)


class ParityCause(StrEnum):
    """Why an hour of the meter shows other minutes than are rated here."""

    NOT_ARRIVED = "not_arrived"
    ROUNDING_RULE = "rounding_rule"
    OTHER_HOUR = "other_hour"
    OTHER_CUSTOMER = "other_customer"
    MISSING_CALLS = "missing_calls"
    UNKNOWN_CALLS = "unknown_calls"
    UNEXPLAINED = "unexplained"

    @property
    def meaning(self) -> str:
        """What it means, in one line."""
        return _MEANINGS[self]

    @property
    def breaks_parity(self) -> bool:
        """Whether minutes are lost or gained by it, and not only moved or late."""
        return self not in _HARMLESS


_HARMLESS = frozenset({ParityCause.NOT_ARRIVED, ParityCause.OTHER_HOUR})
_MEANINGS = {
    ParityCause.NOT_ARRIVED: "the hour was too young when the meter was read last",
    ParityCause.ROUNDING_RULE: "the same calls are rounded by another rule there",
    ParityCause.OTHER_HOUR: "the same minutes stand in another hour there",
    ParityCause.OTHER_CUSTOMER: "the same minutes stand at another customer there",
    ParityCause.MISSING_CALLS: "as much as some of our calls is missing there",
    ParityCause.UNKNOWN_CALLS: "more stands there than the calls that we know of",
    ParityCause.UNEXPLAINED: "no rule and no calls come to this difference",
}


class ParityShare(NamedTuple):
    """A part of an hour's difference: why, how many minutes, and what shows it."""

    cause: ParityCause
    minutes: int
    evidence: str = ""
    calls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CustomerHours:
    """A customer's hours: the meter's when it was read last, and ours as rated now.

    The calls of settled hours that differ are looked at; where none does, none is
    needed.
    """

    customer: str
    read_at: datetime
    meter: Mapping[datetime, int]
    ours: Mapping[datetime, int]
    calls: Sequence[TimedCall] = ()

    def before(self, moment: datetime | None) -> "CustomerHours":
        """Return the hours before a moment; None is no end."""
        if moment is None:
            return self
        return replace(
            self,
            meter={hour: held for hour, held in self.meter.items() if hour < moment},
            ours={hour: held for hour, held in self.ours.items() if hour < moment},
            calls=[call for call in self.calls if call.started_at < moment],
        )

    @property
    def hours(self) -> list[datetime]:
        """Every hour with minutes on either side, in their order."""
        return sorted(self.meter.keys() | self.ours.keys())

    def difference(self, hour: datetime) -> int:
        """Return the meter's minutes less ours."""
        return self.meter.get(hour, 0) - self.ours.get(hour, 0)

    def is_settled(self, hour: datetime) -> bool:
        """Say whether all of an hour had the time to arrive when the meter was read."""
        return hour + HOUR + ARRIVES_WITHIN <= self.read_at

    @property
    def differs(self) -> bool:
        """Whether an hour that is settled differs."""
        return any(
            self.difference(hour) for hour in self.hours if self.is_settled(hour)
        )


@dataclass(frozen=True, slots=True)
class HourParity:
    """One hour of a customer on both sides, and the causes of its difference."""

    customer: str
    hour: datetime
    ours: int
    meter: int
    shares: tuple[ParityShare, ...] = ()

    @property
    def difference(self) -> int:
        """The meter's minutes less ours."""
        return self.meter - self.ours


class DayState(StrEnum):
    """What a day says of parity."""

    HOLDS = "holds"
    BROKEN = "broken"
    YOUNG = "young"  # not all of it had the time to arrive


@dataclass(frozen=True, slots=True)
class DayParity:
    """One day of a customer, by its hours."""

    customer: str
    day: date
    settled: bool
    hours: tuple[HourParity, ...]

    @property
    def state(self) -> DayState:
        """What the day says of parity."""
        if not self.settled:
            return DayState.YOUNG
        shares = (share for hour in self.hours for share in hour.shares)
        broken = any(share.cause.breaks_parity for share in shares)
        return DayState.BROKEN if broken else DayState.HOLDS

    @property
    def ours(self) -> int:
        """The minutes that are rated here."""
        return sum(hour.ours for hour in self.hours)

    @property
    def meter(self) -> int:
        """The minutes that the meter shows."""
        return sum(hour.meter for hour in self.hours)

    @property
    def difference(self) -> int:
        """The meter's minutes less ours."""
        return self.meter - self.ours

    @property
    def shares(self) -> tuple[ParityShare, ...]:
        """The causes of the day's difference, each one once with all its minutes."""
        return merged(share for hour in self.hours for share in hour.shares)


@dataclass(frozen=True, slots=True)
class CustomerParity:
    """A customer's days with minutes on either side, in their order."""

    customer: str
    read_at: datetime
    days: tuple[DayParity, ...] = ()

    @property
    def judged(self) -> list[DayParity]:
        """The days that say whether parity holds."""
        return [day for day in self.days if day.state is not DayState.YOUNG]

    @property
    def is_broken(self) -> bool:
        """Whether parity is broken as of the newest day that says so."""
        return bool(self.judged) and self.judged[-1].state is DayState.BROKEN


@dataclass(frozen=True, slots=True)
class ParityVerdict:
    """How parity stands for all that are in shadow; some were perhaps never read."""

    customers: tuple[CustomerParity, ...] = ()
    unread: tuple[str, ...] = field(default=())

    @property
    def broken(self) -> list[CustomerParity]:
        """The customers whose parity is broken."""
        return [customer for customer in self.customers if customer.is_broken]

    @property
    def held_days(self) -> int:
        """For how many days with minutes, up to the newest, parity has held for all."""
        if self.broken or self.unread:
            return 0
        states: dict[date, set[DayState]] = {}
        for customer in self.customers:
            for day in customer.judged:
                states.setdefault(day.day, set()).add(day.state)
        held = 0
        for each in sorted(states, reverse=True):
            if DayState.BROKEN in states[each]:
                break
            held += 1
        return held


def settled_day_at(now: datetime) -> datetime:
    """Return since when all of the newest day that is over had the time to arrive."""
    midnight = (now - ARRIVES_WITHIN).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + ARRIVES_WITHIN


def by_customer(months: Iterable[CustomerParity]) -> list[CustomerParity]:
    """Put the months of each customer together, given in their order."""
    together: dict[str, CustomerParity] = {}
    for month in months:
        earlier = together.get(month.customer)
        days = (earlier.days if earlier else ()) + month.days
        together[month.customer] = CustomerParity(month.customer, month.read_at, days)
    return [together[name] for name in sorted(together)]


def days_of(hours: CustomerHours, found: Iterable[HourParity]) -> CustomerParity:
    """Put a customer's hours together by the day."""
    by_day: dict[date, list[HourParity]] = {}
    for hour in found:
        by_day.setdefault(hour.hour.date(), []).append(hour)
    days = [
        DayParity(
            customer=hours.customer,
            day=day,
            settled=hours.is_settled(_last_hour(each)),
            hours=tuple(each),
        )
        for day, each in sorted(by_day.items())
    ]
    return CustomerParity(hours.customer, hours.read_at, tuple(days))


def merged(shares: Iterable[ParityShare]) -> tuple[ParityShare, ...]:
    """Put the shares of each cause and evidence together, in the order of causes."""
    together: dict[tuple[ParityCause, str], ParityShare] = {}
    for share in shares:
        key = share.cause, share.evidence
        known = together.get(key, ParityShare(share.cause, 0, share.evidence))
        together[key] = known._replace(
            minutes=known.minutes + share.minutes, calls=known.calls + share.calls
        )
    order = list(ParityCause)
    return tuple(sorted(together.values(), key=lambda share: order.index(share.cause)))


def _last_hour(hours: Sequence[HourParity]) -> datetime:
    """Return the last hour of the day, whose end is the day's."""
    midnight = hours[0].hour.replace(hour=0)
    return midnight + DAY - HOUR
