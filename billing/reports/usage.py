"""The usage of a month, by customer, account or day, with a total that adds up."""

from dataclasses import dataclass

from billing.domain.money import format_micro
from billing.domain.period import BillingPeriod
from billing.ledger.closing import closed_month
from billing.ledger.database import Ledger
from billing.ledger.usage_totals import Key, UsageTotal, currency_of, totals_by
from billing.reports.sheet import Column, Kind, Report, Sheet
from billing.reports.spelling import Document

__all__ = ["COLUMNS", "Key", "UsageReport", "figures", "read_usage", "total_line"]

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
DEFAULT_CURRENCY = "usd"


@dataclass(frozen=True, slots=True)
class UsageReport:
    """A month's usage by one key."""

    period: BillingPeriod
    key: Key
    currency: str
    totals: dict[str, UsageTotal]
    provisional: bool

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
            "provisional": self.provisional,
            "rows": lines,
            "total": self.line(self.total),
        }

    def report(self) -> Report:
        """Return the report in the form that is written down."""
        sheet = Sheet(
            f"By {self.key}",
            f"Usage {self.period} by {self.key}, amounts in {self.currency}",
            [Column(self.key), *COLUMNS],
            [[name, *figures(total)] for name, total in self.totals.items()],
            currency=self.currency,
            total=True,
            provisional=self.provisional,
        )
        name = f"usage-{self.period}-by-{self.key}"
        return Report(name, [sheet], sheet, self.document())


def read_usage(ledger: Ledger, period: BillingPeriod, key: Key) -> UsageReport:
    """Return a month's usage by a key. Raises LedgerFault."""
    with ledger.reading() as connection:
        currency = currency_of(connection, period) or DEFAULT_CURRENCY
        totals = totals_by(connection, period, key)
        is_open = closed_month(connection, period) is None
        return UsageReport(period, key, currency, totals, is_open)


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


def total_line(total: UsageTotal, currency: str) -> Document:
    """Return a total with stable names; amounts are exact decimal strings."""
    pairs = zip(COLUMNS, figures(total), strict=True)
    return {
        column.name: format_micro(value, currency)
        if column.kind is Kind.MONEY
        else value
        for column, value in pairs
    }
