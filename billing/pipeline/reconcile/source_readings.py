"""The sources' own figures of a month, and the months that do not add up to them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from billing.domain.period import BillingPeriod
from billing.errors import SourceFault
from billing.ledger.database import Ledger
from billing.ledger.reconcile import ledger_totals
from billing.pipeline.concurrency import Concurrency
from billing.pipeline.pull.account_rules import AccountRules
from billing.pipeline.pull.identity import Sources
from billing.pipeline.reconcile.fresh_month import FreshMonth, read_again
from billing.pipeline.reconcile.source_side import SourceSide
from billing.ports import UsageSource


@dataclass(frozen=True, slots=True)
class SourceReadings:
    """What each account says of a month; one that cannot be read ends its own part."""

    sources: Sources
    period: BillingPeriod
    now: datetime
    totals: dict[str, int | None] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)

    def read_totals(self) -> None:
        """Read every account's own total; raises SourceFault when none can be read."""
        for source, _ in self.sources:
            try:
                minutes = source.read_totals(self.period).billed_minutes
            except SourceFault as fault:
                self._leave_out(source.account, fault)
            else:
                self.totals[source.account] = minutes

    def read_again(
        self,
        ledger: Ledger,
        accounts: Collection[str],
        sides: Mapping[str, SourceSide],
        concurrency: Concurrency,
    ) -> dict[str, FreshMonth]:
        """Read these accounts again, call by call; raises SourceFault when none can."""
        fresh = {}
        for source, rules in self.sources:
            if source.account not in accounts:
                continue
            try:
                fresh[source.account] = self._fresh_month(
                    ledger,
                    source,
                    rules,
                    sides[source.account].usage_minutes,
                    concurrency,
                )
            except SourceFault as fault:
                self._leave_out(source.account, fault)
        return fresh

    def _fresh_month(
        self,
        ledger: Ledger,
        source: UsageSource,
        rules: AccountRules,
        usage_minutes: int | None,
        concurrency: Concurrency,
    ) -> FreshMonth:
        with ledger.reading() as connection:
            known = ledger_totals.known_calls(connection, self.period, source.account)
        return read_again(
            ledger,
            source,
            rules,
            self.period,
            self.now,
            usage_minutes=usage_minutes,
            known=known,
            concurrency=concurrency,
        )

    def _leave_out(self, account: str, fault: SourceFault) -> None:
        self.unread[account] = str(fault)
        self.totals.pop(account, None)
        if len(self.unread) == len(self.sources):
            raise fault
