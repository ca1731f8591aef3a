"""Views: the ledger at one moment, and what the meter showed beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from billing.ledger.reconcile.month_snapshot import MonthSnapshot
from billing.ledger.reconcile.synced_totals import MeterCustomer
from billing.pipeline.reconcile.comparison import CustomerComparison
from billing.pipeline.reconcile.source_side import SourceSide


@dataclass(frozen=True, slots=True)
class LedgerView:
    """The ledger at one moment, with the sources' sides and every customer's."""

    month: MonthSnapshot
    sources: Mapping[str, SourceSide]
    customers: Mapping[str, CustomerComparison]

    @property
    def meter_customers(self) -> list[MeterCustomer]:
        """Every customer by the names that Stripe has of it."""
        return [name for each in self.customers.values() for name in each.synced]


@dataclass(frozen=True, slots=True)
class MeterReadings:
    """What the meter shows of all customers, and of whom its hours were read."""

    differing: frozenset[str]
    totals: Mapping[MeterCustomer, int | None]
    hours: Mapping[MeterCustomer, Mapping[datetime, int]]
