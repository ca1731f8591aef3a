"""The meter as a process reads it: what Stripe shows, or no answer."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from billing.domain.error_report import RejectionReport
from billing.domain.period import Window
from billing.domain.stripe_invoice import MeteredItem, StripeInvoice
from billing.errors import MeterFault, MeterUnavailable
from billing.gateways.retries import read_with_retries
from billing.gateways.stripe.answers import fault_of
from billing.gateways.stripe.error_reports import report_of
from billing.ports import CustomerPage, MeterState
from billing.sandbox.stripe.http.errors import (
    missing,
    unauthorized,
)
from tests.simulation.judge.judge import Judge
from tests.simulation.world.catalogue import Fault
from tests.simulation.world.chance import T
from tests.simulation.world.machine import Machine
from tests.simulation.world.stripe_side import METER, SimStripe, as_raised


class SimMeterReads:
    """What a process reads of Stripe."""

    def __init__(self, sim: SimStripe, machine: Machine, judge: Judge) -> None:
        self._stripe = sim
        self._machine = machine
        self._judge = judge
        self._chance = machine.schedule.chance

    @property
    def event_name(self) -> str:
        """The name under which events are reported."""
        return METER

    def describe(self) -> MeterState | None:
        """Read how the meter is set up."""

        def read() -> MeterState:
            sim = self._stripe
            meter = sim.books.meters.by_id[sim.meter_id]
            now = sim.schedule.now
            return MeterState(
                meter_id=meter.id,
                event_name=meter.event_name,
                status=meter.status,
                formula=meter.formula,
                event_time_window=meter.event_time_window,
                customer_key=meter.customer_key,
                value_key=meter.value_key,
                livemode=meter.livemode,
                server_time=now.replace(microsecond=0),
            )

        return self._ask("describes the meter", read)

    def has_customer(self, stripe_customer: str) -> bool:
        """Say whether the customer exists."""
        exists = self._stripe.books.customers.exists
        return self._ask(
            f"looks for {stripe_customer}",
            lambda: exists(stripe_customer),
            stripe_customer,
        )

    def list_customers(self, after: str | None) -> CustomerPage:
        """Read a page of the account's customers, a few at a time."""
        wanted = {"limit": "2"} | ({"starting_after": after} if after else {})

        def read() -> CustomerPage:
            page: Any = self._stripe.books.list_customers(wanted)
            return CustomerPage([row["id"] for row in page["data"]], page["has_more"])

        return self._ask("lists customers", read)

    def deleted_customers(self, since: datetime) -> Sequence[str]:
        """Read who was deleted since a moment."""
        second = str(int(since.timestamp()))
        wanted = {"type": "customer.deleted", "created": {"gte": second}}

        def read() -> list[str]:
            now = self._stripe.schedule.now
            page: Any = self._stripe.books.list_events(wanted | {"limit": "100"}, now)
            return [row["data"]["object"]["id"] for row in page["data"]]

        return self._ask("asks who was deleted", read)

    def read_total(self, stripe_customer: str, window: Window) -> int:
        """Read the minutes shown for a customer in a window."""
        return sum(self.read_hours(stripe_customer, window).values())

    def read_hours(self, stripe_customer: str, window: Window) -> dict[datetime, int]:
        """Read the minutes shown for a customer, hour by hour."""

        since = self._machine.schedule.now

        def read() -> dict[datetime, int]:
            sim = self._stripe
            if not sim.books.customers.exists(stripe_customer):
                raise fault_of(
                    as_raised(missing("customer", stripe_customer, "customer"))
                )
            self._judge.reading(self._machine, stripe_customer, window, since)
            hours = sim.shown(stripe_customer, window)
            minutes, now = sum(hours.values()), sim.schedule.now
            self._judge.conformance.shows(stripe_customer, window, minutes, now)
            return {hour: minutes for hour, minutes in hours.items() if minutes}

        hours = self._ask(
            f"reads {stripe_customer} from {window.start}", read, stripe_customer
        )
        self._machine.schedule.note(f"reads {sum(hours.values())}")
        return hours

    def error_reports(self, since: datetime) -> Sequence[RejectionReport]:
        """Read what was refused after it had been taken."""

        def read() -> list[RejectionReport]:
            sim = self._stripe
            made = sim.books.error_reports(sim.schedule.now)
            return [
                report_of(report.to_json(sim.rules))
                for report in made
                if report.made_at >= since
            ]

        return self._ask("reads error reports", read)

    def read_invoices(
        self, stripe_customer: str, window: Window
    ) -> Sequence[StripeInvoice]:
        """Return no invoices: nobody subscribes here."""
        return self._ask("reads invoices", list, stripe_customer)

    def read_subscriptions(self, stripe_customer: str) -> Sequence[MeteredItem]:
        """Return no subscriptions."""
        return self._ask("reads subscriptions", list, stripe_customer)

    def _ask(self, what: str, read: Callable[[], T], of: str = "") -> T:
        machine = self._machine

        def once() -> T:
            machine.boundary(what, Fault.DIES_READING_METER, self._latency())
            if self._stripe.key_revoked:
                raise fault_of(as_raised(unauthorized("rk_test")))
            if self._stripe.down or machine.weather.strikes(Fault.METER_READ_FAILS):
                raise MeterUnavailable("no answer")
            if of in self._stripe.unserved:
                raise fault_of(self._stripe.unserved[of])
            return read()

        try:
            if machine.weather.calm:
                return once()
            return read_with_retries(once, sleep=machine.sleep)
        except MeterFault as fault:
            machine.schedule.note(f"Stripe: {fault}")
            raise

    def _latency(self) -> timedelta:
        return timedelta(milliseconds=self._chance.between(30, 900))
