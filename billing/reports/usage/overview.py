"""The overview of some months: per customer, what is billed and what Stripe counted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from billing.domain.money import format_micro
from billing.domain.period import BillingPeriod
from billing.ledger.database import Ledger
from billing.ledger.queries import period_status
from billing.ledger.queries.usage_totals import UsageTotal, totals_by
from billing.ledger.reconcile.runs import Reconciliation
from billing.reports.sheets.formatting import Document

HEADINGS = [
    "customer",
    "calls",
    "minutes",
    "amount",
    "synced",
    "at Stripe",
    "difference",
]
FIELDS = (
    "customer",
    "calls",
    "minutes",
    "amount",
    "synced_minutes",
    "stripe_minutes",
    "difference_minutes",
)


@dataclass(frozen=True, slots=True)
class OverviewLine:
    """One customer over some months."""

    customer: str
    usage: UsageTotal
    synced_minutes: int
    stripe_minutes: int
    difference_minutes: int

    def values(self, currency: str) -> list[str | int]:
        """Return the line in the order of HEADINGS and FIELDS."""
        return [
            self.customer,
            self.usage.calls,
            self.usage.billed_minutes,
            format_micro(self.usage.billed_amount_micro, currency),
            self.synced_minutes,
            self.stripe_minutes,
            self.difference_minutes,
        ]


@dataclass(frozen=True, slots=True)
class Overview:
    """All customers over some months."""

    currency: str
    lines: tuple[OverviewLine, ...]

    @property
    def total(self) -> OverviewLine:
        """The sum of all lines."""
        return OverviewLine(
            customer="total",
            usage=sum((line.usage for line in self.lines), UsageTotal()),
            synced_minutes=sum(line.synced_minutes for line in self.lines),
            stripe_minutes=sum(line.stripe_minutes for line in self.lines),
            difference_minutes=sum(line.difference_minutes for line in self.lines),
        )

    def table(self) -> list[list[str]]:
        """Return the lines, the total last, as texts."""
        lines = [*self.lines, self.total]
        return [[str(value) for value in line.values(self.currency)] for line in lines]

    def document(self) -> list[Document]:
        """Return the lines with stable names; amounts are decimal strings."""
        return [
            dict(zip(FIELDS, line.values(self.currency), strict=True))
            for line in self.lines
        ]


def read_overview(
    ledger: Ledger, found: Sequence[Reconciliation], currency: str
) -> Overview:
    """Return an overview of the months that were reconciled. Raises LedgerFault."""
    usage: dict[str, UsageTotal] = {}
    synced: Counter[str] = Counter()
    stripe: Counter[str] = Counter()
    difference: Counter[str] = Counter()
    for one in found:
        billed, on_meter = _month(ledger, one.period)
        for name, total in billed.items():
            usage[name] = usage.get(name, UsageTotal()) + total
        synced.update(on_meter)
        for finding in one.customers:
            stripe[finding.customer] += finding.stripe_minutes
            difference[finding.customer] += finding.difference_minutes
    names = sorted({*usage, *stripe})
    return Overview(
        currency,
        tuple(
            OverviewLine(
                customer=name,
                usage=usage.get(name, UsageTotal()),
                synced_minutes=synced[name],
                stripe_minutes=stripe[name],
                difference_minutes=difference[name],
            )
            for name in names
        ),
    )


def count_attempts(ledger: Ledger) -> dict[str, int]:
    """Count the attempts to send by what Stripe answered. Raises LedgerFault."""
    with ledger.reading() as connection:
        return dict(period_status.attempts_by_verdict(connection))


def _month(
    ledger: Ledger, period: BillingPeriod
) -> tuple[dict[str, UsageTotal], dict[str, int]]:
    with ledger.reading() as connection:
        totals = totals_by(connection, period, "customer")
        billed = {str(name): total for name, total in totals.items()}
        return billed, period_status.synced_minutes(connection, period)
