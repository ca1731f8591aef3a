"""Cycle record: a cycle's start and end are kept, and keeping them stops nothing."""

from datetime import timedelta

from billing.domain.cycle_schedule import CycleOutcome
from billing.errors import BillingError, ClockBehind
from billing.ledger import cycle_runs
from billing.ledger.audit.audit_log import Actor
from billing.ledger.cycle_runs import CycleEnd
from billing.ledger.database import Ledger
from billing.pipeline.cycle import CycleOptions
from billing.pipeline.cycle_report import CycleReport

# Daemons on several machines may differ by so much, and nothing is wrong.
CLOCKS_DIFFER = timedelta(days=1)


class CycleRecord:
    """What the ledger keeps of one cycle."""

    def __init__(self, ledger: Ledger, options: CycleOptions) -> None:
        self._ledger, self._options = ledger, options
        self._number: int | None = None
        self._counter = timedelta()

    def clock_fault(self) -> BillingError | None:
        """Return what is wrong with a clock that an earlier cycle was well ahead of."""
        now = self._options.clock.now()
        try:
            with self._ledger.reading() as connection:
                latest = cycle_runs.latest_start(connection)
        except BillingError as fault:
            return fault
        if latest is None or latest - now < CLOCKS_DIFFER:
            return None
        return ClockBehind(now, latest)

    def start(self) -> BillingError | None:
        """Keep that it begins; returns why that cannot be kept."""
        try:
            self._counter = self._options.clock.elapsed()
            with self._ledger.writing() as connection:
                self._number = cycle_runs.record_start(
                    connection, self._actor(), self._options.trigger
                )
        except BillingError as fault:
            return fault
        return None

    def end(self, report: CycleReport) -> BillingError | None:
        """Keep how it ended; returns why that cannot be kept."""
        if self._number is None:
            return None
        try:
            with self._ledger.writing() as connection:
                end = CycleEnd(
                    outcome_of(report, stopped=self._options.stopping()),
                    [*report.errors, *self._options.untold],
                    self._options.clock.elapsed() - self._counter,
                )
                actor = self._actor()
                cycle_runs.record_end(connection, actor, self._number, end)
        except BillingError as fault:
            return fault
        return None

    def _actor(self) -> Actor:
        return Actor(self._options.actor, self._options.clock.now())


def outcome_of(report: CycleReport, *, stopped: bool) -> CycleOutcome:
    """Say how a cycle ended."""
    if report.refused:
        return CycleOutcome.REFUSED
    if stopped:
        return CycleOutcome.STOPPED
    if report.errors or (report.sync and not report.sync.clean):
        return CycleOutcome.FAILED
    return CycleOutcome.BREAKS if report.failed else CycleOutcome.CLEAN
