"""Earlier months: one that no cycle reads any more is read whole again, when due."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

from billing.domain.period import BillingPeriod
from billing.domain.rereading import MonthReading, due_month, is_due
from billing.errors import BillingError
from billing.ledger import registry
from billing.ledger.database import Ledger
from billing.ledger.locking.locks import try_lock
from billing.ledger.pull.whole_readings import month_readings
from billing.ledger.reconcile.runs import Reconciliation
from billing.pipeline.concurrency import Progress
from billing.pipeline.cycle_report import PullResult
from billing.pipeline.pull.account_rules import AccountRules
from billing.pipeline.pull.pull import PullOptions, pull_usage
from billing.pipeline.reconcile.reconcile import ReconcileOptions, reconcile_period
from billing.ports import Meter, UsageSource


@dataclass(frozen=True, slots=True)
class EarlierMonths:
    """The months before those of a cycle, with what it takes to read one again."""

    ledger: Ledger
    meter: Meter
    options: ReconcileOptions
    first_period: BillingPeriod
    besides: Collection[BillingPeriod]  # which the cycle itself reads
    watch: Callable[[str], Progress]

    def read_due(self) -> Iterator[PullResult | Reconciliation | BillingError]:
        """Read the month whose turn it is, and say what differs; mostly there is none.

        What its pull finds is posted as a correction in an open month.
        """
        try:
            due = due_month(self._readings(), self.options.clock.now())
        except BillingError as fault:
            yield fault
            return
        if due is None:
            return
        has_read = False
        for source, rules in self.options.sources:
            if source.account in due.accounts:
                result = self._pull(source, rules, due.period)
                has_read |= result.certificate is not None
                yield result
        if not has_read:
            return
        try:
            yield reconcile_period(
                self.ledger,
                self.meter,
                self.options,
                due.period,
                progress=self.watch(f"reconcile {due.period}"),
            )
        except BillingError as fault:
            yield fault

    def _readings(self) -> list[MonthReading]:
        accounts = {source.account for source, _ in self.options.sources}
        with self.ledger.reading() as connection:
            readings = month_readings(connection, accounts)
        return [
            reading
            for reading in readings
            if reading.period >= self.first_period
            and reading.period not in self.besides
        ]

    def _is_due(self, account: str, period: BillingPeriod) -> bool:
        now = self.options.clock.now()
        return any(
            is_due(reading, now)
            for reading in self._readings()
            if (reading.account, reading.period) == (account, period)
        )

    def _pull(
        self, source: UsageSource, rules: AccountRules, period: BillingPeriod
    ) -> PullResult:
        """Read an account's month, unless another process is at it or was just now."""
        with self.ledger.reading() as connection:
            known = registry.known_customers(connection)
        # Who left the settings since is still who the calls of then are of.
        rules = replace(rules, customers=rules.customers.union(known))
        options = self.options
        try:
            with try_lock(self.ledger, f"pull:{source.account}") as hold:
                if hold is None or not self._is_due(source.account, period):
                    return PullResult(account=source.label, period=period)
                certificate = pull_usage(
                    self.ledger,
                    source,
                    rules,
                    period,
                    options=PullOptions(
                        options.clock, options.actor, options.concurrency
                    ),
                    progress=self.watch(f"pull {period} {source.account}"),
                )
        except BillingError as fault:
            return PullResult(account=source.label, period=period, error=str(fault))
        return PullResult(account=source.label, period=period, certificate=certificate)
