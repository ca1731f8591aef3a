"""A Stripe meter: sends events, reads summaries, and says what answers mean."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

import requests
import stripe
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies

from billing.domain.metering import Answer, MeterEvent, Verdict
from billing.domain.period import Window
from billing.errors import (
    MeterFault,
    MeterRefused,
    MeterUnavailable,
    NoSuchCustomer,
)
from billing.gateways.pacing import Pacer
from billing.gateways.retries import Sleep, read_with_retries
from billing.ports import MeterState

T = TypeVar("T")
TIMEOUT_SECONDS = 30
MOST_CONNECTIONS = 16
PAGE_SIZE = 100
CONFLICT = 409
# Stripe refuses a repeated identifier in these words, and gives no code.
ALREADY_EXISTS = "already exists with identifier"


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
    ) -> None:
        addresses: Any = (
            {} if base_url is None else {"base_addresses": {"api": base_url}}
        )
        self._session = _session(base_url or stripe.DEFAULT_API_BASE)
        self._client = stripe.StripeClient(
            api_key,
            max_network_retries=0,
            http_client=stripe.RequestsClient(TIMEOUT_SECONDS, self._session),
            **addresses,
        )
        self._event_name = event_name
        self._event_pace = Pacer(events_per_second)
        self._read_pace = Pacer(reads_per_second)
        self._sleep = sleep
        self._meter_id: str | None = None

    @property
    def event_name(self) -> str:
        """The name under which events are reported."""
        return self._event_name

    def describe(self) -> MeterState | None:
        """Read how the meter is set up; an active one goes before an inactive one."""

        def read() -> list[Any]:
            params: Any = {"limit": PAGE_SIZE}
            meters = self._client.v1.billing.meters.list(params).auto_paging_iter()
            return [m for m in meters if m.event_name == self._event_name]

        found = sorted(self._read(read), key=lambda meter: meter.status != "active")
        if not found:
            return None
        meter = found[0]
        self._meter_id = meter.id
        return MeterState(
            meter_id=meter.id,
            event_name=meter.event_name,
            status=meter.status,
            formula=meter.default_aggregation.formula,
            event_time_window=meter.event_time_window,
            customer_key=meter.customer_mapping.event_payload_key,
            value_key=meter.value_settings.event_payload_key,
            livemode=meter.livemode,
        )

    def has_customer(self, stripe_customer: str) -> bool:
        """Say whether the customer exists and is not deleted."""
        try:
            found = self._read(
                lambda: self._client.v1.customers.retrieve(stripe_customer)
            )
        except NoSuchCustomer:
            return False
        return not getattr(found, "deleted", False)

    def send(self, event: MeterEvent, idempotency_key: str) -> Answer:
        """Report an event, once, and say what came of it."""
        self._event_pace.wait()
        timestamp = int(event.timestamp.timestamp())
        payload = {
            "stripe_customer_id": event.stripe_customer,
            "value": str(event.minutes),
        }
        try:
            taken = self._client.v1.billing.meter_events.create(
                {
                    "event_name": event.meter,
                    "identifier": event.identifier,
                    "timestamp": timestamp,
                    "payload": payload,
                },
                {"idempotency_key": idempotency_key},
            )
        except stripe.StripeError as fault:
            return _answer_of(fault, event)
        request_id = taken.last_response.request_id if taken.last_response else None
        if taken.identifier != event.identifier or taken.livemode != event.livemode:
            words = "the answer names another event or another mode"
            return Answer(Verdict.UNKNOWN, 200, request_id, words)
        return Answer(Verdict.COUNTED, 200, request_id)

    def read_total(self, stripe_customer: str, window: Window) -> int:
        """Read the minutes counted for a customer in a window."""
        return sum(self._summaries(stripe_customer, window).values())

    def read_hours(self, stripe_customer: str, window: Window) -> dict[datetime, int]:
        """Read the minutes counted for a customer, hour by hour; no empty hours."""
        hours = self._summaries(stripe_customer, window, value_grouping_window="hour")
        return {hour: minutes for hour, minutes in hours.items() if minutes}

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def _summaries(
        self, stripe_customer: str, window: Window, **grouping: str
    ) -> dict[datetime, int]:
        if self._meter_id is None and self.describe() is None:
            raise MeterFault(f"there is no meter named {self._event_name}")
        params: Any = {
            "customer": stripe_customer,
            "start_time": int(window.start.timestamp()),
            "end_time": int(window.end.timestamp()),
            "limit": PAGE_SIZE,
            **grouping,
        }
        meter_id = self._meter_id or ""
        summaries = self._client.v1.billing.meters.event_summaries

        def read() -> list[Any]:
            return list(summaries.list(meter_id, params).auto_paging_iter())

        return {
            datetime.fromtimestamp(row.start_time, UTC): _whole(row.aggregated_value)
            for row in self._read(read)
        }

    def _read(self, read: Callable[[], T]) -> T:
        def once() -> T:
            self._read_pace.wait()
            try:
                return read()
            except stripe.StripeError as fault:
                raise _fault_of(fault) from fault

        return read_with_retries(once, sleep=self._sleep)


def _session(url: str) -> requests.Session:
    """Return one pool of connections for all threads, which lasts over all runs."""
    session = requests.Session()
    # The environment's proxies are read once, not at each request; and a .netrc,
    # which would take the place of the API key, is never read.
    session.trust_env = False
    session.max_redirects = 0
    session.proxies.update(get_environ_proxies(url))
    adapter = HTTPAdapter(pool_maxsize=MOST_CONNECTIONS)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _answer_of(fault: stripe.StripeError, event: MeterEvent) -> Answer:
    """Say what a fault means for the event: there are three answers, not two."""
    status, words = fault.http_status, str(fault.user_message or fault)
    request_id = fault.request_id
    if isinstance(fault, stripe.AuthenticationError | stripe.PermissionError):
        return Answer(Verdict.LOCKED_OUT, status, request_id, words)
    if isinstance(fault, stripe.RateLimitError | stripe.IdempotencyError):
        return Answer(Verdict.BUSY, status, request_id, words)
    if status == CONFLICT:
        return Answer(Verdict.BUSY, status, request_id, words)
    if isinstance(fault, stripe.InvalidRequestError) and (
        ALREADY_EXISTS in words and event.identifier in words
    ):
        return Answer(Verdict.DUPLICATE, status, request_id, words)
    # A 404 of a proxy in between is no word of Stripe's: that one stays unknown.
    if isinstance(fault, stripe.InvalidRequestError | stripe.CardError):
        return Answer(Verdict.REFUSED, status, request_id, words)
    return Answer(Verdict.UNKNOWN, status, request_id, words)


def _fault_of(fault: stripe.StripeError) -> MeterFault:
    words = f"{fault.user_message or fault} (HTTP {fault.http_status or 'no answer'})"
    if isinstance(fault, stripe.AuthenticationError | stripe.PermissionError):
        return MeterRefused(f"the API key is refused: {words}; check the settings")
    if isinstance(fault, stripe.InvalidRequestError):
        missing = fault.http_status == 404 or fault.code == "resource_missing"
        return NoSuchCustomer(words) if missing else MeterFault(words)
    return MeterUnavailable(words)


def _whole(value: object) -> int:
    """Read a summary's JSON number exactly; minutes are whole."""
    exact = Decimal(str(value))
    if exact != exact.to_integral_value():
        raise MeterFault(
            f"the meter holds {exact} minutes, which is not whole: an event there is "
            "not from this ledger"
        )
    return int(exact)
