"""The usage of a month by any key, with last month beside it and a forecast."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from billing.domain.forecast import can_forecast, forecast
from billing.domain.money import DEFAULT_CURRENCY, format_micro
from billing.domain.period import BillingPeriod
from billing.domain.suggestion import did_you_mean
from billing.errors import BadInput
from billing.ledger.close.period_close import closed_month
from billing.ledger.database import Ledger
from billing.ledger.known_months import refuse_unknown_month
from billing.ledger.pull.call_metadata import kept_keys
from billing.ledger.queries.usage_totals import (
    KEYS,
    METADATA,
    Heading,
    Key,
    LedgerUsage,
    UsageTotal,
    known_until,
)
from billing.reports.sheets.formatting import Document, format_time
from billing.reports.sheets.sheet import Column, Kind

__all__ = [
    "COLUMNS",
    "KEYS",
    "METADATA",
    "Key",
    "UsageReport",
    "column_of",
    "format_heading",
    "read_usage",
]

COLUMNS = (
    Column("calls", Kind.COUNT),
    Column("minutes", Kind.MINUTES),
    Column("amount", Kind.MONEY),
    Column("adjustments", Kind.COUNT),
    Column("adjusted_minutes", Kind.MINUTES),
    Column("adjusted_amount", Kind.MONEY),
    Column("billed_minutes", Kind.MINUTES),
    Column("billed_amount", Kind.MONEY),
)
METHOD = "minutes and amounts so far times the month's length by what is over of it"
Totals = Mapping[Heading, UsageTotal]


@dataclass(frozen=True, slots=True)
class Outlook:
    """A customer's month so far, the month before, and what this one may come to."""

    customer: str
    now: UsageTotal
    before: UsageTotal | None  # None: nobody ever pulled last month
    minutes: int | None
    amount_micro: int | None


@dataclass(frozen=True, slots=True)
class UsageReport:
    """A month's usage; `key` is the one that was asked for, among others."""

    period: BillingPeriod
    key: Key
    currency: str
    by: Mapping[Key, Totals]
    before: Totals | None  # of last month, by customer; None: it was never pulled
    known_until: datetime | None
    provisional: bool

    @property
    def totals(self) -> Totals:
        """The lines by the key that was asked for."""
        return self.by[self.key]

    @property
    def total(self) -> UsageTotal:
        """The sum of all lines."""
        return sum(self.totals.values(), UsageTotal())

    @property
    def is_running(self) -> bool:
        """Whether more of the month is to come than what is known."""
        return self.known_until is None or self.known_until < self.period.end

    @property
    def has_forecast(self) -> bool:
        """Whether enough of the month is over, and not all of it."""
        return can_forecast(self.period, self.known_until)

    def outlooks(self) -> Sequence[Outlook]:
        """Return each customer's outlook, those of last month too."""
        now, until = self.by["customer"], self.known_until
        outlooks = []
        for name in sorted(map(str, {*now, *(self.before or {})})):
            total = now.get(name, UsageTotal())
            minutes = amount = None
            if self.has_forecast and until is not None:
                minutes = forecast(total.billed_minutes, self.period, until)
                amount = forecast(total.billed_amount_micro, self.period, until)
            before = self.before
            outlooks.append(
                Outlook(
                    customer=name,
                    now=total,
                    before=None if before is None else before.get(name, UsageTotal()),
                    minutes=minutes,
                    amount_micro=amount,
                )
            )
        return outlooks

    def line(self, total: UsageTotal) -> Document:
        """Return one line with stable names; amounts are exact decimal strings."""
        return total_line(total, self.currency)

    def amount(self, amount_micro: int) -> str:
        """Format an amount in the report's currency."""
        return format_micro(amount_micro, self.currency)

    def document(self) -> Document:
        """Return the report with stable names."""
        lines = [
            {column_of(self.key): format_heading(heading), **self.line(total)}
            for heading, total in self.totals.items()
        ]
        return {
            "period": str(self.period),
            "by": self.key,
            "currency": self.currency,
            "provisional": self.provisional,
            "rows": lines,
            "total": self.line(self.total),
            "known_until": format_time(self.known_until),
            "forecast_method": METHOD if self.has_forecast else None,
            "outlook": [self._outlook(outlook) for outlook in self.outlooks()],
        }

    def _outlook(self, outlook: Outlook) -> Document:
        before, amount = outlook.before, outlook.amount_micro
        return {
            "customer": outlook.customer,
            "billed_minutes": outlook.now.billed_minutes,
            "billed_amount": self.amount(outlook.now.billed_amount_micro),
            "last_month_minutes": before and before.billed_minutes,
            "last_month_amount": before and self.amount(before.billed_amount_micro),
            "forecast_minutes": outlook.minutes,
            "forecast_amount": None if amount is None else self.amount(amount),
        }


