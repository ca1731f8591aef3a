"""The ending: how the takeover came out, and whether it did as it should."""

from dataclasses import dataclass

from billing.domain.parity import ParityVerdict
from billing.domain.period import BillingPeriod
from billing.reports.reconciliation.live import Reconciliation


@dataclass(frozen=True, slots=True)
class Without:
    """What a new ledger without shadow and `adopt` comes to on the same meter."""

    refused_minutes: int  # what it found there, for which it sends nothing
    sent_events: int
    doubled_minutes: int  # derived: what it would have sent again without asking


@dataclass(frozen=True, slots=True)
class AdoptResult:
    """How the story ended."""

    month: BillingPeriod
    lost_minutes: int
    broken: ParityVerdict
    held: ParityVerdict
    customers: int
    adopted_at_kill: int
    other_minutes: int
    reconciliations: tuple[Reconciliation, ...]
    called_minutes: int
    counted_minutes: int
    without: Without

    @property
    def good(self) -> bool:
        """Whether what was lost was seen, and no minute is doubled or lost."""
        broken = sum(c.judged[-1].difference for c in self.broken.broken)
        return (
            broken == -self.lost_minutes
            and self.held.held_days >= 3
            and 0 < self.adopted_at_kill < self.customers
            and all(run.clean for run in self.reconciliations)
            and self.called_minutes == self.counted_minutes
            and self.without.sent_events == 0
            and self.without.refused_minutes > 0
        )

    @property
    def difference_minutes(self) -> int:
        """Stripe's minutes less Pamela's, over all customers."""
        return sum(run.difference_minutes for run in self.reconciliations)
