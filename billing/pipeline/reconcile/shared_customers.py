"""Shared customers: one of Stripe's that events of several of ours carry, told apart.

A customer that was renamed, or remapped to another's, leaves such a month behind. What
the ledger knows as counted is each one's own; whatever else is shown is one's alone.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from billing.domain.breaks_invoice import InvoicedMonth
from billing.domain.posting import Charge
from billing.ledger.reconcile.synced_totals import MeterCustomer
from billing.pipeline.reconcile.comparison import CustomerComparison

Hours = dict[datetime, int]


@dataclass(frozen=True, slots=True)
class SharedCustomers:
    """Whose a shared Stripe customer's remaining minutes are, and what others have."""

    groups: Mapping[MeterCustomer, tuple[MeterCustomer, ...]]  # the others, by owner
    synced: Mapping[MeterCustomer, int]

    @classmethod
    def of(
        cls, customers: Mapping[str, CustomerComparison], names: Mapping[str, str]
    ) -> "SharedCustomers":
        """Find them; the rest is the one's that has uncertain events, or its name."""
        sharers: dict[str, list[MeterCustomer]] = defaultdict(list)
        synced = {}
        for customer in customers.values():
            for each, total in customer.synced.items():
                sharers[each.stripe_customer].append(each)
                synced[each] = total.charge.minutes
        uncertain = {
            each
            for customer in customers.values()
            for each, event in customer.unsynced
            if event.uncertain
        }

        def claim(each: MeterCustomer) -> tuple[bool, bool, str]:
            named = names.get(each.customer) == each.stripe_customer
            return each in uncertain, named, each.customer

        groups = {}
        for several in sharers.values():
            if len(several) > 1:
                *others, owner = sorted(several, key=claim)
                groups[owner] = tuple(others)
        return cls(groups, synced)

    @property
    def customers(self) -> set[str]:
        """The names of all who share."""
        others = {each for group in self.groups.values() for each in group}
        return {each.customer for each in others.union(self.groups)}

    def own_totals(
        self, totals: Mapping[MeterCustomer, int | None]
    ) -> dict[MeterCustomer, int | None]:
        """Return each one's share of a total that was read."""
        own: dict[MeterCustomer, int | None] = {}
        for owner, others in self.groups.items():
            total = totals.get(owner)
            if total is not None:
                own |= {each: self.synced[each] for each in others}
                own[owner] = total - sum(self.synced[each] for each in others)
        return own

    def own_hours(
        self,
        hours: Mapping[MeterCustomer, Hours | None],
        synced: Mapping[MeterCustomer, Mapping[datetime, Charge]],
    ) -> dict[MeterCustomer, Hours | None]:
        """Return each one's share of the hours that were read."""
        own: dict[MeterCustomer, Hours | None] = {}
        for owner, others in self.groups.items():
            shown = hours.get(owner)
            if shown is not None:
                rest = dict(shown)
                for each in others:
                    for hour, charge in synced.get(each, {}).items():
                        rest[hour] = rest.get(hour, 0) - charge.minutes
                own[owner] = {
                    hour: minutes for hour, minutes in rest.items() if minutes
                }
            for each in others:
                if hours.get(each) is not None:
                    mine = synced.get(each, {}).items()
                    own[each] = {hour: charge.minutes for hour, charge in mine}
        return own

    def own_invoices(
        self, months: Mapping[MeterCustomer, InvoicedMonth | None]
    ) -> dict[MeterCustomer, InvoicedMonth | None]:
        """Return each one's share of what was invoiced."""
        own = dict(months)
        for owner, others in self.groups.items():
            invoiced = months.get(owner)
            if invoiced is not None:
                rest = invoiced.minutes - sum(self.synced[each] for each in others)
                own[owner] = replace(invoiced, minutes=rest)
                for each in others:
                    own[each] = replace(invoiced, minutes=self.synced[each])
        return own
