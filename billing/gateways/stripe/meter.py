"""A Stripe meter: sends events and takes them back, and reads what was counted."""

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import stripe

from billing.domain.error_report import RejectionReport
from billing.domain.meter_event import MeterEvent, SendAnswer
from billing.domain.period import Window, as_utc
from billing.domain.stripe_invoice import MeteredItem, StripeInvoice
from billing.errors import MeterFault, NoSuchCustomer
from billing.gateways.rate_limit import Pacer
from billing.gateways.retries import Sleep
from billing.gateways.stripe.answers import as_cancellation, sensible, whole_minutes
from billing.gateways.stripe.error_reports import read_reports
from billing.gateways.stripe.http import PooledClient
from billing.gateways.stripe.invoices import StripeInvoices
from billing.gateways.stripe.meter_identity import OurMeters
from billing.gateways.stripe.requests import StripeReads, send_once
from billing.ports import MaySend, MeterState

TIMEOUT_SECONDS = 30
PAGE_SIZE = 100


class StripeMeter:
    """One meter of one Stripe account; the SDK's own retries are off."""

    def __init__(
        self,
        api_key: str,
        event_name: str,
        *,
        base_url: str | None = None,
        events_per_second: int,
        reads_per_second: int,
        sleep: Sleep,
        proxy: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        addresses: Any = (
            {} if base_url is None else {"base_addresses": {"api": base_url}}
        )
        address = base_url or stripe.DEFAULT_API_BASE
        self._http = PooledClient(address, timeout_seconds=timeout_seconds, proxy=proxy)
        self._client = stripe.StripeClient(
            api_key,
            max_network_retries=0,
            http_client=self._http,
            **addresses,
        )
        self._event_name = event_name
        self._event_pace = Pacer(events_per_second)
        self._reads = StripeReads(self._client, Pacer(reads_per_second), sleep)
        self._invoices = StripeInvoices(self._reads)
        self._ours: OurMeters | None = None

    @property
    def event_name(self) -> str:
        """The name under which events are reported."""
        return self._event_name

    @sensible("the list of meters")
    def describe(self) -> MeterState | None:
        """Read how the meter is set up; an active one goes before an inactive one."""

        def read(client: stripe.StripeClient) -> tuple[list[Any], datetime | None]:
            page = client.v1.billing.meters.list({"limit": PAGE_SIZE})
            answered_at = _server_time(page)
            named = [
                meter
                for meter in page.auto_paging_iter()
                if meter.event_name == self._event_name
            ]
            return named, answered_at

        named, server_time = self._reads.ask(read)
        meters = sorted(named, key=lambda meter: meter.status != "active")
        if not meters:
            return None
        in_use = meters[0]
        ids = tuple(meter.id for meter in meters)
        self._ours = OurMeters(ids, in_use.livemode)
        return MeterState(
            meter_id=in_use.id,
            event_name=in_use.event_name,
            status=in_use.status,
            formula=in_use.default_aggregation.formula,
            event_time_window=in_use.event_time_window,
            customer_key=in_use.customer_mapping.event_payload_key,
            value_key=in_use.value_settings.event_payload_key,
            livemode=in_use.livemode,
            server_time=server_time,
        )

    @sensible("the customer")
    def has_customer(self, stripe_customer: str) -> bool:
        """Say whether the customer exists and is not deleted."""
        try:
            customer = self._reads.ask(
                lambda client: client.v1.customers.retrieve(stripe_customer)
            )
        except NoSuchCustomer:
            return False
        if customer.id != stripe_customer:
            raise MeterFault(
                f"the answer names another customer than {stripe_customer}"
            )
        if getattr(customer, "deleted", False):
            return False
        if self._ours is not None:
            self._ours.refuse_other_mode(
                customer.livemode, f"the customer {stripe_customer}"
            )
        return True

    def send(
        self, event: MeterEvent, idempotency_key: str, may_send: MaySend
    ) -> SendAnswer:
        """Report an event, once, and say what came of it."""
        self._event_pace.wait()
        timestamp = int(event.timestamp.timestamp())
        payload = {
            "stripe_customer_id": event.stripe_customer,
            "value": str(event.minutes),
        }
        return send_once(
            lambda: self._client.v1.billing.meter_events.create(
                {
                    "event_name": event.meter,
                    "identifier": event.identifier,
                    "timestamp": timestamp,
                    "payload": payload,
                },
                {"idempotency_key": idempotency_key},
            ),
            event,
            may_send,
            identifier_in=lambda answer: answer["identifier"],
        )

    def cancel(
        self, event: MeterEvent, idempotency_key: str, may_send: MaySend
    ) -> SendAnswer:
        """Take an event back, once, and say what came of it."""
        self._event_pace.wait()
        answer = send_once(
            lambda: self._client.v1.billing.meter_event_adjustments.create(
                {
                    "event_name": event.meter,
                    "type": "cancel",
                    "cancel": {"identifier": event.identifier},
                },
                {"idempotency_key": idempotency_key},
            ),
            event,
            may_send,
            identifier_in=lambda answer: answer["cancel"]["identifier"],
        )
        return as_cancellation(answer, event)

    def read_total(self, stripe_customer: str, window: Window) -> int:
        """Read the minutes counted for a customer in a window."""
        return sum(self._summaries(stripe_customer, window).values())

    def read_hours(self, stripe_customer: str, window: Window) -> dict[datetime, int]:
        """Read the minutes counted for a customer, hour by hour; no empty hours."""
        hours = self._summaries(stripe_customer, window, value_grouping_window="hour")
        return {hour: minutes for hour, minutes in hours.items() if minutes}

    @sensible("an error report")
    def error_reports(self, since: datetime) -> Sequence[RejectionReport]:
        """Read what the meter refused after it had taken it, oldest first."""
        return read_reports(self._reads, self._our_meters(), since)

    @sensible("an invoice")
    def read_invoices(
        self, stripe_customer: str, window: Window
    ) -> Sequence[StripeInvoice]:
        """Read the invoices that bill this meter's minutes in a window."""
        return self._invoices.read_invoices(stripe_customer, window, self._our_meters())

    @sensible("a subscription")
    def read_subscriptions(self, stripe_customer: str) -> Sequence[MeteredItem]:
        """Read what a customer is billed by this meter for, and on which terms."""
        return self._invoices.read_subscriptions(stripe_customer, self._our_meters())

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def _our_meters(self) -> OurMeters:
        if self._ours is None:
            self.describe()
        if self._ours is None:
            raise MeterFault(f"there is no meter named {self._event_name}")
        return self._ours

    @sensible("a summary")
    def _summaries(
        self, stripe_customer: str, window: Window, **grouping: str
    ) -> dict[datetime, int]:
        ours = self._our_meters()
        params: Any = {
            "customer": stripe_customer,
            "start_time": int(window.start.timestamp()),
            "end_time": int(window.end.timestamp()),
            "limit": PAGE_SIZE,
            **grouping,
        }

        def read(client: stripe.StripeClient) -> list[Any]:
            summaries = client.v1.billing.meters.event_summaries
            return list(summaries.list(ours.in_use, params).auto_paging_iter())

        rows = self._reads.ask(read)
        for row in rows:
            ours.refuse_other_mode(row.livemode, "a summary")
        return {
            datetime.fromtimestamp(row.start_time, UTC): whole_minutes(
                row.aggregated_value, "the meter"
            )
            for row in rows
        }


def _server_time(answer: Any) -> datetime | None:
    """Read when Stripe answered; None when it does not say."""
    response = answer.last_response
    try:
        return as_utc(parsedate_to_datetime(response.headers["Date"]))
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
