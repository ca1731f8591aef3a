"""The meter's view: what Stripe shows of a month, read no closer than needed."""

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
        self, homes: Collection[MeterCustomer], progress: Progress
    ) -> dict[MeterCustomer, int | None]:
        """Read a total each; None where Stripe does not know the customer."""

        def read(home: MeterCustomer) -> int | None:
            try:
                return self.meter.read_total(home.stripe_customer, self.window)
            except NoSuchCustomer:
                return None

        return self._side_by_side(read, homes, progress)

    def hours(
        self, homes: Collection[MeterCustomer]
    ) -> dict[MeterCustomer, dict[datetime, int] | None]:
        """Read the hours; None where Stripe does not know the customer."""

        def read(home: MeterCustomer) -> dict[datetime, int] | None:
            try:
                return self.meter.read_hours(home.stripe_customer, self.window)
            except NoSuchCustomer:
                return None

        return self._side_by_side(read, homes)

    def own_minutes(
        self, places: Mapping[str, Iterable[tuple[MeterCustomer, SentEvent]]]
    ) -> dict[str, SentEvent]:
        """Read the own minutes of customers' events, so many of each; by identifier."""

        def read(customer: str) -> list[SentEvent]:
            events = list(places[customer])[:MOST_OWN_MINUTES]
            return [self._look_at(home, event) for home, event in events]

        read_events = self._side_by_side(read, list(places))
        return {e.identifier: e for events in read_events.values() for e in events}

    def invoices(
        self, homes: Collection[MeterCustomer]
    ) -> dict[MeterCustomer, InvoicedMonth | None]:
        """Read what final invoices say of the month; None where there is none."""

        def read(home: MeterCustomer) -> InvoicedMonth | None:
            try:
                found = self.meter.read_invoices(home.stripe_customer, self.window)
            except NoSuchCustomer:
                return None
            return invoiced_month(found, self.period)

        return self._side_by_side(read, homes)

    def _look_at(self, home: MeterCustomer, event: SentEvent) -> SentEvent:
        shown = self.meter.read_total(home.stripe_customer, event.own_minute)
        return replace(event, shown=shown)

    def _side_by_side(
        self,
        read: Callable[[K], V],
        keys: Collection[K],
        progress: Progress = no_progress,
    ) -> dict[K, V]:
        found = {}
        with self.concurrency.pool(READERS, "reconcile") as pool:
            work = [(key, pool.submit(read, key)) for key in keys]
            for done, (key, future) in enumerate(work, start=1):
                found[key] = future.result()
                progress(done, len(work))
        return found
