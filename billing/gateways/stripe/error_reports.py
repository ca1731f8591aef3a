"""Error reports: the events in which Stripe tells what it refused late."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from billing.domain.error_report import RejectionReport
from billing.domain.period import Window, as_utc
from billing.errors import MeterFault
from billing.gateways.stripe.meter_identity import OurMeters
from billing.gateways.stripe.requests import StripeReads

TYPES = ("v1.billing.meter.error_report_triggered", "v1.billing.meter.no_meter_found")
PAGE_SIZE = 100
Json = Mapping[str, Any]


def read_reports(
    reads: StripeReads, meters: OurMeters, since: datetime
) -> list[RejectionReport]:
    """Read the reports on these meters, and those on none, oldest first."""
    params: Any = {
        "types": list(TYPES),
        "created": {"gte": since.astimezone(UTC).isoformat()},
        "limit": PAGE_SIZE,
    }
    # A row of the list has no data: each event is fetched by its id.
    listed = reads.ask(
        lambda client: [
            event.to_dict()
            for event in client.v2.core.events.list(params).auto_paging_iter()
        ]
    )
    ours = [event for event in listed if _meter_of(event) in {None, *meters.ids}]
    for event in ours:
        meters.refuse_other_mode(event.get("livemode"), f"the event {event['id']}")
    names = dict.fromkeys(str(event["id"]) for event in ours)
    reports = [_read_report(reads, name) for name in names]
    return sorted(reports, key=lambda report: (report.created_at, report.name))


def report_of(event: Json) -> RejectionReport:
    """Read an event's report; parts that are missing are left empty."""
    created = _moment(event.get("created"))
    if created is None:
        raise MeterFault(f"the event {event.get('id')} does not say when it was made")
    data = _group(event, "data")
    start = _moment(data.get("validation_start")) or created
    end = _moment(data.get("validation_end")) or start
    reason = _group(data, "reason")
    types = [_as_group(row) for row in _rows(reason, "error_types")]
    codes = [str(group["code"]) for group in types if group.get("code")]
    identifiers = [name for group in types for name in _identifiers(group)]
    return RejectionReport(
        name=str(event.get("id")),
        created_at=created,
        window=Window(start, end),
        error_count=_count(reason, types),
        codes=tuple(dict.fromkeys(codes)),
        identifiers=tuple(dict.fromkeys(identifiers)),
    )


def _read_report(reads: StripeReads, name: str) -> RejectionReport:
    event = reads.ask(lambda client: client.v2.core.events.retrieve(name).to_dict())
    return report_of(event)


def _meter_of(event: Json) -> str | None:
    """Return the meter that an event is about; some are about none."""
    related = _group(event, "related_object").get("id")
    return str(related) if related else None


def _count(reason: Json, types: list[Json]) -> int:
    counts = [reason.get("error_count"), *(group.get("error_count") for group in types)]
    total, *parts = (count if isinstance(count, int) else 0 for count in counts)
    return max(total, sum(parts))


def _identifiers(error_type: Json) -> Iterator[str]:
    for sample in _rows(error_type, "sample_errors"):
        request = _group(_as_group(sample), "request")
        # The older shape of a report has only the key.
        for key in ("identifier", "idempotency_key"):
            if request.get(key):
                yield str(request[key])


def _moment(text: object) -> datetime | None:
    try:
        return as_utc(datetime.fromisoformat(str(text)))
    except ValueError:
        return None


def _group(parent: Json, name: str) -> Json:
    return _as_group(parent.get(name))


def _as_group(value: object) -> Json:
    return value if isinstance(value, Mapping) else {}


def _rows(parent: Json, name: str) -> list[Any]:
    rows = parent.get(name)
    return rows if isinstance(rows, list) else []
