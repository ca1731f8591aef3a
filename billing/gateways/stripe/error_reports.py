"""Error reports: the events in which Stripe tells what it refused late."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from billing.domain.error_report import RejectionReport
from billing.domain.period import EARLIEST, LATEST, Window, as_utc
from billing.errors import MeterFault
from billing.gateways.stripe.fields import LONGEST_TEXT, Json
from billing.gateways.stripe.meter_identity import OurMeters
from billing.gateways.stripe.reads import StripeReads, segment

TYPES = ("v1.billing.meter.error_report_triggered", "v1.billing.meter.no_meter_found")
EVENTS = "/v2/core/events"
# The oldest of them; the next look goes on with those after it.
MOST_REPORTS = 1_000
# A report names a few events as samples.
MOST_SAMPLES = 1_000
# What all reports of one look name is held at once, at some 300 bytes a name.
MOST_NAMES = 50_000
# A report of more is believed to be of so many.
MOST_ERRORS = 10**9


def read_reports(
    reads: StripeReads, meters: OurMeters, since: datetime
) -> list[RejectionReport]:
    """Read the reports on these meters, and those on none, oldest first."""
    parameters = {
        "types": list(TYPES),
        "created": {"gte": since.astimezone(UTC).isoformat()},
    }
    # A row of the list has no data: each event is fetched by its id.
    listed = reads.list_linked(EVENTS, parameters)
    ours = [event for event in listed if _meter_of(event) in {None, *meters.ids}]
    for event in ours:
        meters.refuse_other_mode(event.get("livemode"), f"the event {event['id']}")
    ours.sort(key=lambda event: str(event.get("created")))
    reports: list[RejectionReport] = []
    held = 0
    for event in ours[:MOST_REPORTS]:
        report = _read_report(reads, str(event["id"]))
        reports.append(report)
        held += len(report.codes) + len(report.identifiers)
        if held >= MOST_NAMES:
            break
    return sorted(reports, key=lambda report: (report.created_at, report.name))


def report_of(event: Json) -> RejectionReport:
    """Read an event's report; parts that are missing are left empty."""
    created = _moment(event.get("created"))
    if created is None:
        raise MeterFault(f"the event {event.get('id')} does not say when it was made")
    data = _group(event, "data")
    start = _moment(data.get("validation_start")) or created
    end = max(_moment(data.get("validation_end")) or start, start)
    reason = _group(data, "reason")
    types = [_as_group(row) for row in _rows(reason, "error_types")]
    codes = (code for group in types if (code := _short_text(group.get("code"))))
    identifiers = (name for group in types for name in _identifiers(group))
    return RejectionReport(
        name=str(event.get("id")),
        created_at=created,
        window=Window(start, end),
        error_count=_count(reason, types),
        codes=tuple(dict.fromkeys(islice(codes, MOST_SAMPLES))),
        identifiers=tuple(dict.fromkeys(islice(identifiers, MOST_SAMPLES))),
    )


def _read_report(reads: StripeReads, name: str) -> RejectionReport:
    event = reads.get(f"{EVENTS}/{segment(name)}").fields
    if event.get("id") != name:
        raise MeterFault(f"the answer names another event than {name}")
    return report_of(event)


def _meter_of(event: Json) -> str | None:
    """Return the meter that an event is about; some are about none."""
    related = _group(event, "related_object").get("id")
    return str(related) if related else None


def _count(reason: Json, types: list[Json]) -> int:
    counts = [reason.get("error_count"), *(group.get("error_count") for group in types)]
    total, *parts = (count if type(count) is int else 0 for count in counts)
    return min(max(total, sum(parts), 0), MOST_ERRORS)


def _identifiers(error_type: Json) -> Iterator[str]:
    for sample in _rows(error_type, "sample_errors"):
        request = _group(_as_group(sample), "request")
        # The older shape of a report has only the key.
        for key in ("identifier", "idempotency_key"):
            if name := _short_text(request.get(key)):
                yield name


def _moment(text: object) -> datetime | None:
    try:
        moment = as_utc(datetime.fromisoformat(str(text)))
    except (ValueError, OverflowError):
        return None
    return moment if EARLIEST.start <= moment < LATEST.end else None


def _short_text(value: object) -> str | None:
    """Return a text that may be a name; None for anything else."""
    if isinstance(value, str) and 0 < len(value) <= LONGEST_TEXT:
        return value
    return None


def _group(parent: Json, name: str) -> Json:
    return _as_group(parent.get(name))


def _as_group(value: object) -> Json:
    return value if isinstance(value, Mapping) else {}


def _rows(parent: Json, name: str) -> list[Any]:
    rows = parent.get(name)
    return rows if isinstance(rows, list) else []
