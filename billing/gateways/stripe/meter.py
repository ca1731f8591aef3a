"""A Stripe meter: sends events and takes them back, and reads what was counted."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import stripe

from billing.domain.error_report import RejectionReport
from billing.domain.meter_event import MeterEvent, SendAnswer
from billing.domain.period import Window, as_utc
from billing.domain.stripe_invoice import MeteredItem, StripeInvoice
from billing.errors import MeterFault, NoSuchCustomer
from billing.gateways.patience import USUAL, Patience
from billing.gateways.rate_limit import Pace
from billing.gateways.retries import Sleep
from billing.gateways.stripe.answers import as_cancellation
from billing.gateways.stripe.customers import (
    read_customer_page,
    read_deleted_customers,
)
from billing.gateways.stripe.error_reports import read_reports
from billing.gateways.stripe.fields import (
    NONSENSE,
    Json,
    read_flag,
    read_moment,
    read_text,
    whole_minutes,
)
from billing.gateways.stripe.http import MOST_CONNECTIONS, PooledClient
from billing.gateways.stripe.invoices import StripeInvoices
from billing.gateways.stripe.meter_identity import OurMeters
from billing.gateways.stripe.reads import StripeReads, one_read, segment
from billing.gateways.stripe.requests import send_once
from billing.ports import CustomerPage, MaySend, MeterState

METERS = "/v1/billing/meters"


class StripeMeter:
    """One meter of one Stripe account; the SDK's own retries are off."""

    def __init__(
        self,
        api_key: str,
        event_name: str,
        *,
        base_url: str | None = None,
        pace: Pace,
        sleep: Sleep,
        proxy: str | None = None,
        patience: Patience = USUAL,
        connections: int = MOST_CONNECTIONS,
    ) -> None:
        """Connect with a key; so many `connections` are kept open."""
        addresses: Any = (
            {} if base_url is None else {"base_addresses": {"api": base_url}}
        )
        address = base_url or stripe.DEFAULT_API_BASE
        self._http = PooledClient(
            address,
            pace=pace,
            patience=patience,
            proxy=proxy,
            connections=connections,
        )
        self._client = stripe.StripeClient(
            api_key,
            max_network_retries=0,
            http_client=self._http,
            **addresses,
        )
        self._event_name = event_name
        self._pace = pace
        self._reads = StripeReads(self._client, sleep)
        self._invoices = StripeInvoices(self._reads)
        self._ours: OurMeters | None = None

    @property
    def event_name(self) -> str:
        """The name under which events are reported."""
        return self._event_name

    @one_read("the list of meters")
    def describe(self) -> MeterState | None:
        """Read how the meter is set up; an active one goes before an inactive one."""
        rows, headers = self._reads.list_all(METERS)
        named = [row for row in rows if row.get("event_name") == self._event_name]
        meters = sorted(named, key=lambda meter: meter["status"] != "active")
        if not meters:
            return None
        ids = tuple(read_text(meter["id"], "the id of a meter") for meter in meters)
        state = _state_of(meters[0], _server_time(headers))
        self._ours = OurMeters(ids, state.livemode)
        return state

    @one_read("the customer")
    def has_customer(self, stripe_customer: str) -> bool:
        """Say whether the customer exists and is not deleted."""
        path = f"/v1/customers/{segment(stripe_customer)}"
        try:
            customer = self._reads.get(path).fields
        except NoSuchCustomer:
            return False
        if customer["id"] != stripe_customer:
            raise MeterFault(
                f"the answer names another customer than {stripe_customer}"
            )
        if customer.get("deleted"):
            return False
        if self._ours is not None:
            self._ours.refuse_other_mode(
                customer["livemode"], f"the customer {stripe_customer}"
            )
        return True

    @one_read("the list of customers")
    def list_customers(self, after: str | None) -> CustomerPage:
        """Read a page of the customers who are not deleted, `after` one of them."""
        refuse = self._our_meters().refuse_other_mode
        return read_customer_page(self._reads, after, refuse)

    @one_read("the list of deleted customers")
    def deleted_customers(self, since: datetime) -> Sequence[str]:
        """Read who was deleted since a moment."""
        refuse = self._our_meters().refuse_other_mode
        return read_deleted_customers(self._reads, since, refuse)

    def send(
        self, event: MeterEvent, idempotency_key: str, may_send: MaySend
    ) -> SendAnswer:
        """Report an event, once, and say what came of it."""
        timestamp = int(event.timestamp.timestamp())
        payload = {
            "stripe_customer_id": event.stripe_customer,
            "value": str(event.minutes),
        }
        return send_once(
            lambda: self._client.raw_request(
                "post",
                "/v1/billing/meter_events",
                event_name=event.meter,
                identifier=event.identifier,
                timestamp=timestamp,
                payload=payload,
                idempotency_key=idempotency_key,
            ),
            event,
            may_send,
            identifier_in=lambda answer: answer["identifier"],
        )

    def cancel(
        self, event: MeterEvent, idempotency_key: str, may_send: MaySend
    ) -> SendAnswer:
        """Take an event back, once, and say what came of it."""
        answer = send_once(
            lambda: self._client.raw_request(
                "post",
                "/v1/billing/meter_event_adjustments",
                event_name=event.meter,
                type="cancel",
                cancel={"identifier": event.identifier},
                idempotency_key=idempotency_key,
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

    @one_read("an error report")
    def error_reports(self, since: datetime) -> Sequence[RejectionReport]:
        """Read what the meter refused after it had taken it, oldest first."""
        return read_reports(self._reads, self._our_meters(), since)

    @one_read("an invoice")
    def read_invoices(
        self, stripe_customer: str, window: Window
    ) -> Sequence[StripeInvoice]:
        """Read the invoices that bill this meter's minutes in a window."""
        return self._invoices.read_invoices(stripe_customer, window, self._our_meters())

    @one_read("a subscription")
    def read_subscriptions(self, stripe_customer: str) -> Sequence[MeteredItem]:
        """Read what a customer is billed by this meter for, and on which terms."""
        return self._invoices.read_subscriptions(stripe_customer, self._our_meters())

    def rest(self) -> None:
        """Let other processes have the whole pace until the next request."""
        self._pace.leave()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def _our_meters(self) -> OurMeters:
        if self._ours is None:
            self.describe()
        if self._ours is None:
            raise MeterFault(f"there is no meter named {self._event_name}")
        return self._ours

    @one_read("a summary")
    def _summaries(
        self, stripe_customer: str, window: Window, **grouping: str
    ) -> dict[datetime, int]:
        ours = self._our_meters()
        parameters = {
            "customer": stripe_customer,
            "start_time": int(window.start.timestamp()),
            "end_time": int(window.end.timestamp()),
            **grouping,
        }
        path = f"{METERS}/{segment(ours.in_use)}/event_summaries"
        minutes: dict[datetime, int] = {}
        for row in self._reads.list_all(path, parameters).rows:
            ours.refuse_other_mode(row["livemode"], "a summary")
            if row.get("meter", ours.in_use) != ours.in_use:
                raise ValueError(f"it is of another meter than {ours.in_use}")
            start = read_moment(row["start_time"], "start_time")
            if not window.start <= start < window.end:
                raise ValueError(f"it is of {start.isoformat()}, which was not asked")
            if start in minutes:
                raise ValueError(f"two rows are of {start.isoformat()}")
            minutes[start] = whole_minutes(row["aggregated_value"], "the meter")
        whole_minutes(sum(minutes.values()), "the meter")
        return minutes


def _state_of(meter: Json, server_time: datetime | None) -> MeterState:
    window = meter["event_time_window"]
    customers, values = meter["customer_mapping"], meter["value_settings"]
    return MeterState(
        meter_id=read_text(meter["id"], "the id of a meter"),
        event_name=read_text(meter["event_name"], "event_name"),
        status=read_text(meter["status"], "status"),
        formula=read_text(meter["default_aggregation"]["formula"], "formula"),
        event_time_window=window and read_text(window, "event_time_window"),
        customer_key=read_text(customers["event_payload_key"], "event_payload_key"),
        value_key=read_text(values["event_payload_key"], "event_payload_key"),
        livemode=read_flag(meter["livemode"], "livemode"),
        server_time=server_time,
    )


def _server_time(headers: Mapping[str, str]) -> datetime | None:
    """Read when Stripe answered; None when it does not say."""
    try:
        moment = as_utc(parsedate_to_datetime(headers["Date"]))
        return read_moment(int(moment.timestamp()), "the time of the answer")
    except NONSENSE:
        return None
