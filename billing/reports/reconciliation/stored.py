"""The reconciliation of a month as it was kept: totals, breaks, ages, and who knows.

Ages are counted to the last that is known of the month: the end of its newest run, or
what somebody decided since. So the same ledger makes the same report at any time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from billing.domain.break_causes import Cause
from billing.domain.period import BillingPeriod
from billing.errors import BadInput
from billing.ledger.close.period_close import closed_month
from billing.ledger.database import Ledger
from billing.ledger.queries.usage_totals import currency_of
from billing.ledger.reconcile.case_list import Case, CaseFilter, list_cases
from billing.ledger.reconcile.stored_runs import (
    KeptBreak,
    KeptReading,
    KeptRun,
    newest_run,
)

_DAY = timedelta(days=1)
AGES = (
    ("under a day", _DAY),
    ("1 to 7 days", 7 * _DAY),
    ("7 to 30 days", 30 * _DAY),
    ("over 30 days", timedelta.max),
)


class Sum(NamedTuple):
    """Some breaks: how many, and what they come to."""

    breaks: int = 0
    minutes: int = 0
    amount_micro: int = 0
    is_priced: bool = True  # whether the amount of each is known

    def plus(self, added: KeptBreak | Case) -> "Sum":
        """Return it with one more break."""
        return Sum(
            breaks=self.breaks + 1,
            minutes=self.minutes + added.minutes,
            amount_micro=self.amount_micro + added.amount_micro,
            is_priced=self.is_priced and added.known_amount_micro is not None,
        )


@dataclass(frozen=True, slots=True)
class Reconciled:
    """A month's newest reconciliation, with the life of each break."""

    period: BillingPeriod
    currency: str
    run: KeptRun
    cases: tuple[Case, ...]
    provisional: bool

    @property
    def as_of(self) -> datetime:
        """The last moment that something is known of."""
        moments = (
            moment
            for case in self.cases
            for moment in (case.acknowledged_at, case.resolved_at)
            if moment is not None
        )
        return max((self.run.finished_at, *moments))

    @property
    def difference_minutes(self) -> int:
        """Stripe's minutes less Pamela's, over all customers."""
        readings = self.run.readings
        return sum(each.stripe_minutes - each.pamela_minutes for each in readings)

    @property
    def is_known(self) -> bool:
        """Whether the difference is settled, for every customer."""
        return self.run.settled and all(map(is_known, self.run.readings))

    def case_of(self, kept: KeptBreak) -> Case | None:
        """Return the case that a break of the run belongs to; None without one."""
        return next((case for case in self.cases if case.number == kept.case), None)

    def by_cause(self) -> dict[Cause, Sum]:
        """Return what the breaks of the run come to, by cause in its order."""
        sums: dict[Cause, Sum] = {}
        for kept in self.run.breaks:
            sums[kept.cause] = sums.get(kept.cause, Sum()).plus(kept)
        return {cause: sums[cause] for cause in Cause if cause in sums}

    def by_age(self) -> dict[str, Sum]:
        """Return what the open breaks come to, by how long they have been open."""
        sums = {name: Sum() for name, _ in AGES}
        for case in self.open_cases():
            name = age_name(case.age_at(self.as_of))
            sums[name] = sums[name].plus(case)
        return sums

    def open_cases(self) -> Iterable[Case]:
        """Yield the cases that nothing has resolved."""
        return (case for case in self.cases if case.resolved_at is None)


def is_known(reading: KeptReading) -> bool:
    """Say whether a customer's difference is settled, and nothing is uncertain."""
    return reading.settled and not reading.unknown_minutes


def age_name(age: timedelta) -> str:
    """Say in words how old something is."""
    return next(name for name, end in AGES if age < end)


def read_reconciled(ledger: Ledger, period: BillingPeriod) -> Reconciled:
    """Return the newest reconciliation of a month; raises BadInput without one."""
    with ledger.reading() as connection:
        run = newest_run(connection, period)
        if run is None:
            raise BadInput(
                f"{period} was never reconciled: run `pamela-billing reconcile "
                f"{period}`"
            )
        return Reconciled(
            period=period,
            currency=currency_of(connection, period) or "usd",
            run=run,
            cases=tuple(
                list_cases(connection, CaseFilter(period=period, resolved=True))
            ),
            provisional=closed_month(connection, period) is None,
        )
