"""The overview of some months: per customer, what is billed and what Stripe counted."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from billing.domain.breaks import MeterVerdict
from billing.domain.money import format_micro
from billing.domain.period import BillingPeriod
from billing.ledger.database import Ledger
from billing.ledger.queries import period_status
from billing.ledger.queries.usage_totals import UsageTotal, totals_by
from billing.ledger.reconcile.runs import Reconciliation
from billing.reports.sheets.cells import UNKNOWN, format_amount
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
    difference_minutes: int | None  # None: not settled yet

    def values(self, currency: str) -> list[str | int | None]:
        """Return the line in the order of FIELDS."""
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
            difference_minutes=_sum(line.difference_minutes for line in self.lines),
        )

    def table(self) -> list[list[str]]:
        """Return the lines, the total last, as texts."""
        return [
            [
                line.customer,
                f"{line.usage.calls:,}",
                f"{line.usage.billed_minutes:,}",
                format_amount(line.usage.billed_amount_micro, self.currency),
                f"{line.synced_minutes:,}",
                f"{line.stripe_minutes:,}",
                UNKNOWN
                if line.difference_minutes is None
                else f"{line.difference_minutes:,}",
            ]
            for line in [*self.lines, self.total]
        ]

    def document(self) -> list[Document]:
        """Return the lines with stable names; amounts are decimal strings."""
        return [
            dict(zip(FIELDS, line.values(self.currency), strict=True))
            for line in self.lines
        ]


def read_overview(
    ledger: Ledger, reconciliations: Sequence[Reconciliation], currency: str
) -> Overview:
    """Return an overview of the months that were reconciled. Raises LedgerFault."""
    usage: dict[str, UsageTotal] = {}
    synced: Counter[str] = Counter()
    stripe: Counter[str] = Counter()
    differences: dict[str, list[int | None]] = defaultdict(list)
    for report in reconciliations:
        billed, on_meter = _month(ledger, report.period)
        for name, total in billed.items():
            usage[name] = usage.get(name, UsageTotal()) + total
        synced.update(on_meter)
        for finding in report.customers:
            stripe[finding.customer] += finding.stripe_minutes
            waits = finding.verdict is MeterVerdict.WAITING
            minutes = None if waits else finding.difference_minutes
            differences[finding.customer].append(minutes)
    names = sorted({*usage, *stripe})
    return Overview(
        currency,
        tuple(
            OverviewLine(
                customer=name,
                usage=usage.get(name, UsageTotal()),
                synced_minutes=synced[name],
                stripe_minutes=stripe[name],
                difference_minutes=_sum(differences[name]),
            )
            for name in names
        ),
    )


def _sum(minutes: Iterable[int | None]) -> int | None:
    """Add minutes up; a sum over something unknown is unknown."""
    terms = list(minutes)
    known = [term for term in terms if term is not None]
    return sum(known) if len(known) == len(terms) else None


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
