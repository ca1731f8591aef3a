"""Deadlines: until when what is open can be cancelled, reach its invoice, be billed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from billing.domain.meter_event import OLDEST_TIMESTAMP, FailReason
from billing.domain.period import BillingPeriod
from billing.domain.settlement import (
    MinuteReading,
    may_requeue,
    provable_at,
    rule_before_resend,
)
from billing.domain.summary_lag import LagsMeasured

# Stripe cancels an event within a day of receiving it.
CANCELLABLE_FOR = timedelta(hours=24)


class Limit(StrEnum):
    """What can be done until a deadline, and no more after it."""

    CANCEL = "cancel"  # take back what was perhaps counted
    INVOICE = "invoice"  # be on the invoice of its own month
    BILL = "bill"  # be taken by the meter at all
    DECIDE = "decide"  # be decided by a person: no proof comes in time


class OpenItem(NamedTuple):
    """An event that is not synced, or the rows of an hour that no event carries."""

    identifier: str | None  # None: not staged yet
    customer: str
    hour: datetime
    timestamp: datetime
    minutes: int
    rows: int
    state: str
    in_doubt_since: datetime | None = None  # the last send of what was perhaps counted
    first_unknown_at: datetime | None = None
    readings: tuple[MinuteReading, ...] = ()  # of its own minute, while it is uncertain


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Until when something can still be done about an open item."""

    item: OpenItem
    cancel_until: datetime | None
    invoice_until: datetime
    bill_until: datetime
    provable_at: datetime | None = None  # when silence proves its absence, at best

    @property
    def outlasts_proof(self) -> bool:
        """Whether it is too old to wait for the proof that it does not count."""
        provable = self.provable_at
        return provable is not None and not may_requeue(self.item.timestamp, provable)

    def next_at(self, now: datetime) -> tuple[Limit, datetime] | None:
        """Return the nearest deadline that can still be met; None when none can.

        What Stripe takes no more reaches no invoice either; what was counted by then
        can be taken back all the same.
        """
        too_old = self.bill_until < now
        last = Limit.DECIDE if self.outlasts_proof else Limit.BILL
        ahead = [
            (until, limit)
            for limit, until in (
                (Limit.CANCEL, self.cancel_until),
                (Limit.INVOICE, None if too_old else self.invoice_until),
                (last, self.bill_until),
            )
            if until is not None and until >= now
        ]
        if not ahead:
            return None
        until, limit = min(ahead, key=lambda deadline: deadline[0])
        return limit, until

    @property
    def period(self) -> BillingPeriod:
        """The month whose invoice it belongs on."""
        return BillingPeriod.of(self.item.hour)


def deadlines_of(
    item: OpenItem, grace: timedelta, lags: LagsMeasured, now: datetime
) -> Deadlines:
    """Return an item's deadlines; invoices stay open for `grace` after their month.

    What is past its timestamp's limit is not sent any more: half a day before Stripe
    would refuse it.
    """
    uncertain_since = item.in_doubt_since
    cancel_until = uncertain_since and uncertain_since + CANCELLABLE_FOR
    return Deadlines(
        item=item,
        cancel_until=cancel_until,
        invoice_until=BillingPeriod.of(item.hour).end + grace,
        bill_until=item.timestamp + OLDEST_TIMESTAMP,
        provable_at=_provable_at(item, lags, now),
    )


def _provable_at(item: OpenItem, lags: LagsMeasured, now: datetime) -> datetime | None:
    if item.state != FailReason.UNCERTAIN:
        return None
    rule = rule_before_resend(item.first_unknown_at, lags, now)
    return provable_at(item.readings, item.in_doubt_since, rule, now)
