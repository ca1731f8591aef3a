"""Deadlines: until when what is open can be cancelled, reach its invoice, be billed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from billing.domain.meter_event import OLDEST_TIMESTAMP
from billing.domain.period import BillingPeriod

# Stripe cancels an event within a day of receiving it.
CANCELLABLE_FOR = timedelta(hours=24)


class Limit(StrEnum):
    """What can be done until a deadline, and no more after it."""

    CANCEL = "cancel"  # take back what was perhaps counted
    INVOICE = "invoice"  # be on the invoice of its own month
    BILL = "bill"  # be taken by the meter at all


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


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Until when something can still be done about an open item."""

    item: OpenItem
    cancel_until: datetime | None
    invoice_until: datetime
    bill_until: datetime

    def next_at(self, now: datetime) -> tuple[Limit, datetime] | None:
        """Return the nearest deadline that can still be met; None when none can.

        What Stripe takes no more reaches no invoice either; what was counted by then
        can be taken back all the same.
        """
        too_old = self.bill_until < now
        ahead = [
            (until, limit)
            for limit, until in (
                (Limit.CANCEL, self.cancel_until),
                (Limit.INVOICE, None if too_old else self.invoice_until),
                (Limit.BILL, self.bill_until),
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


def deadlines_of(item: OpenItem, grace: timedelta) -> Deadlines:
    """Return an item's deadlines; invoices stay open for `grace` after their month.

    What is past its timestamp's limit is not sent any more: half a day before Stripe
    would refuse it.
    """
    uncertain_since = item.in_doubt_since
    return Deadlines(
        item,
        None if uncertain_since is None else uncertain_since + CANCELLABLE_FOR,
        BillingPeriod.of(item.hour).end + grace,
        item.timestamp + OLDEST_TIMESTAMP,
    )
