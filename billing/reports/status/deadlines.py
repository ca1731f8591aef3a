"""The nearest deadlines: what has to happen, for whom, and how much time is left."""

import heapq
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.domain.deadlines import Deadlines, Limit, deadlines_of
from billing.ledger.database import Ledger
from billing.ledger.sync.open_items import open_items
from billing.reports.sheets.formatting import Document, format_span, format_time

HEADINGS = ["what", "customer", "minutes", "deadline", "time left"]
MOST = 10
# Open items can be very many: of those read, only the nearest are ever kept.
_KEPT = 100
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class NearDeadline:
    """One open item, and the nearest deadline that it still can meet."""

    deadlines: Deadlines
    limit: Limit
    until: datetime


@dataclass(slots=True)
class DeadlineReport:
    """The open items in figures, and those whose time is up first."""

    as_of: datetime
    items: int = 0
    minutes: int = 0
    missed_items: int = 0
    missed_minutes: int = 0
    nearest: tuple[NearDeadline, ...] = ()

    def document(self) -> Document:
        """Return the report with stable names."""
        return {
            "open_items": self.items,
            "open_minutes": self.minutes,
            "missed_items": self.missed_items,
            "missed_minutes": self.missed_minutes,
            "nearest": [self._item(near) for near in self.nearest],
        }

    def lines(self) -> list[list[str]]:
        """Return the nearest deadlines under HEADINGS."""
        return [
            [
                _what(near),
                near.deadlines.item.customer,
                f"{near.deadlines.item.minutes}",
                format_time(near.until) or "",
                format_span(near.until - self.as_of),
            ]
            for near in self.nearest
        ]

    def _item(self, near: NearDeadline) -> Document:
        item, deadlines = near.deadlines.item, near.deadlines
        return {
            "identifier": item.identifier,
            "customer": item.customer,
            "hour": format_time(item.hour),
            "state": item.state,
            "rows": item.rows,
            "minutes": item.minutes,
            "cancel_until": format_time(deadlines.cancel_until),
            "invoice_until": format_time(deadlines.invoice_until),
            "bill_until": format_time(deadlines.bill_until),
            "next": near.limit.value,
            "deadline": format_time(near.until),
            "seconds_left": (near.until - self.as_of) // _SECOND,
        }


def read_deadlines(
    ledger: Ledger,
    now: datetime,
    grace: timedelta,
    besides: Collection[str] = (),
) -> DeadlineReport:
    """Return the nearest deadlines of all that is open, besides some customers'.

    Raises LedgerFault.
    """
    report = DeadlineReport(as_of=now)
    near: list[NearDeadline] = []
    with ledger.reading() as connection:
        for item in open_items(connection, now):
            if item.customer in besides:
                continue
            deadlines = deadlines_of(item, grace)
            ahead = deadlines.next_at(now)
            report.items += 1
            report.minutes += item.minutes
            if ahead is None:
                report.missed_items += 1
                report.missed_minutes += item.minutes
                continue
            near.append(NearDeadline(deadlines, *ahead))
            if len(near) > _KEPT:
                near = heapq.nsmallest(MOST, near, key=_order)
    report.nearest = tuple(heapq.nsmallest(MOST, near, key=_order))
    return report


def _order(near: NearDeadline) -> tuple[datetime, datetime, str, str]:
    item = near.deadlines.item
    return near.until, item.timestamp, item.customer, item.identifier or ""


def _what(near: NearDeadline) -> str:
    item = near.deadlines.item
    named = f"{item.rows} rows of {item.hour:%Y-%m-%dT%H}, not sent"
    if item.identifier is not None:
        named = f"{item.identifier}, {item.state}"
    match near.limit:
        case Limit.CANCEL:
            return f"cancel {named}"
        case Limit.INVOICE:
            return f"reach the invoice of {near.deadlines.period}: {named}"
        case Limit.BILL:
            return f"be billed at all: {named}"
