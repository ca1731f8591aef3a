"""Meter event summaries: what the events of a customer add up to."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from billing.sandbox.stripe.http.errors import invalid
from billing.sandbox.stripe.http.paging import Cursor
from billing.sandbox.stripe.http.params import Fields
from billing.sandbox.stripe.metering.events import MeterEvent
from billing.sandbox.stripe.metering.meters import WINDOWS, Meter

SECONDS = {None: 60, "hour": 3_600, "day": 86_400}


@dataclass(frozen=True)
class SummaryQuery:
    """What a read of event summaries asks for."""

    customer: str
    window: range
    grouping: str | None
    cursor: Cursor

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Read the query; times have to be whole minutes, hours or days."""
        customer = fields.text("customer")
        start, end = fields.whole("start_time"), fields.whole("end_time")
        grouping = fields.choice("value_grouping_window", WINDOWS)
        cursor = Cursor.read(fields)
        fields.end()
        for name, second in (("start_time", start), ("end_time", end)):
            if second % SECONDS[grouping]:
                raise invalid(
                    f"{name} must be aligned with {grouping or 'minute'} boundaries.",
                    param=name,
                )
        if start >= end:
            raise invalid("start_time must be before end_time.", param="start_time")
        return cls(customer, range(start, end), grouping, cursor)

    def buckets(self, events: Iterable[MeterEvent]) -> dict[range, list[MeterEvent]]:
        """Group the events, newest bucket first; an empty bucket is not there.

        Without a grouping there is one bucket, or none when nothing was counted:
        the strictest reading of a contract that promises no row for no usage.
        """
        grouped: dict[range, list[MeterEvent]] = {}
        for event in events:
            grouped.setdefault(self._bucket(event), []).append(event)
        return dict(sorted(grouped.items(), key=lambda item: -item[0].start))

    def _bucket(self, event: MeterEvent) -> range:
        if self.grouping is None:
            return self.window
        size = SECONDS[self.grouping]
        start = event.timestamp - event.timestamp % size
        return range(start, start + size)


def aggregate(meter: Meter, events: Iterable[MeterEvent]) -> Decimal:
    """Add events up by the meter's formula; they come in the order of their times."""
    counted = list(events)
    if meter.event_time_window:
        counted = _pre_aggregated(counted, SECONDS[meter.event_time_window])
    if meter.formula == "count":
        return Decimal(len(counted))
    if meter.formula == "last":
        return counted[-1].value if counted else Decimal(0)
    return sum((event.value for event in counted), Decimal(0))


def _pre_aggregated(events: list[MeterEvent], size: int) -> list[MeterEvent]:
    """Keep of each hour or day only the event that was received last."""
    kept: dict[int, MeterEvent] = {}
    for event in sorted(events, key=lambda event: event.received_at):
        kept[event.timestamp // size] = event
    return [kept[bucket] for bucket in sorted(kept)]


def summary_json(
    meter: Meter, customer: str, bucket: range, value: Decimal
) -> dict[str, object]:
    """Render a summary with Stripe's names; the number stays exact."""
    return {
        "id": f"mtrusg_{meter.id}_{customer}_{bucket.start}_{bucket.stop}",
        "object": "billing.meter_event_summary",
        "aggregated_value": plain_number(value),
        "end_time": bucket.stop,
        "livemode": meter.livemode,
        "meter": meter.id,
        "start_time": bucket.start,
    }


def plain_number(value: Decimal) -> int | Decimal:
    """Return a whole number as an int, and any other as it is."""
    return int(value) if value == value.to_integral_value() else value
