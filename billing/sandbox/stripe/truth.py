"""The truth about meter usage: what was really counted, to the event."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from billing.sandbox.stripe.metering.events import MeterEvent
from billing.sandbox.stripe.metering.summaries import aggregate, plain_number
from billing.sandbox.stripe.mode import Json, StripeMode

HOUR = 3_600
Totals = dict[str, Decimal]


def count_usage(
    mode: StripeMode, event_name: str | None = None, now: datetime | None = None
) -> Json:
    """Return, per customer, the hours with their events and the totals of the months.

    Lag plays no part: this is what counts in the end. Whole numbers are ints, any
    others exact texts. Totals are per event name. `invoiced` has what the invoices
    that are final by now bill, by the month in which their cycle began.
    """
    with mode.lock:
        invoiced = {} if now is None else _invoiced(mode, event_name, now)
        by_customer: dict[str, list[MeterEvent]] = defaultdict(list)
        for event in mode.events.received:
            if event_name in {None, event.event_name}:
                by_customer[event.customer].append(event)
        return {
            customer: {
                "hours": _hours(mode, by_customer[customer]),
                "months": _months(mode, by_customer[customer]),
                "rejected": _uncounted(by_customer[customer], cancelled=False),
                "cancelled": _uncounted(by_customer[customer], cancelled=True),
                "invoiced": invoiced.get(customer, {}),
            }
            for customer in sorted({*by_customer, *invoiced})
        }


def _hours(mode: StripeMode, events: list[MeterEvent]) -> Json:
    by_hour: dict[int, list[MeterEvent]] = defaultdict(list)
    for event in events:
        by_hour[event.timestamp // HOUR * HOUR].append(event)
    return {
        iso(datetime.fromtimestamp(hour, UTC)): {
            "counted": _totals(mode, by_hour[hour]),
            "events": [_event_json(event) for event in by_hour[hour]],
        }
        for hour in sorted(by_hour)
    }


def _months(mode: StripeMode, events: list[MeterEvent]) -> Json:
    by_month: dict[str, list[MeterEvent]] = defaultdict(list)
    for event in events:
        by_month[month_of(event.timestamp)].append(event)
    return {month: _totals(mode, by_month[month]) for month in sorted(by_month)}


def _totals(mode: StripeMode, events: list[MeterEvent]) -> Json:
    """Add up what counts, per event name; two meters of one name add up too."""
    totals: dict[str, Decimal] = defaultdict(Decimal)
    by_meter: dict[str, list[MeterEvent]] = defaultdict(list)
    for event in sorted(events, key=lambda event: event.timestamp):
        if event.reason is None:
            by_meter[event.meter].append(event)
    for meter_id, counted in by_meter.items():
        meter = mode.meters.by_id[meter_id]
        totals[meter.event_name] += aggregate(meter, counted)
    return exact_totals(totals)


def _uncounted(events: list[MeterEvent], *, cancelled: bool) -> Json:
    """Add up, per month and event name, what was cancelled or else rejected."""
    by_month: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for event in events:
        if event.reason is not None and (event.rejected is None) == cancelled:
            by_month[month_of(event.timestamp)][event.event_name] += event.value
    return {month: exact_totals(by_month[month]) for month in sorted(by_month)}


def _invoiced(
    mode: StripeMode, event_name: str | None, now: datetime
) -> dict[str, Json]:
    """Add up, per customer and month, what the invoices that are final by now bill.

    Two subscriptions to one meter bill its usage twice; nothing billed is left out.
    """
    invoices = mode.billing.invoices
    by_customer: dict[str, dict[str, Totals]] = {}
    for invoice in reversed(invoices.present(now)):
        if invoices.status(invoice, now) == "draft":
            continue
        months = by_customer.setdefault(invoices.subscription(invoice).customer, {})
        for line in invoices.lines(invoice, now):
            name = mode.meters.by_id[line.price.meter].event_name
            if line.quantity and event_name in {None, name}:
                totals = months.setdefault(month_of(invoice.start), {})
                totals[name] = totals.get(name, Decimal(0)) + line.quantity
    return {
        customer: {month: exact_totals(totals) for month, totals in months.items()}
        for customer, months in by_customer.items()
        if months
    }


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


def exact_totals(totals: Mapping[str, Decimal]) -> Json:
    """Render totals: whole numbers as ints, any others as exact texts."""
    return {name: _exact(total) for name, total in totals.items()}


def month_of(second: int) -> str:
    """Return the UTC month of a unix second, such as 2026-03."""
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m}"


def _exact(value: Decimal) -> int | str:
    number = plain_number(value)
    return number if isinstance(number, int) else str(number)


def iso(moment: datetime) -> str:
    """Render a moment in ISO 8601 with a Z."""
    return moment.isoformat().replace("+00:00", "Z")
