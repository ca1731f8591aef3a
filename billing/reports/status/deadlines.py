"""The nearest deadlines: what has to happen, for whom, and how much time is left."""

import heapq
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from billing.domain.deadlines import Deadlines, Limit, deadlines_of
from billing.domain.period import BillingPeriod
from billing.ledger.database import Ledger
from billing.ledger.reconcile.summary_lags import lags_measured
from billing.ledger.sync.open_items import open_items
from billing.reports.sheets.formatting import (
    Document,
    counted,
    format_span,
    format_time,
)

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
    # Uncertain, and too old to wait for proof: a person decides.
    undecided_items: int = 0
    undecided_minutes: int = 0
    decide_until: datetime | None = None
    nearest: tuple[NearDeadline, ...] = ()
    # From when on a month's first uncertain event can be proved not to count.
    provable_from: dict[BillingPeriod, datetime] = field(default_factory=dict)

    def document(self) -> Document:
        """Return the report with stable names."""
        return {
            "open_items": self.items,
            "open_minutes": self.minutes,
            "missed_items": self.missed_items,
            "missed_minutes": self.missed_minutes,
            "undecided_items": self.undecided_items,
            "undecided_minutes": self.undecided_minutes,
            "decide_until": format_time(self.decide_until),
            "nearest": [self._item(near) for near in self.nearest],
        }

    def count(self, deadlines: Deadlines) -> tuple[Limit, datetime] | None:
        """Count an open item; return its nearest deadline, None when all are past."""
        minutes = deadlines.item.minutes
        self.items += 1
        self.minutes += minutes
        ahead = deadlines.next_at(self.as_of)
        if ahead is None:
            self.missed_items += 1
            self.missed_minutes += minutes
        elif deadlines.outlasts_proof:
            self.undecided_items += 1
            self.undecided_minutes += minutes
            until = self.decide_until or deadlines.bill_until
            self.decide_until = min(until, deadlines.bill_until)
        elif (proof := deadlines.provable_at) is not None:
            month = deadlines.period
            self.provable_from[month] = min(proof, self.provable_from.get(month, proof))
        return ahead

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
            "provable_at": format_time(deadlines.provable_at),
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
        lags = lags_measured(connection, now)
        for item in open_items(connection, now):
            if item.customer in besides:
                continue
            deadlines = deadlines_of(item, grace, lags, now)
            ahead = report.count(deadlines)
            if ahead is None:
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
    named = f"{counted(item.rows, 'row')} of {item.hour:%Y-%m-%dT%H}, not sent"
    if item.identifier is not None:
        named = f"{item.identifier}, {item.state}"
    match near.limit:
        case Limit.CANCEL:
            return f"cancel {named}"
        case Limit.INVOICE:
            return f"reach the invoice of {near.deadlines.period}: {named}"
        case Limit.BILL:
            return f"be billed at all: {named}"
        case Limit.DECIDE:
            return f"be decided by a person: {named}"
