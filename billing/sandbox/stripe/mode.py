"""One mode of a Stripe account: its objects, and everything that can be asked of it."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from threading import RLock

from billing.sandbox.stripe.billing.billing import BillingContext, StripeBilling
from billing.sandbox.stripe.billing.customers import Customer, Customers
from billing.sandbox.stripe.http.errors import locked, missing
from billing.sandbox.stripe.http.idempotency import StoredAnswers
from billing.sandbox.stripe.http.paging import listing
from billing.sandbox.stripe.http.params import Fields
from billing.sandbox.stripe.http.rate_limits import RateLimits
from billing.sandbox.stripe.metering.error_reports import ErrorReport, error_reports
from billing.sandbox.stripe.metering.events import EventRequest, MeterEvent, MeterEvents
from billing.sandbox.stripe.metering.intake import Intake
from billing.sandbox.stripe.metering.meters import PATH, Meter, Meters
from billing.sandbox.stripe.metering.rejections import Rejection, Rejections
from billing.sandbox.stripe.metering.summaries import (
    SummaryQuery,
    aggregate,
    summary_json,
)
from billing.sandbox.stripe.notify.destinations import Notice
from billing.sandbox.stripe.notify.events_v1 import list_events_v1
from billing.sandbox.stripe.notify.events_v2 import list_events, retrieve_event
from billing.sandbox.stripe.notify.queue import Notices
from billing.sandbox.stripe.rules import StripeRules
from billing.sandbox.stripe.state import Adjustment, ModeState

Params = Mapping[str, object]
Json = dict[str, object]


class StripeMode:
    """The test or the live half of an account; safe to use from many threads.

    Parameters have Stripe's names and may be texts, as forms carry them; what
    comes back is the JSON that Stripe answers; a refusal is a StripeError.
    """

    def __init__(
        self, rules: StripeRules, *, livemode: bool, state: ModeState | None = None
    ) -> None:
        state = state or ModeState()
        self.rules = rules
        self.livemode = livemode
        self.lock = RLock()
        self.limits = RateLimits(rules, livemode=livemode)
        self.answers = StoredAnswers(rules)
        for key, answer in state.answers.items():
            self.answers.keep(key, answer)
        self.customers = Customers(state.customers)
        self.meters = Meters(state.meters)
        self.events = MeterEvents(rules, state.events)
        self.adjustments = list(state.adjustments)
        self.rejections = Rejections(state.rejections)
        self._intake = Intake(
            rules, self.customers, self.meters, self.events, self.rejections
        )
        self.billing = StripeBilling(
            BillingContext(
                rules=rules,
                customers=self.customers,
                meters=self.meters,
                events=self.events,
                new_name=self.new_name,
                lock=self.lock,
                livemode=livemode,
            ),
            state.billing,
        )
        self.notices = Notices(state.destinations, state.notices)
        self._issued = state.issued
        self._busy: set[tuple[str, str]] = set()

    def state(self) -> ModeState:
        """Return what has to be remembered."""
        with self.lock:
            return ModeState(
                customers=list(self.customers.by_id.values()),
                meters=list(self.meters.by_id.values()),
                events=list(self.events.received),
                adjustments=list(self.adjustments),
                answers=self.answers.kept(),
                issued=self._issued,
                rejections=list(self.rejections.orders),
                billing=self.billing.state(),
                destinations=list(self.notices.destinations.values()),
                notices=list(self.notices.notices.values()),
            )

    def new_name(self, prefix: str) -> str:
        """Return a name that was never given before, such as cus_T0000000000001."""
        with self.lock:
            self._issued += 1
            return f"{prefix}_{'L' if self.livemode else 'T'}{self._issued:013d}"

    def create_customer(
        self, params: Params, now: datetime, *, name: str | None = None
    ) -> Json:
        """Create a customer, under a given id where one is wanted."""
        with self.lock:
            customer = Customer(
                id=name or self.new_name("cus"),
                created=int(now.timestamp()),
                livemode=self.livemode,
            )
            return self.customers.add(customer, Fields(params))

    def retrieve_customer(self, name: str) -> Json:
        """Return a customer, deleted ones as such."""
        with self.lock:
            return self.customers.retrieve(name)

    def update_customer(self, name: str, params: Params) -> Json:
        """Change a customer."""
        with self.lock:
            return self.customers.update(name, Fields(params))

    def delete_customer(self, name: str, now: datetime) -> Json:
        """Delete a customer: their subscriptions end, later events never count."""
        with self.lock:
            second = int(now.timestamp())
            gone = self.customers.delete(name, second)
            self.billing.subscriptions.end_all_of(name, second)
            return gone

    def list_customers(self, params: Params) -> Json:
        """Return a page of customers."""
        with self.lock:
            return self.customers.list_page(Fields(params))

    def create_meter(self, params: Params, now: datetime) -> Json:
        """Create a meter."""
        with self.lock:
            second = int(now.timestamp())
            name = self.new_name("mtr")
            meter = Meter.read(Fields(params), name, second, livemode=self.livemode)
            return self.meters.add(meter)

    def retrieve_meter(self, name: str) -> Json:
        """Return a meter."""
        with self.lock:
            return self.meters.find(name).to_json()

    def update_meter(self, name: str, params: Params, now: datetime) -> Json:
        """Change a meter's display name."""
        with self.lock:
            return self.meters.rename(name, Fields(params), int(now.timestamp()))

    def deactivate_meter(self, name: str, params: Params, now: datetime) -> Json:
        """Stop a meter from taking events."""
        with self.lock:
            return self.meters.deactivate(name, Fields(params), int(now.timestamp()))

    def reactivate_meter(self, name: str, params: Params, now: datetime) -> Json:
        """Let a meter take events again."""
        with self.lock:
            return self.meters.reactivate(name, Fields(params), int(now.timestamp()))

    def list_meters(self, params: Params) -> Json:
        """Return a page of meters."""
        with self.lock:
            return self.meters.list_page(Fields(params))

    @contextmanager
    def occupied(self, sent: EventRequest) -> Iterator[None]:
        """Hold the event's customer and meter; a second holder gets the 429."""
        with self.lock:
            place = self._intake.place(sent)
            if place in self._busy:
                raise locked()
            self._busy.add(place)
        try:
            yield
        finally:
            with self.lock:
                self._busy.discard(place)

    def receive_event(
        self, sent: EventRequest, now: datetime, *, request_key: str | None = None
    ) -> MeterEvent:
        """Take a meter event; one for an unknown customer is taken, never counted."""
        with self.lock:
            return self._intake.receive(sent, now, request_key)

    def reject(self, order: Rejection) -> None:
        """Reject events received from now on, as the order says."""
        with self.lock:
            self.notices.changes += 1
            self.rejections.orders.append(order)

    def error_reports(self, now: datetime) -> list[ErrorReport]:
        """Return the error reports made by now and not yet forgotten, oldest first."""
        with self.lock:
            return error_reports(
                self.events.rejected, self.rules, now, livemode=self.livemode
            )

    def due_notices(self, now: datetime, busy: Iterable[str] = ()) -> list[Notice]:
        """Return the notifications that are to be sent now."""
        with self.lock:
            reports, rejected = partial(self.error_reports, now), self.events.rejected
            return self.notices.due(reports, len(rejected), now, busy=busy)

    def list_events(self, params: Params, now: datetime) -> Json:
        """Return a page of API v1's events, the newest first."""
        with self.lock:
            customers = list(self.customers.by_id.values())
        return list_events_v1(customers, self.rules, Fields(params), now)

    def list_core_events(self, params: Params, now: datetime) -> Json:
        """Return a page of API v2's events, the newest first."""
        return list_events(self.error_reports(now), self.rules, Fields(params))

    def retrieve_core_event(self, name: str, now: datetime) -> Json:
        """Return an event of API v2 with its data."""
        return retrieve_event(self.error_reports(now), self.rules, name)

    def cancel_event(
        self, event_name: str, identifier: str, now: datetime
    ) -> Adjustment:
        """Cancel a meter event that was received in the past 24 hours."""
        with self.lock:
            was_shown = self.events.cancel(event_name, identifier, now)
            adjustment = Adjustment(
                id=self.new_name("mtradj"),
                event_name=event_name,
                identifier=identifier,
                created_at=now,
                status="complete" if was_shown else "pending",
            )
            self.adjustments.append(adjustment)
            return adjustment

    def list_summaries(self, meter_id: str, params: Params, now: datetime) -> Json:
        """Return a page of what is known by now of a customer's usage."""
        with self.lock:
            meter = self.meters.find(meter_id)
            query = SummaryQuery.read(Fields(params))
            if not self.customers.exists(query.customer):
                raise missing("customer", query.customer, "customer")
            shown = self.events.shown(meter, query.customer, query.window, now)
            rows = [
                summary_json(meter, query.customer, bucket, aggregate(meter, events))
                for bucket, events in query.buckets(shown).items()
            ]
            page, more = query.cursor.page(rows, lambda row: str(row["id"]))
            return listing(f"{PATH}/{meter_id}/event_summaries", list(page), more=more)
