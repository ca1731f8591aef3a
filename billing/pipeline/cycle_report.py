"""What one cycle did, step by step."""

from collections.abc import Callable
from dataclasses import dataclass, field

from billing.domain.period import BillingPeriod
from billing.errors import BillingError, InvariantViolated
from billing.ledger.pull.pulls import Certificate
from billing.ledger.reconcile.runs import Reconciliation
from billing.pipeline.adopt.shadow import ShadowReport
from billing.pipeline.sync.sync import SyncReport


@dataclass(frozen=True, slots=True)
class PullResult:
    """How one account's month was pulled, or why it was not."""

    account: str
    period: BillingPeriod
    certificate: Certificate | None = None
    error: str | None = None
    refused: bool = False  # what it was to correct violates an invariant


@dataclass(frozen=True, slots=True)
class DoneElsewhere:
    """A month that another process reconciles, or has just reconciled."""

    period: BillingPeriod


Step = (
    PullResult
    | SyncReport
    | ShadowReport
    | Reconciliation
    | DoneElsewhere
    | BillingError
)


def on_step_ignored(_step: Step) -> None:
    """Listen to no step."""


@dataclass(slots=True)
class CycleReport:
    """What one cycle did; errors say what failed, and what was done stays done."""

    pulls: list[PullResult] = field(default_factory=list)
    sync: SyncReport | None = None
    shadow: ShadowReport | None = None
    reconciliations: list[Reconciliation] = field(default_factory=list)
    elsewhere: list[BillingPeriod] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    refused: bool = False
    on_step: Callable[[Step], None] = field(default=on_step_ignored, repr=False)

    def add(self, step: Step) -> None:
        """Take a step in, and pass it on."""
        match step:
            case PullResult():
                self.pulls.append(step)
                error = step.error
                self.refused |= step.refused
            case SyncReport():
                self.sync = step
                error = step.stopped_because and f"Stripe: {step.stopped_because}"
            case ShadowReport():
                self.shadow = step
                error = "; ".join(step.faults) or None
            case DoneElsewhere():
                self.elsewhere.append(step.period)
                error = None
            case BillingError():
                error = str(step)
                self.refused |= isinstance(step, InvariantViolated)
            case _:
                self.reconciliations.append(step)
                error = None
        if error:
            self.errors.append(error)
        self.on_step(step)

    @property
    def failed(self) -> bool:
        """Whether a part failed or found what the next hours will not fix."""
        return bool(
            self.errors
            or (self.sync and not self.sync.clean)
            or (self.shadow and self.shadow.verdict.broken)
            or any(run.needs_a_person for run in self.reconciliations)
        )
