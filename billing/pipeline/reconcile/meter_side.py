"""The meter's side: what Stripe shows of a month, read no closer than needed."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from billing.domain.breaks_event import SentEvent
from billing.domain.breaks_invoice import InvoicedMonth, invoiced_month
from billing.domain.period import BillingPeriod, Window
from billing.errors import NoSuchCustomer
from billing.ledger.reconcile.synced_totals import MeterCustomer
from billing.pipeline.concurrency import (
    Concurrency,
    Progress,
    no_progress,
    read_each,
)
from billing.ports import Meter

# With a month's hours, which take eight requests, a customer that differs costs twenty.
MOST_OWN_MINUTES = 12
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class MeterReading:
    """What Stripe shows of one customer: totals, and hours where those were read."""

    totals: Mapping[MeterCustomer, int | None]  # None: Stripe does not know it
    hours: Mapping[MeterCustomer, Mapping[datetime, int]]

    @classmethod
    def of(
        cls,
        meter_customers: Collection[MeterCustomer],
        totals: Mapping[MeterCustomer, int | None],
        hours: Mapping[MeterCustomer, Mapping[datetime, int]],
    ) -> "MeterReading":
        """Take out what was read of one customer."""
        return cls(
            {
                meter_customer: totals[meter_customer]
                for meter_customer in meter_customers
            },
            {
                meter_customer: hours[meter_customer]
                for meter_customer in meter_customers
                if meter_customer in hours
            },
        )

    @property
    def minutes(self) -> int:
        """The minutes on the meter."""
        return sum(
            sum(self.hours[meter_customer].values())
            if meter_customer in self.hours
            else total or 0
            for meter_customer, total in self.totals.items()
        )


@dataclass(frozen=True, slots=True)
class MeterView:
    """Stripe's side of one month; many customers are read side by side.

    Whoever cannot be read is left out, and `unread` says why, by Stripe's customer.
    """

    meter: Meter
    period: BillingPeriod
    concurrency: Concurrency
    unread: dict[str, str] = field(default_factory=dict)
    invoices_unread: dict[str, str] = field(default_factory=dict)

    @property
    def window(self) -> Window:
        """The month, as the meter is asked for it."""
        return Window(self.period.start, self.period.end)

    def totals(
        self, meter_customers: Collection[MeterCustomer], progress: Progress
    ) -> dict[MeterCustomer, int | None]:
        """Read a total each; None where Stripe does not know the customer."""

        def read(meter_customer: MeterCustomer) -> int | None:
            try:
                return self.meter.read_total(
                    meter_customer.stripe_customer, self.window
                )
            except NoSuchCustomer:
                return None

        return self._side_by_side(read, meter_customers, progress=progress)

    def hours(
        self, meter_customers: Collection[MeterCustomer]
    ) -> dict[MeterCustomer, dict[datetime, int] | None]:
        """Read the hours; None where Stripe does not know the customer."""

        def read(meter_customer: MeterCustomer) -> dict[datetime, int] | None:
            try:
                return self.meter.read_hours(
                    meter_customer.stripe_customer, self.window
                )
            except NoSuchCustomer:
                return None

        return self._side_by_side(read, meter_customers)

    def own_minutes(
        self, events_of: Mapping[str, Iterable[tuple[MeterCustomer, SentEvent]]]
    ) -> dict[str, SentEvent]:
        """Read the own minutes of customers' events, so many of each; by identifier."""
        asked = {name: list(events) for name, events in events_of.items()}

        def read(customer: str) -> list[SentEvent]:
            events = asked[customer][:MOST_OWN_MINUTES]
            return [self._read_own_minute(*event) for event in events]

        shown, faults = read_each(self.concurrency, read, list(asked))
        for customer, fault in faults.items():
            for meter_customer, _ in asked[customer]:
                self.unread[meter_customer.stripe_customer] = str(fault)
        return {e.identifier: e for events in shown.values() for e in events}

    def invoices(
        self, meter_customers: Collection[MeterCustomer]
    ) -> dict[MeterCustomer, InvoicedMonth | None]:
        """Read what final invoices say of the month; None where there is none."""

        def read(meter_customer: MeterCustomer) -> InvoicedMonth | None:
            try:
                invoices = self.meter.read_invoices(
                    meter_customer.stripe_customer, self.window
                )
            except NoSuchCustomer:
                return None
            return invoiced_month(invoices, self.period)

        return self._side_by_side(read, meter_customers, self.invoices_unread)

    def _read_own_minute(
        self, meter_customer: MeterCustomer, event: SentEvent
    ) -> SentEvent:
        shown = self.meter.read_total(meter_customer.stripe_customer, event.own_minute)
        return replace(event, shown=shown)

    def _side_by_side(
        self,
        read: Callable[[MeterCustomer], V],
        meter_customers: Collection[MeterCustomer],
        unread: dict[str, str] | None = None,
        progress: Progress = no_progress,
    ) -> dict[MeterCustomer, V]:
        values, faults = read_each(self.concurrency, read, meter_customers, progress)
        left_out = self.unread if unread is None else unread
        for meter_customer, fault in faults.items():
            left_out[meter_customer.stripe_customer] = str(fault)
        return values


def whose(
    unread: Mapping[str, str], meter_customers: Iterable[MeterCustomer]
) -> dict[str, str]:
    """Return which customers are unread: all that a Stripe customer in it stands for.

    One Stripe customer may be several of ours, told apart by what all of them have.
    """
    return {
        each.customer: unread[each.stripe_customer]
        for each in meter_customers
        if each.stripe_customer in unread
    }
