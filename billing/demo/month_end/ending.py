"""The ending: how the month end came out, and whether it did as it should."""

from dataclasses import dataclass

from billing.demo.month_end.cast import NamedCalls
from billing.demo.month_end.invoices import Missed
from billing.demo.month_end.outage import Survived
from billing.demo.month_end.rejection import Rejected
from billing.domain.break_causes import Cause
from billing.domain.break_groups import CARRIED
from billing.domain.breaks import Break, CustomerFinding, MeterVerdict
from billing.domain.close_obstacles import Obstacle
from billing.domain.period import BillingPeriod
from billing.pipeline.close import CloseReport
from billing.reports.reconciliation.live import Reconciliation

EXPECTED = CARRIED | {Cause.INVOICED_BEFORE_IT_ARRIVED}


@dataclass(frozen=True, slots=True)
class MonthEndResult:
    """How the story ended."""

    month: BillingPeriod
    survived: Survived
    rejected: Rejected
    sent_anew: int
    obstacles: tuple[Obstacle, ...]
    missed: Missed
    closed: CloseReport
    named_calls: NamedCalls
    reconciliations: tuple[Reconciliation, ...]
    currency: str
    called_minutes: int
    counted_minutes: int
    invoiced_minutes: int

    @property
    def good(self) -> bool:
        """Whether all happened as it should, and no minute is without a cause."""
        return (
            self.survived.good
            and self.rejected.good
            and self.sent_anew >= self.rejected.events
            and bool(self.obstacles)
            and all(map(_is_explained, self.customers))
            and not self.difference_minutes
            and self.called_minutes == self.counted_minutes == self._on_meter
            and self.invoiced_minutes == self._invoiced
            and self._not_invoiced == -self.missed.minutes
        )

    @property
    def customers(self) -> list[CustomerFinding]:
        """What was found of each customer, month by month."""
        return [each for run in self.reconciliations for each in run.customers]

    @property
    def adjustments(self) -> list[Break]:
        """What stands in another month than its calls, as the later month has it."""
        return [
            item
            for customer in self.reconciliations[-1].customers
            for item in customer.breaks
            if item.cause is Cause.CORRECTS_EARLIER_MONTH
        ]

    @property
    def difference_minutes(self) -> int:
        """Stripe's minutes less Pamela's, over both months and all customers."""
        return sum(run.difference_minutes for run in self.reconciliations)

    @property
    def _on_meter(self) -> int:
        return sum(customer.stripe_minutes for customer in self.customers)

    @property
    def _invoiced(self) -> int:
        return sum(customer.invoiced_minutes or 0 for customer in self.customers)

    @property
    def _not_invoiced(self) -> int:
        return sum(customer.invoice_difference or 0 for customer in self.customers)


def _is_explained(customer: CustomerFinding) -> bool:
    """Say whether a month's figures are certain, and each difference has its cause."""
    return (
        customer.verdict is MeterVerdict.EXACT
        and customer.unexplained_minutes == customer.unexplained_invoice_minutes == 0
        and {item.cause for item in customer.breaks} <= EXPECTED
    )
