"""The statement of one customer's month: its days, its corrections, its total."""

from dataclasses import dataclass

from billing.domain.money import format_micro
from billing.domain.period import BillingPeriod
from billing.errors import BadInput
from billing.ledger.closing import closed_month
from billing.ledger.database import Ledger
from billing.ledger.standing import SyncStanding, sync_standing
from billing.ledger.usage_totals import (
    Adjustment,
    UsageTotal,
    adjustments,
    currency_of,
    known_customers,
    totals_by,
)
from billing.reports.sheet import Column, Kind, Report, Row, Sheet
from billing.reports.spelling import Document, spell
from billing.reports.standing import by_state
from billing.reports.usage import DEFAULT_CURRENCY

COLUMNS = (
    Column("kind"),
    Column("day"),
    Column("call"),
    Column("calls", Kind.COUNT),
    Column("minutes", Kind.MINUTES),
    Column("amount", Kind.MONEY),
)


@dataclass(frozen=True, slots=True)
class Statement:
    """What one customer is billed for a month, and how far it is reported."""

    period: BillingPeriod
    customer: str
    stripe_customer: str
    currency: str
    days: dict[str, UsageTotal]
    adjustments: list[Adjustment]
    sync: SyncStanding
    provisional: bool

    @property
    def total(self) -> UsageTotal:
        """The sum of all days, corrections too."""
        return sum(self.days.values(), UsageTotal())

    def amount(self, amount_micro: int) -> str:
        """Spell an amount in the statement's currency."""
        return format_micro(amount_micro, self.currency)

    def document(self) -> Document:
        """Return the statement with stable names; amounts are decimal strings."""
        total = self.total
        return {
            "period": str(self.period),
            "customer": self.customer,
            "stripe_customer": self.stripe_customer,
            "currency": self.currency,
            "provisional": self.provisional,
            "days": [
                {
                    "day": day,
                    "calls": line.calls,
                    "minutes": line.minutes,
                    "amount": self.amount(line.amount_micro),
                }
                for day, line in self.days.items()
                if line.calls
            ],
            "usage": self._sum(total.minutes, total.amount_micro, calls=total.calls),
            "adjustments": [self._adjustment(item) for item in self.adjustments],
            "adjusted": self._sum(total.adjusted_minutes, total.adjusted_amount_micro),
            "total": self._sum(total.billed_minutes, total.billed_amount_micro),
            "sync": {
                "rows": by_state(self.sync.rows),
                "minutes": by_state(self.sync.minutes),
                "failed_reasons": dict(self.sync.failed_reasons),
            },
        }

    def report(self) -> Report:
        """Return the statement in the form that is written down."""
        rows: list[Row] = [
            ["usage", day, None, t.calls, t.minutes, t.amount_micro]
            for day, t in self.days.items()
            if t.calls
        ]
        for item in self.adjustments:
            day, amount = item.hour.date().isoformat(), item.amount_micro
            rows.append(["adjustment", day, item.call_id, None, item.minutes, amount])
        title = f"{self.customer} ({self.stripe_customer}), {self.period}"
        sheet = Sheet(
            "Statement",
            f"{title}, in {self.currency}",
            COLUMNS,
            rows,
            currency=self.currency,
            total=True,
            provisional=self.provisional,
        )
        name = f"statement-{self.period}-{self.customer}"
        return Report(name, [sheet], sheet, self.document())

    def _sum(self, minutes: int, amount_micro: int, **counts: int) -> Document:
        return {**counts, "minutes": minutes, "amount": self.amount(amount_micro)}

    def _adjustment(self, item: Adjustment) -> Document:
        return {
            "call": item.call_id,
            "account": item.account,
            "hour": spell(item.hour),
            "posted_at": spell(item.posted_at),
            "minutes": item.minutes,
            "amount": self.amount(item.amount_micro),
        }


def read_statement(ledger: Ledger, period: BillingPeriod, customer: str) -> Statement:
    """Return a customer's statement; raises BadInput for an unknown customer."""
    with ledger.reading() as connection:
        known = known_customers(connection)
        if customer not in known:
            names = ", ".join(known) or "none"
            raise BadInput(f"there is no customer {customer}; the ledger knows {names}")
        return Statement(
            period,
            customer,
            known[customer],
            currency_of(connection, period) or DEFAULT_CURRENCY,
            totals_by(connection, period, "day", only_customer=customer),
            adjustments(connection, period, customer),
            sync_standing(connection, period, customer),
            closed_month(connection, period) is None,
        )
