"""What a report may say, and how many are read: bounds, and what lies beyond them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from billing.domain.error_report import RejectionReport
from billing.errors import MeterFault
from billing.gateways.stripe.error_reports import read_reports, report_of
from billing.gateways.stripe.meter_identity import OurMeters
from billing.gateways.stripe.reads import Document, StripeReads

SECOND = timedelta(seconds=1)
AT = datetime(2026, 3, 10, 12, tzinfo=UTC)
OURS = OurMeters(("mtr_new", "mtr_old"), livemode=False)
EVENTS = "/v2/core/events"


def event(name: str = "evt_1", created: datetime = AT, **data: Any) -> dict[str, Any]:
    return {
        "id": name,
        "created": created.isoformat(),
        "livemode": False,
        "data": data,
    }


@dataclass
class ListedEvents:
    """Stripe's events: a list of rows, and each event by its path."""

    rows: list[dict[str, Any]]
    asked: list[object] = field(default_factory=list)
    instead: dict[str, Any] = field(default_factory=dict)

    def list_linked(self, path: str, parameters: dict[str, Any]) -> list[object]:
        """List the rows of the events."""
        self.asked.append((path, parameters))
        return list(self.rows)

    def get(self, path: str) -> Document:
        """Read one event."""
        by_path = {f"{EVENTS}/{row['id']}": row for row in self.rows}
        return Document(self.instead or by_path[path], {}, 0)

    def read(self, since: datetime = AT) -> list[RejectionReport]:
        """Read the reports as a gateway does."""
        return read_reports(cast(StripeReads, self), OURS, since)


def of_meter(name: str, meter: object, seconds: int = 0) -> dict[str, Any]:
    row = event(name, AT + seconds * SECOND)
    return row if meter is None else row | {"related_object": {"id": meter}}


def test_reports_of_our_meters_and_of_none_are_read_oldest_first() -> None:
    source = ListedEvents(
        [
            of_meter("evt_d", "mtr_new", 3),
            of_meter("evt_x", "mtr_other", 2),
            of_meter("evt_b", None, 1),
            of_meter("evt_a", "mtr_old", 1),
            of_meter("evt_c", "", 2),
        ]
    )
    assert [one.name for one in source.read()] == ["evt_a", "evt_b", "evt_c", "evt_d"]
    types = ["v1.billing.meter.error_report_triggered"]
    types.append("v1.billing.meter.no_meter_found")
    created = {"gte": "2026-03-10T12:00:00+00:00"}
    assert source.asked == [(EVENTS, {"types": types, "created": created})]


@pytest.mark.parametrize(("listed", "read"), [(1_000, 1_000), (1_001, 1_000)])
def test_of_many_reports_the_oldest_thousand_are_read(listed: int, read: int) -> None:
    rows = [event(f"evt_{n}", AT + n * SECOND) for n in reversed(range(listed))]
    found = ListedEvents(rows).read()
    assert [one.name for one in found] == [f"evt_{n}" for n in range(read)]


def test_reports_are_read_until_what_they_name_fills_the_memory() -> None:
    types = [
        {"sample_errors": [{"request": {"identifier": f"{n}"}} for n in range(900)]}
    ]
    codes = [{"code": f"{n}"} for n in range(100)]
    rows = [
        event(f"evt_{n}", AT + n * SECOND, reason={"error_types": types + codes})
        for n in range(60)
    ]
    found = ListedEvents(rows).read()
    assert [one.name for one in found] == [f"evt_{n}" for n in range(50)]


def test_an_answer_about_another_event_is_refused() -> None:
    source = ListedEvents([event("evt_1")], instead=event("evt_2"))
    with pytest.raises(MeterFault, match="another event than evt_1"):
        source.read()


@pytest.mark.parametrize(
    ("total", "parts", "believed"),
    [
        (1, [], 1),
        (0, [], 0),
        (-3, [], 0),
        (True, [], 0),
        ("7", [True, 2], 2),
        (10**9, [], 10**9),
        (10**9 + 1, [], 10**9),
        (0, [10**9, 1], 10**9),
    ],
)
def test_a_count_is_from_none_to_a_thousand_million(
    total: object, parts: list[object], believed: int
) -> None:
    types = [{"error_count": part} for part in parts]
    reason = {"error_count": total, "error_types": types}
    assert report_of(event(reason=reason)).error_count == believed


@pytest.mark.parametrize(
    ("created", "is_believed"),
    [
        ("1970-01-01T00:00:00Z", True),
        ("1969-12-31T23:59:59Z", False),
        ("9998-12-31T23:59:59Z", True),
        ("9999-01-01T00:00:00Z", False),
        ("9999-12-31T23:59:59-14:00", False),
    ],
)
def test_a_moment_is_in_a_month_that_can_be_billed(
    created: str, is_believed: bool
) -> None:
    told = event() | {"created": created}
    if is_believed:
        assert report_of(told).created_at == datetime.fromisoformat(created)
    else:
        with pytest.raises(MeterFault, match="does not say when it was made"):
            report_of(told)


@pytest.mark.parametrize(
    ("start", "end", "window"),
    [
        (-10, -5, (-10, -5)),
        (-10, None, (-10, -10)),
        (None, 5, (0, 5)),
        (None, -5, (0, 0)),
        (-5, -10, (-5, -5)),
    ],
)
def test_a_window_ends_no_earlier_than_it_starts(
    start: int | None, end: int | None, window: tuple[int, int]
) -> None:
    told = {"validation_start": start, "validation_end": end}
    moments: dict[str, Any] = {
        name: (AT + seconds * SECOND).isoformat()
        for name, seconds in told.items()
        if seconds is not None
    }
    found = report_of(event(**moments)).window
    first, last = window
    assert (found.start, found.end) == (AT + first * SECOND, AT + last * SECOND)


@pytest.mark.parametrize(
    ("text", "is_name"),
    [("", False), ("x", True), ("x" * 255, True), ("x" * 256, False), (7, False)],
)
def test_a_name_is_a_text_that_is_not_too_long(text: object, is_name: bool) -> None:
    sample = {"request": {"identifier": text}}
    types = [{"code": text, "sample_errors": [sample]}]
    found = report_of(event(reason={"error_types": types}))
    wanted = (text,) if is_name else ()
    assert (found.codes, found.identifiers) == (wanted, wanted)
