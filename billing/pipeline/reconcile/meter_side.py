"""The meter's side: what Stripe shows of a month, read no closer than needed."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from billing.domain.breaks_invoice import InvoicedMonth, invoiced_month
from billing.domain.breaks_meter import SentEvent
from billing.domain.period import BillingPeriod, Window
from billing.errors import NoSuchCustomer
from billing.ledger.reconcile.synced_totals import MeterCustomer
from billing.pipeline.concurrency import READERS, Concurrency, Progress, no_progress
from billing.ports import Meter

# With a month's hours, which take eight requests, a customer that differs costs twenty.
MOST_OWN_MINUTES = 12
K = TypeVar("K")
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
    """Stripe's side of one month; many customers are read side by side."""

    meter: Meter
    period: BillingPeriod
    concurrency: Concurrency

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

        return self._side_by_side(read, meter_customers, progress)

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

        def read(customer: str) -> list[SentEvent]:
            events = list(events_of[customer])[:MOST_OWN_MINUTES]
            return [self._read_own_minute(*event) for event in events]

        read_events = self._side_by_side(read, list(events_of))
        return {e.identifier: e for events in read_events.values() for e in events}

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

        return self._side_by_side(read, meter_customers)

    def _read_own_minute(
        self, meter_customer: MeterCustomer, event: SentEvent
    ) -> SentEvent:
        shown = self.meter.read_total(meter_customer.stripe_customer, event.own_minute)
        return replace(event, shown=shown)

    def _side_by_side(
        self,
        read: Callable[[K], V],
        keys: Collection[K],
        progress: Progress = no_progress,
    ) -> dict[K, V]:
        values = {}
        with self.concurrency.pool(READERS, "reconcile") as pool:
            work = [(key, pool.submit(read, key)) for key in keys]
            for done, (key, future) in enumerate(work, start=1):
                values[key] = future.result()
                progress(done, len(work))
        return values
