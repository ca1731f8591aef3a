"""Meter events of the Stripe stand-in: what was sent, and what of it counts."""

import re
from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing.sandbox.stripe.http.errors import StripeError, invalid, refused
from billing.sandbox.stripe.metering.meters import Meter
from billing.sandbox.stripe.rules import StripeRules

MOST_DIGITS = 15
LONGEST_PAYLOAD_TEXT = 100
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True)
class EventRequest:
    """A meter event as a request words it, in v1 or in v2."""

    event_name: str
    payload: dict[str, str]
    identifier: str
    timestamp: int

    def customer(self, meter: Meter) -> str:
        """Return the customer that the payload names."""
        customer = self.payload.get(meter.customer_key, "")
        if not customer:
            raise invalid(
                f"The payload is missing the customer: {meter.customer_key}",
                param="payload",
                v2_code="payload_no_customer_defined",
            )
        return customer

    def value(self, meter: Meter) -> Decimal:
        """Return the number that the payload carries."""
        text = self.payload.get(meter.value_key)
        if text is None:
            raise invalid(
                f"The payload is missing the value: {meter.value_key}",
                param="payload",
                v2_code="payload_no_value_defined",
            )
        if not _NUMBER.fullmatch(text):
            raise _bad_value(f"The payload's value is not a number: {text}")
        digits = text.lstrip("-").replace(".", "").lstrip("0")
        if len(digits) > MOST_DIGITS:
            raise _bad_value(
                f"The payload's value has more than {MOST_DIGITS} digits.",
                code="meter_event_value_too_many_digits",
            )
        return Decimal(text)

    def check_timestamp(self, rules: StripeRules, now: datetime) -> None:
        """Refuse a time outside the window that Stripe takes."""
        oldest = int((now - rules.oldest_event).timestamp())
        newest = int((now + rules.newest_event).timestamp())
        if self.timestamp < oldest:
            raise invalid(
                "The event timestamp cannot be more than 35 days in past. Expected a "
                f"timestamp greater than or equal to {oldest}.",
                param="timestamp",
                v2_code="timestamp_too_far_in_past",
            )
        if self.timestamp > newest:
            raise invalid(
                "The event timestamp cannot be more than 5 minutes in the future. "
                f"Expected a timestamp less than or equal to {newest}.",
                param="timestamp",
                v2_code="timestamp_in_future",
            )


@dataclass
class MeterEvent:
    """A meter event that was received; `rejected` is the code of a silent refusal.

    A rejected event never counts, also while its rejection is not yet known.
    """

    identifier: str
    event_name: str
    meter: str
    customer: str
    value: Decimal
    timestamp: int
    received_at: datetime
    rejected: str | None = None
    cancelled_at: datetime | None = None
    rejected_at: datetime | None = None
    request_key: str | None = None  # the idempotency key that it came with

    @property
    def judged_at(self) -> datetime:
        """Return when a rejection becomes known."""
        return self.rejected_at or self.received_at

    @property
    def reason(self) -> str | None:
        """Return why the event does not count, or None when it does."""
        return self.rejected or ("cancelled" if self.cancelled_at else None)


class MeterEvents:
    """Everything received in one mode; identifiers are refused while remembered."""

    def __init__(
        self, rules: StripeRules, received: list[MeterEvent] | None = None
    ) -> None:
        self._rules = rules
        self.received: list[MeterEvent] = []
        self.rejected: list[MeterEvent] = []
        self._latest: dict[str, MeterEvent] = {}
        self._in_order: dict[tuple[str, str], list[MeterEvent]] = {}
        for event in received or []:
            self._file(event)

    def add(self, event: MeterEvent) -> None:
        """Receive an event, or refuse an identifier that is still remembered."""
        earlier = self._latest.get(event.identifier)
        if earlier and self._rules.remembers(
            event.identifier, earlier.received_at, event.received_at
        ):
            raise refused(
                f"An event already exists with identifier {event.identifier}.",
                v2_code="duplicate_meter_event",
                headers={"Stripe-Should-Retry": "false"},
            )
        self._file(event)

    def cancel(self, event_name: str, identifier: str, now: datetime) -> bool:
        """Cancel an event; say whether summaries already knew of it."""
        event = self._latest.get(identifier)
        if event is None or event.event_name != event_name:
            raise _bad_cancel(f"No event found with identifier {identifier}.")
        if now - event.received_at >= self._rules.cancel_window:
            raise _bad_cancel(
                "Only events received in the past 24 hours can be cancelled."
            )
        if event.cancelled_at:
            raise _bad_cancel(f"The event {identifier} was already cancelled.")
        event.cancelled_at = now
        return self._rules.shows(identifier, event.received_at, now)

    def shown(
        self, meter: Meter, customer: str, window: range, now: datetime
    ) -> Iterator[MeterEvent]:
        """Yield what summaries know by now of these unix seconds, by timestamp."""
        within = self._within(meter, customer, window)
        return (event for event in within if self._shows(event, now))

    def counted(
        self, meter: Meter, customer: str, window: range, by: datetime
    ) -> Iterator[MeterEvent]:
        """Yield what really counts of these unix seconds, of all that came before."""
        for event in self._within(meter, customer, window):
            cancelled = event.cancelled_at is not None and event.cancelled_at < by
            if event.rejected is None and event.received_at < by and not cancelled:
                yield event

    def _within(
        self, meter: Meter, customer: str, window: range
    ) -> Iterator[MeterEvent]:
        filed = self._in_order.get((meter.id, customer), [])
        start = bisect_left(filed, window.start, key=lambda event: event.timestamp)
        for event in filed[start:]:
            if event.timestamp >= window.stop:
                return
            yield event

    def _shows(self, event: MeterEvent, now: datetime) -> bool:
        name, rules = event.identifier, self._rules
        gone = event.cancelled_at and rules.shows(name, event.cancelled_at, now)
        return (
            event.rejected is None
            and rules.shows(name, event.received_at, now)
            and not rules.hides(name, event.received_at, now)
            and not gone
        )

    def _file(self, event: MeterEvent) -> None:
        self.received.append(event)
        if event.rejected is not None:
            self.rejected.append(event)
        self._latest[event.identifier] = event
        place = self._in_order.setdefault((event.meter, event.customer), [])
        insort(place, event, key=lambda filed: filed.timestamp)


def _bad_value(message: str, code: str | None = None) -> StripeError:
    return invalid(message, param="payload", code=code, v2_code="payload_invalid_value")


def _bad_cancel(message: str) -> StripeError:
    return refused(message, param="cancel", v2_code="invalid_cancel_configuration")
