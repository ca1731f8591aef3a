"""The intake of meter events: which are refused, taken, or taken and thrown away."""

from datetime import datetime

from billing.sandbox.stripe.billing.customers import Customers
from billing.sandbox.stripe.http.errors import refused
from billing.sandbox.stripe.metering.events import EventRequest, MeterEvent, MeterEvents
from billing.sandbox.stripe.metering.meters import Meter, Meters
from billing.sandbox.stripe.metering.rejections import Rejections
from billing.sandbox.stripe.rules import StripeRules


class Intake:
    """Takes meter events in; what is wrong with an event may come out only later."""

    def __init__(
        self,
        rules: StripeRules,
        customers: Customers,
        meters: Meters,
        events: MeterEvents,
        rejections: Rejections,
    ) -> None:
        self._rules = rules
        self._customers = customers
        self._meters = meters
        self._events = events
        self._rejections = rejections

    def place(self, sent: EventRequest) -> tuple[str, str]:
        """Return what an event occupies: its meter and its customer."""
        meter = self._meter(sent.event_name)
        return meter.id or sent.event_name, sent.customer(meter)

    def receive(
        self, sent: EventRequest, now: datetime, request_key: str | None
    ) -> MeterEvent:
        """Take an event, or refuse it; one that is rejected later never counts."""
        sent.check_timestamp(self._rules, now)
        meter = self._meter(sent.event_name)
        customer = sent.customer(meter)
        event = MeterEvent(
            identifier=sent.identifier,
            event_name=sent.event_name,
            meter=meter.id,
            customer=customer,
            value=sent.value(meter),
            timestamp=sent.timestamp,
            received_at=now,
            rejected=self._fault(meter, customer),
            request_key=request_key,
        )
        delay = self._rules.rejection_delay
        order = None if event.rejected else self._rejections.order_for(customer)
        if order is not None:
            event.rejected, delay = order.code, order.delay
        if event.rejected is not None:
            event.rejected_at = now + delay
        self._events.add(event)
        if order is not None:
            order.use()
        return event

    def _meter(self, event_name: str) -> Meter:
        """Return the meter of an event name; one without an id when there is none."""
        meter = self._meters.named(event_name)
        if self._rules.refuses_at_once and (meter is None or meter.status != "active"):
            raise refused(
                f"No active meter found with this event name: {event_name}",
                param="event_name",
                v2_code="archived_meter" if meter else "no_meter",
            )
        return meter or Meter(
            id="",
            created=0,
            updated=0,
            livemode=False,
            display_name="",
            event_name=event_name,
        )

    def _fault(self, meter: Meter, customer: str) -> str | None:
        if not meter.id:
            return "no_meter"
        if meter.status != "active":
            return "archived_meter"
        if not self._customers.exists(customer):
            return "meter_event_customer_not_found"
        return None
