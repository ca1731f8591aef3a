"""Parity causes: where the minutes of an hour went, as far as it can be told."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from billing.domain.parity import (
    CustomerHours,
    CustomerParity,
    HourParity,
    ParityCause,
    ParityShare,
    days_of,
)
from billing.domain.period import HOUR, hour_of
from billing.domain.rounding_rule import OTHER_RULES, RoundingRule, TimedCall

# With more calls or minutes than these together, an hour is not searched for which.
_MOST_TRIED = 20_000
# So many calls are named; a cause's minutes stand for all of them.
MOST_NAMES = 20


@dataclass(slots=True)
class _Customer:
    """A customer's settled hours, and what of their differences has no cause yet."""

    hours: CustomerHours
    calls: Mapping[datetime, list[TimedCall]]
    rule: RoundingRule | None
    left: Counter[datetime]
    shares: defaultdict[datetime, list[ParityShare]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def take(
        self, hour: datetime, cause: ParityCause, minutes: int, evidence: str = ""
    ) -> None:
        """Give some of an hour's difference its cause."""
        if minutes:
            self.shares[hour].append(ParityShare(cause, minutes, evidence))
            self.left[hour] -= minutes

    def minutes_of(self, call: TimedCall) -> int:
        """Return the minutes that the other program makes of a call."""
        return self.rule.of_call(call) if self.rule else call.minutes


def find_parity(customers: Iterable[CustomerHours]) -> list[CustomerParity]:
    """Compare the hours of customers, and give every minute between them a cause."""
    read = [_begin(hours) for hours in customers]
    for customer in read:
        _other_hours(customer)
    _other_customers(read)
    for customer in read:
        _calls(customer)
    return [days_of(customer.hours, _hours(customer)) for customer in read]


def _hours(customer: _Customer) -> Iterator[HourParity]:
    hours = customer.hours
    for hour in hours.hours:
        yield HourParity(
            customer=hours.customer,
            hour=hour,
            ours=hours.ours.get(hour, 0),
            meter=hours.meter.get(hour, 0),
            shares=tuple(customer.shares[hour]),
        )


def _begin(hours: CustomerHours) -> _Customer:
    """Set young hours aside, and find the rule by which the others are rounded."""
    calls: defaultdict[datetime, list[TimedCall]] = defaultdict(list)
    for call in hours.calls:
        calls[call.hour].append(call)
    settled = [hour for hour in hours.hours if hours.is_settled(hour)]
    rule = _rule_of(hours, settled, calls)
    left = Counter({hour: hours.difference(hour) for hour in hours.hours})
    customer = _Customer(hours=hours, calls=calls, rule=rule, left=left)
    for hour in hours.hours:
        if not hours.is_settled(hour):
            customer.take(hour, ParityCause.NOT_ARRIVED, customer.left[hour])
    if rule is not None:
        rounded = rule.by_hour(call for hour in settled for call in calls[hour])
        for hour in settled:
            by_us = sum(call.minutes for call in calls[hour])
            minutes = rounded.get(hour, 0) - by_us
            customer.take(hour, ParityCause.ROUNDING_RULE, minutes, str(rule))
    return customer


def _rule_of(
    hours: CustomerHours,
    settled: Sequence[datetime],
    calls: Mapping[datetime, list[TimedCall]],
) -> RoundingRule | None:
    """Return the other rule that fits most hours and days; None when ours does.

    A meter that shows nothing is no evidence of any rule.
    """
    if not any(hours.difference(hour) for hour in settled):
        return None
    meter = _with_days({hour: hours.meter.get(hour, 0) for hour in settled})
    ours = _with_days({hour: hours.ours.get(hour, 0) for hour in settled})
    best, most = None, sum(meter[key] == ours[key] for key in meter)
    known = [call for hour in settled for call in calls.get(hour, ())]
    for rule in OTHER_RULES:
        by_hour = rule.by_hour(known)
        rounded = _with_days({hour: by_hour.get(hour, 0) for hour in settled})
        fits = [key for key in meter if meter[key] == rounded[key]]
        tells = any(meter[key] > 0 and meter[key] != ours[key] for key in fits)
        if tells and len(fits) > most:
            best, most = rule, len(fits)
    return best


def _with_days(minutes: Mapping[datetime, int]) -> dict[str, int]:
    """Return the minutes of hours, and beside them those of their days."""
    together: Counter[str] = Counter()
    for hour, held in minutes.items():
        together[f"{hour}"] += held
        together[f"{hour.date()}"] += held
    return together


def _other_hours(customer: _Customer) -> None:
    """Find what stands in another hour: of the same day, or beside it."""
    settled = [hour for hour in customer.hours.hours if _is_open(customer, hour)]
    days: defaultdict[date, list[datetime]] = defaultdict(list)
    for hour in settled:
        days[hour.date()].append(hour)
    for each in days.values():
        if not sum(customer.left[hour] for hour in each):
            for hour in each:
                _move(customer, hour, customer.left[hour], "the day's sum is the same")
    for hour in settled:
        for call in customer.calls.get(hour, ()):
            _move_to_end(customer, call)
    for hour in settled:
        minutes = customer.left[hour + HOUR]
        if minutes and customer.left[hour] == -minutes:
            _move(customer, hour, -minutes, "the hour after has them")
            _move(customer, hour + HOUR, minutes, "the hour before lacks them")


def _is_open(customer: _Customer, hour: datetime) -> bool:
    return bool(customer.left[hour]) and customer.hours.is_settled(hour)


def _move(customer: _Customer, hour: datetime, minutes: int, evidence: str) -> None:
    customer.take(hour, ParityCause.OTHER_HOUR, minutes, evidence)


def _move_to_end(customer: _Customer, call: TimedCall) -> None:
    """Move a call that is missing in the hour of its start to the hour of its end."""
    end, minutes = hour_of(call.ended_at), customer.minutes_of(call)
    if end == call.hour or not minutes or not customer.hours.is_settled(end):
        return
    if customer.left[call.hour] <= -minutes and customer.left[end] >= minutes:
        _move(customer, call.hour, -minutes, "by the end of the call")
        _move(customer, end, minutes, "by the end of the call")


def _other_customers(customers: Sequence[_Customer]) -> None:
    """Find what is missing at one customer, and too much at another in that hour."""
    lacking: defaultdict[tuple[datetime, int], list[_Customer]] = defaultdict(list)
    for customer in customers:
        for hour, minutes in customer.left.items():
            if minutes < 0:
                lacking[hour, -minutes].append(customer)
    for customer in customers:
        for hour, minutes in list(customer.left.items()):
            if minutes > 0 and lacking[hour, minutes]:
                other = lacking[hour, minutes].pop()
                name, other_name = customer.hours.customer, other.hours.customer
                cause = ParityCause.OTHER_CUSTOMER
                customer.take(hour, cause, minutes, f"{other_name} lacks them")
                other.take(hour, cause, -minutes, f"{name} has them")


def _calls(customer: _Customer) -> None:
    """Find the calls that are missing; the rest is more than ours, or unexplained."""
    for hour, minutes in list(customer.left.items()):
        if minutes > 0:
            ours = customer.hours.ours.get(hour, 0)
            twice = minutes == ours
            evidence = "as much again as ours: perhaps reported twice" if twice else ""
            customer.take(hour, ParityCause.UNKNOWN_CALLS, minutes, evidence)
        elif minutes < 0:
            calls = customer.calls.get(hour, ())
            missing = _calls_that_make(customer, calls, -minutes)
            if missing is None:
                customer.take(hour, ParityCause.UNEXPLAINED, minutes)
                continue
            names = tuple(call.call_id for call in missing[:MOST_NAMES])
            share = ParityShare(ParityCause.MISSING_CALLS, minutes, "", names)
            customer.shares[hour].append(share)


def _calls_that_make(
    customer: _Customer, calls: Sequence[TimedCall], minutes: int
) -> list[TimedCall] | None:
    """Return the fewest calls that make so many minutes; None when none do."""
    sized = [(customer.minutes_of(call), call) for call in calls]
    if sum(size for size, _ in sized) == minutes:
        return [call for size, call in sized if size]
    if alone := [call for size, call in sized if size == minutes]:
        return alone[:1]
    if len(sized) * minutes > _MOST_TRIED:
        return None
    # By the minutes that are made: the fewest calls that make them.
    made: dict[int, list[TimedCall]] = {0: []}
    for size, call in sized:
        # From the largest down, so that no call is taken twice.
        for so_far in sorted(made, reverse=True) if size else ():
            with_it, calls_with_it = so_far + size, [*made[so_far], call]
            known = made.get(with_it)
            is_better = known is None or len(calls_with_it) < len(known)
            if with_it <= minutes and is_better:
                made[with_it] = calls_with_it
    return made.get(minutes)
