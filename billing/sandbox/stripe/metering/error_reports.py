"""Error reports: what Stripe tells, window by window, of the events it rejected."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zlib import crc32

from billing.sandbox.stripe.http.params import rfc3339
from billing.sandbox.stripe.metering.events import MeterEvent
from billing.sandbox.stripe.metering.rejections import error_message
from billing.sandbox.stripe.rules import StripeRules

Json = dict[str, object]
WINDOW = timedelta(seconds=10)
EPOCH = datetime.fromtimestamp(0, UTC)
REPORT = "v1.billing.meter.error_report_triggered"
NO_METER = "v1.billing.meter.no_meter_found"


@dataclass(frozen=True)
class ErrorReport:
    """What was rejected of one meter in one validation window; no meter is ''."""

    meter: str
    start: datetime
    made_at: datetime
    errors: tuple[MeterEvent, ...]
    livemode: bool

    @property
    def id(self) -> str:
        """Return the event's id, the same for the same meter and window."""
        mode = "live" if self.livemode else "test"
        return f"evt_{mode}_{self.meter[4:]}{int(self.start.timestamp())}"

    @property
    def type(self) -> str:
        """Return the type of the event that carries the report."""
        return REPORT if self.meter else NO_METER

    def notification(self) -> Json:
        """Render the thin event, which says that there is a report and no more."""
        thin: Json = {
            "id": self.id,
            "object": "v2.core.event",
            "type": self.type,
            "created": rfc3339(self.made_at),
            "livemode": self.livemode,
            "context": None,
            "reason": None,
        }
        if self.meter:
            thin["related_object"] = {
                "id": self.meter,
                "type": "billing.meter",
                "url": f"/v1/billing/meters/{self.meter}",
            }
        return thin

    def to_json(self, rules: StripeRules) -> Json:
        """Render the whole event, with its data."""
        return self.notification() | {"data": self.data(rules)}

    def data(self, rules: StripeRules) -> Json:
        """Render how many errors there were of which code, and a sample of each."""
        by_code: dict[str, list[MeterEvent]] = defaultdict(list)
        for event in self.errors:
            by_code[str(event.rejected)].append(event)
        count = len(self.errors)
        are = "is 1 invalid event" if count == 1 else f"are {count} invalid events"
        return {
            "developer_message_summary": f"There {are}",
            "reason": {
                "error_count": count,
                "error_types": [
                    {
                        "code": code,
                        "error_count": len(by_code[code]),
                        "sample_errors": _samples(by_code[code], rules),
                    }
                    for code in sorted(by_code)
                ],
            },
            "validation_end": rfc3339(self.start + WINDOW),
            "validation_start": rfc3339(self.start),
        }


def error_reports(
    rejected: Iterable[MeterEvent], rules: StripeRules, now: datetime, *, livemode: bool
) -> list[ErrorReport]:
    """Return the reports made by now and not yet forgotten, oldest first."""
    grouped: dict[tuple[datetime, str], list[MeterEvent]] = defaultdict(list)
    for event in rejected:
        meter = "" if event.rejected == "no_meter" else event.meter
        grouped[window_start(event.judged_at), meter].append(event)
    reports = [
        ErrorReport(
            meter=meter,
            start=start,
            made_at=start + WINDOW + rules.report_delay,
            errors=tuple(errors),
            livemode=livemode,
        )
        for (start, meter), errors in sorted(grouped.items(), key=lambda item: item[0])
    ]
    return [
        report
        for report in reports
        if report.made_at <= now < report.made_at + rules.event_memory
    ]


def window_start(moment: datetime) -> datetime:
    """Return the start of the validation window that a moment lies in."""
    return moment - (moment - EPOCH) % WINDOW


def _samples(events: list[MeterEvent], rules: StripeRules) -> list[Json]:
    """Pick a few errors, always the same, and not simply the first ones."""
    picked = sorted(events, key=lambda event: crc32(event.identifier.encode()))
    return [
        {
            "error_message": error_message(
                str(event.rejected), event.event_name, event.customer
            ),
            "request": {"identifier": _name(event, rules)},
        }
        for event in picked[: rules.report_samples]
    ]


def _name(event: MeterEvent, rules: StripeRules) -> str:
    by_key = rules.reports_name_keys and event.request_key
    return by_key or event.identifier
