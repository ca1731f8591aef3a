"""Postings: the usage rows that a call, or a change of a call, gives rise to."""

from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from billing.domain.call import Call
from billing.domain.period import HOUR, BillingPeriod, hour_of
from billing.domain.rating import PriceList, amount_micro, billed_minutes


class UsageType(StrEnum):
    """The kinds of row in `b2b_usage`."""

    API_USAGE = "api_usage"
    ADJUSTMENT = "adjustment"


class Slot(NamedTuple):
    """Where minutes are counted: a customer's UTC hour."""

    customer: str
    hour: datetime


class Charge(NamedTuple):
    """Signed minutes, and the signed amount in micro-units."""

    minutes: int
    amount_micro: int


class Posting(NamedTuple):
    """One usage row to be: what a slot gains or loses."""

    type: UsageType
    slot: Slot
    charge: Charge

    @property
    def period(self) -> BillingPeriod:
        """The month of the slot."""
        return BillingPeriod.of(self.slot.hour)


def posting_hour(
    hour: datetime, closed: Collection[BillingPeriod], at: datetime
) -> datetime:
    """Return the hour in which usage of an hour is posted at a moment: its own.

    When its month is closed, it stands in the first open month after it: now, or, where
    that month is over, in its last hour.
    """
    if not closed:
        return hour
    period = BillingPeriod.of(hour)
    if period not in closed:
        return hour
    while period in closed:
        period = period.next
    return min(max(hour_of(at), period.start), period.end - HOUR)


def charge_call(
    call: Call, customer: str, prices: PriceList
) -> tuple[Slot, Charge] | None:
    """Rate a call: its slot and charge, or None when it is not billable."""
    started_at, seconds = call.started_at, call.duration_seconds
    if started_at is None or seconds is None or not call.terminal:
        return None
    minutes = billed_minutes(seconds)
    charge = Charge(minutes, amount_micro(minutes, prices.at(started_at)))
    return Slot(customer, hour_of(started_at)), charge


def plan_postings(
    due: tuple[Slot, Charge] | None, posted: Mapping[Slot, Charge]
) -> list[Posting]:
    """Return what must be added so that the postings of a call equal what is due.

    `posted` sums the earlier postings of this call. Planning the same again adds
    nothing; the first posting of a call is usage, all later ones are adjustments.
    """
    wanted = dict([due]) if due else {}
    kind = UsageType.ADJUSTMENT if posted else UsageType.API_USAGE
    postings = []
    for slot in sorted({*wanted, *posted}):
        new, old = wanted.get(slot, Charge(0, 0)), posted.get(slot, Charge(0, 0))
        if new != old:
            gain = Charge(new.minutes - old.minutes, new.amount_micro - old[1])
            postings.append(Posting(kind, slot, gain))
    return postings
