"""The usage of a month, by customer, account or day, with a total that adds up."""

from dataclasses import dataclass

from billing.domain.money import format_micro
from billing.domain.period import BillingPeriod
from billing.ledger.database import Ledger
from billing.ledger.usage_totals import Key, UsageTotal, currency_of, totals_by
from billing.reports.spelling import Document

__all__ = ["FIELDS", "Key", "UsageReport", "read_usage", "total_line"]

FIELDS = (
    *("calls", "minutes", "amount", "adjustments"),
    *("adjusted_minutes", "adjusted_amount", "billed_minutes", "billed_amount"),
)
DEFAULT_CURRENCY = "usd"


@dataclass(frozen=True, slots=True)
class UsageReport:
    """A month's usage by one key."""

    period: BillingPeriod
    key: Key
    currency: str
    totals: dict[str, UsageTotal]

    @property
    def total(self) -> UsageTotal:
        """The sum of all lines."""
        return sum(self.totals.values(), UsageTotal())

    def line(self, total: UsageTotal) -> Document:
        """Return one line; amounts are exact decimal strings."""
        return total_line(total, self.currency)

    def document(self) -> Document:
        """Return the report with stable names."""
        lines = [{self.key: name, **self.line(t)} for name, t in self.totals.items()]
        return {
            "period": str(self.period),
            "by": self.key,
            "currency": self.currency,
            "rows": lines,
            "total": self.line(self.total),
        }

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Return the headings and the lines, the total last, as texts."""
        lines = [*self.totals.items(), ("total", self.total)]
        return [self.key, *FIELDS], [
            [name, *map(str, self.line(total).values())] for name, total in lines
        ]


def read_usage(ledger: Ledger, period: BillingPeriod, key: Key) -> UsageReport:
    """Return a month's usage by a key. Raises LedgerFault."""
    with ledger.reading() as connection:
        currency = currency_of(connection, period) or DEFAULT_CURRENCY
        return UsageReport(period, key, currency, totals_by(connection, period, key))


def total_line(total: UsageTotal, currency: str) -> Document:
    """Return a total in the order of FIELDS."""
    values = (
        total.calls,
        total.minutes,
        format_micro(total.amount_micro, currency),
        total.adjustments,
        total.adjusted_minutes,
        format_micro(total.adjusted_amount_micro, currency),
        total.billed_minutes,
        format_micro(total.billed_amount_micro, currency),
    )
    return dict(zip(FIELDS, values, strict=True))
