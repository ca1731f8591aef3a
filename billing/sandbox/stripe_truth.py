"""The truth about meter usage: what was really counted, to the event."""

from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal

from billing.sandbox.stripe_books import Json, StripeBooks
from billing.sandbox.stripe_events import MeterEvent
from billing.sandbox.stripe_summaries import aggregate, plain_number

HOUR = 3_600


def count_usage(books: StripeBooks, event_name: str | None = None) -> Json:
    """Return, per customer, the hours with their events and the totals of the months.

    Lag plays no part: this is what counts in the end. Whole numbers are ints, any
    others exact texts. Totals are per event name.
    """
    with books.lock:
        by_customer: dict[str, list[MeterEvent]] = defaultdict(list)
        for event in books.events.received:
            if event_name in {None, event.event_name}:
                by_customer[event.customer].append(event)
        return {
            customer: {
                "hours": _hours(books, by_customer[customer]),
                "months": _months(books, by_customer[customer]),
            }
            for customer in sorted(by_customer)
        }


def _hours(books: StripeBooks, events: list[MeterEvent]) -> Json:
    by_hour: dict[int, list[MeterEvent]] = defaultdict(list)
    for event in events:
        by_hour[event.timestamp // HOUR * HOUR].append(event)
    return {
        iso(datetime.fromtimestamp(hour, UTC)): {
            "counted": _totals(books, by_hour[hour]),
            "events": [_event_json(event) for event in by_hour[hour]],
        }
        for hour in sorted(by_hour)
    }


def _months(books: StripeBooks, events: list[MeterEvent]) -> Json:
    by_month: dict[str, list[MeterEvent]] = defaultdict(list)
    for event in events:
        moment = datetime.fromtimestamp(event.timestamp, UTC)
        by_month[f"{moment:%Y-%m}"].append(event)
    return {month: _totals(books, by_month[month]) for month in sorted(by_month)}


def _totals(books: StripeBooks, events: list[MeterEvent]) -> Json:
    """Add up what counts, per event name; two meters of one name add up too."""
    totals: dict[str, Decimal] = defaultdict(Decimal)
    by_meter: dict[str, list[MeterEvent]] = defaultdict(list)
    for event in sorted(events, key=lambda event: event.timestamp):
        if event.reason is None:
            by_meter[event.meter].append(event)
    for meter_id, counted in by_meter.items():
        meter = books.meters.by_id[meter_id]
        totals[meter.event_name] += aggregate(meter, counted)
    return {name: _exact(total) for name, total in totals.items()}


def _event_json(event: MeterEvent) -> Json:
    return {
        "identifier": event.identifier,
        "event_name": event.event_name,
        "value": _exact(event.value),
        "timestamp": event.timestamp,
        "received_at": iso(event.received_at),
        "counted": event.reason is None,
        "reason": event.reason,
    }


def _exact(value: Decimal) -> int | str:
    number = plain_number(value)
    return number if isinstance(number, int) else str(number)


def iso(moment: datetime) -> str:
    """Render a moment in ISO 8601 with a Z."""
    return moment.isoformat().replace("+00:00", "Z")