class TotalsSource(Protocol):
    """Who adds up usage rows: the ledger, or a lake that was written from it."""

    def totals(
        self, periods: Sequence[BillingPeriod], key: Key
    ) -> Mapping[Heading, UsageTotal]:
        """Return the totals of some months by the key, in its order."""
        ...

    def currency(self, period: BillingPeriod) -> str | None:
        """Return the currency of a month's rows; None when there are none."""
        ...


def read_usage(
    ledger: Ledger,
    period: BillingPeriod,
    key: Key,
    *,
    by_all: bool = False,
    may_be_new: bool = False,
    lake: TotalsSource | None = None,
) -> UsageReport:
    """Return a month's usage by a key, or by all of them.

    Closed months are added up by the lake, if there is one. Raises BadInput for an
    unknown key or month (unless that may have only begun).
    """
    with ledger.reading() as connection:
        metadata = [METADATA + name for name in kept_keys(connection)]
        refuse_unknown_key(key, [*KEYS, *metadata])
        all_keys = [*KEYS] if lake else [*KEYS, *metadata]
        keys = all_keys if by_all else dict.fromkeys((key, KEYS[0]))
        if not may_be_new:
            refuse_unknown_month(connection, period)
        own = LedgerUsage(connection)
        source = lake or own
        is_closed = closed_month(connection, period.previous) is not None
        before_from = source if is_closed else own
        before = before_from.totals([period.previous], "customer")
        was_pulled = before or known_until(connection, period.previous) is not None
        return UsageReport(
            period=period,
            key=key,
            currency=source.currency(period) or DEFAULT_CURRENCY,
            by={each: source.totals([period], each) for each in keys},
            before=before if was_pulled else None,
            known_until=known_until(connection, period),
            provisional=closed_month(connection, period) is None,
        )


def refuse_unknown_key(key: Key, keys: Sequence[Key]) -> None:
    """Raise BadInput for a key that usage is not summed by."""
    if key in keys:
        return
    if key.startswith(METADATA):
        raise BadInput(
            f"no value of {key.removeprefix(METADATA)} is kept; name it in "
            "report_metadata in the settings, and the next pull keeps it"
        )
    raise BadInput(
        f"usage is not summed by {key}; it can be by {', '.join(keys)}"
        f"{did_you_mean(key, keys)}"
    )


def total_line(total: UsageTotal, currency: str) -> Document:
    """Return one line with stable names; amounts are exact decimal strings."""
    pairs = zip(COLUMNS, figures(total), strict=True)
    return {
        column.name: format_micro(value, currency)
        if column.kind is Kind.MONEY
        else value
        for column, value in pairs
    }


def figures(total: UsageTotal) -> list[int]:
    """Return a total's figures in the order of COLUMNS."""
    return [
        total.calls,
        total.minutes,
        total.amount_micro,
        total.adjustments,
        total.adjusted_minutes,
        total.adjusted_amount_micro,
        total.billed_minutes,
        total.billed_amount_micro,
    ]


def column_of(key: Key) -> str:
    """Return the name of the column that a key's values stand in."""
    return "value" if key.startswith(METADATA) else key


def format_heading(heading: Heading) -> str:
    """Format what a line is about."""
    if isinstance(heading, datetime):
        return format_time(heading) or ""
    return str(heading)
