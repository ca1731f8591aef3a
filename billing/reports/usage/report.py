"""The usage of a month by any key, with last month beside it and a forecast."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.domain.forecast import can_forecast, forecast
from billing.domain.money import format_micro
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
    UsageTotal,
    currency_of,
    known_until,
    totals_by,
)
from billing.reports.sheets.formatting import Document, spell
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
DEFAULT_CURRENCY = "usd"
Totals = Mapping[Heading, UsageTotal]


@dataclass(frozen=True, slots=True)
class Outlook:
    """A customer's month so far, the month before, and what this one may come to."""

    customer: str
    now: UsageTotal
    before: UsageTotal
    minutes: int | None
    amount_micro: int | None


@dataclass(frozen=True, slots=True)
class UsageReport:
    """A month's usage; `key` is the one that was asked for, among others."""

    period: BillingPeriod
    key: Key
    currency: str
    by: Mapping[Key, Totals]
    before: Totals  # of last month, by customer
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
    def has_forecast(self) -> bool:
        """Whether enough of the month is over, and not all of it."""
        return can_forecast(self.period, self.known_until)

    def outlooks(self) -> Sequence[Outlook]:
        """Return each customer's outlook, those of last month too."""
        now, until = self.by["customer"], self.known_until
        found = []
        for name in sorted(map(str, {*now, *self.before})):
            total = now.get(name, UsageTotal())
            minutes = amount = None
            if self.has_forecast and until is not None:
                minutes = forecast(total.billed_minutes, self.period, until)
                amount = forecast(total.billed_amount_micro, self.period, until)
            before = self.before.get(name, UsageTotal())
            found.append(
                Outlook(
                    customer=name,
                    now=total,
                    before=before,
                    minutes=minutes,
                    amount_micro=amount,
                )
            )
        return found

    def line(self, total: UsageTotal) -> Document:
        """Return one line with stable names; amounts are exact decimal strings."""
        pairs = zip(COLUMNS, figures(total), strict=True)
        return {
            column.name: self.amount(value) if column.kind is Kind.MONEY else value
            for column, value in pairs
        }

    def amount(self, amount_micro: int) -> str:
        """Spell an amount in the report's currency."""
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
            "known_until": spell(self.known_until),
            "forecast_method": METHOD if self.has_forecast else None,
            "outlook": [self._outlook(one) for one in self.outlooks()],
        }

    def _outlook(self, one: Outlook) -> Document:
        amount = one.amount_micro
        return {
            "customer": one.customer,
            "billed_minutes": one.now.billed_minutes,
            "billed_amount": self.amount(one.now.billed_amount_micro),
            "last_month_minutes": one.before.billed_minutes,
            "last_month_amount": self.amount(one.before.billed_amount_micro),
            "forecast_minutes": one.minutes,
            "forecast_amount": None if amount is None else self.amount(amount),
        }


def read_usage(
    ledger: Ledger,
    period: BillingPeriod,
    key: Key,
    *,
    by_all: bool = False,
    may_be_new: bool = False,
) -> UsageReport:
    """Return a month's usage by a key, or by all of them.

    Raises BadInput for an unknown key or month (unless that may have only begun).
    """
    with ledger.reading() as connection:
        known = [*KEYS, *(METADATA + name for name in kept_keys(connection))]
        if key not in known:
            if key.startswith(METADATA):
                raise BadInput(
                    f"no value of {key.removeprefix(METADATA)} is kept; name it in "
                    "report_metadata in the settings, and the next pull keeps it"
                )
            raise BadInput(
                f"usage is not summed by {key}; it can be by {', '.join(known)}"
                f"{did_you_mean(key, known)}"
            )
        keys = known if by_all else dict.fromkeys((key, KEYS[0]))
        if not may_be_new:
            refuse_unknown_month(connection, period)
        return UsageReport(
            period=period,
            key=key,
            currency=currency_of(connection, period) or DEFAULT_CURRENCY,
            by={each: totals_by(connection, period, each) for each in keys},
            before=totals_by(connection, period.previous, "customer"),
            known_until=known_until(connection, period),
            provisional=closed_month(connection, period) is None,
        )


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
    """Spell what a line is about."""
    if isinstance(heading, datetime):
        return spell(heading) or ""
    return str(heading)
