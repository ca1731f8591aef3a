"""Error reports: what Stripe refused late, fetched event by event, however worded."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from billing.domain.error_report import RejectionReport
from billing.domain.period import Window
from billing.errors import MeterFault, MeterUnavailable, MeterUnfit
from billing.gateways.stripe.error_reports import report_of
from billing.sandbox.faults import FaultKind
from billing.sandbox.stripe.metering.rejections import Rejection
from billing.sandbox.world import METER
from tests.gateways.desk import MeterDesk
from tests.gateways.scripted import METER_ROW, listing, meter_at, serving
from tests.sandbox.pamela.pamela_world import NOW
from tests.sandbox.stripe.stripe_world import create_meter_event

BAD_VALUE = "meter_event_invalid_value"
SECOND = timedelta(seconds=1)


def reject(desk: MeterDesk, number: int, key: str = "") -> str:
    """Send an event that Stripe takes and rejects, and return its identifier."""
    desk.world.sandbox.stripe.test.reject(Rejection(BAD_VALUE, count=1))
    event = desk.event(sequence=number)
    assert desk.send(event, key or f"k{number}").counted
    return event.identifier


def test_a_report_names_what_was_refused(desk: MeterDesk) -> None:
    identifier = reject(desk, 0)
    desk.world.advance(minutes=1)
    (report,) = desk.meter.error_reports(NOW)
    assert report.identifiers == (identifier,)
    assert (report.codes, report.error_count) == ((BAD_VALUE,), 1)
    assert report.window.start <= NOW < report.window.end
    assert report.window.end - report.window.start == 10 * SECOND
    assert report.created_at >= report.window.end
    assert report.name.startswith("evt_")


def test_a_report_may_name_the_keys_instead(desk: MeterDesk) -> None:
    desk.world.sandbox.stripe.rules.reports_name_keys = True
    reject(desk, 0, key="the-key")
    desk.world.advance(minutes=1)
    (report,) = desk.meter.error_reports(NOW)
    assert report.identifiers == ("the-key",)


def test_a_report_names_a_sample_and_counts_all(desk: MeterDesk) -> None:
    sent = {reject(desk, number) for number in range(8)}
    desk.world.advance(minutes=1)
    (report,) = desk.meter.error_reports(NOW)
    assert report.error_count == 8
    assert len(report.identifiers) == 3
    assert set(report.identifiers) < sent


def test_every_page_of_reports_is_read_oldest_first(desk: MeterDesk) -> None:
    mode = desk.world.sandbox.stripe.test
    for number in range(130):
        event = {
            "event_name": METER,
            "identifier": f"e{number}",
            "payload": {"stripe_customer_id": "cus_nobody", "value": "1"},
        }
        create_meter_event(mode, event, NOW + 10 * number * SECOND)
    desk.world.advance(hours=1)
    reports = desk.meter.error_reports(NOW)
    assert [report.identifiers for report in reports] == [
        (f"e{number}",) for number in range(130)
    ]
    after = desk.meter.error_reports(reports[100].created_at)
    assert [report.name for report in after] == [one.name for one in reports[100:]]


def test_reports_on_another_meter_are_none_of_ours(desk: MeterDesk) -> None:
    mode = desk.world.sandbox.stripe.test
    meter = {
        "display_name": "Other",
        "event_name": "other_minutes",
        "default_aggregation": {"formula": "sum"},
    }
    mode.create_meter(meter, NOW)
    payload = {"stripe_customer_id": "cus_nobody", "value": "1"}
    event = {"event_name": "other_minutes", "identifier": "e", "payload": payload}
    create_meter_event(mode, event, NOW)
    desk.world.advance(minutes=1)
    assert desk.meter.error_reports(NOW) == []


def test_reports_on_no_meter_at_all_may_be_ours(desk: MeterDesk) -> None:
    desk.world.sandbox.stripe.rules.refuses_at_once = False
    event = desk.event(meter="no_such_meter")
    assert desk.send(event).counted
    desk.world.advance(minutes=1)
    (report,) = desk.meter.error_reports(NOW)
    assert (report.codes, report.identifiers) == (("no_meter",), (event.identifier,))


def test_reports_on_the_meter_that_was_there_before_are_ours(desk: MeterDesk) -> None:
    mode = desk.world.sandbox.stripe.test
    identifier = reject(desk, 0)
    state = desk.meter.describe()
    assert state is not None
    mode.deactivate_meter(state.meter_id, {}, NOW)
    meter: dict[str, Any] = {
        "display_name": "Anew",
        "event_name": METER,
        "default_aggregation": {"formula": "sum"},
    }
    mode.create_meter(meter, NOW)
    desk.world.advance(minutes=1)
    (report,) = desk.connect().error_reports(NOW)
    assert report.identifiers == (identifier,)


def test_a_failing_read_is_tried_again_and_then_says_why(desk: MeterDesk) -> None:
    identifier = reject(desk, 0)
    desk.world.advance(minutes=1)
    desk.strike(FaultKind.ERROR_503, "stripe.*", count=3)
    (report,) = desk.meter.error_reports(NOW)
    assert report.identifiers == (identifier,)
    desk.strike(FaultKind.ERROR_503, "stripe.*", count=99)
    with pytest.raises(MeterUnavailable):
        desk.meter.error_reports(NOW)


WHOLE: dict[str, Any] = {
    "id": "evt_1",
    "created": "2026-03-10T12:00:10.000Z",
    "livemode": False,
    "data": {
        "validation_start": "2026-03-10T13:00:00+01:00",
        "validation_end": "2026-03-10T12:00:10Z",
        "reason": {
            "error_count": 7,
            "error_types": [
                {
                    "code": "from_the_future",
                    "error_count": 2,
                    "sample_errors": [
                        {"request": {"identifier": "a"}},
                        {"request": {"id": "req", "idempotency_key": "a:1"}},
                        {"request": {"identifier": "b", "idempotency_key": "b:1"}},
                        {"request": {"identifier": "a"}},
                    ],
                }
            ],
        },
    },
}


def test_both_shapes_of_a_sample_give_names() -> None:
    assert report_of(WHOLE) == RejectionReport(
        name="evt_1",
        created_at=NOW + 10 * SECOND,
        window=Window(NOW, NOW + 10 * SECOND),
        error_count=7,
        codes=("from_the_future",),
        identifiers=("a", "a:1", "b", "b:1"),
    )


def without_data(event: dict[str, Any]) -> None:
    del event["data"]


def without_reason(event: dict[str, Any]) -> None:
    event["data"] = {"reason": None}


def without_types(event: dict[str, Any]) -> None:
    event["data"] = {"reason": {"error_types": None}, "validation_start": "soon"}


def with_odd_types(event: dict[str, Any]) -> None:
    samples = [None, {"request": None}, {"request": {"identifier": None}}, "text"]
    types = [{"code": None, "error_count": "2", "sample_errors": samples}, 7]
    event["data"] = {"reason": {"error_count": None, "error_types": types}}


@pytest.mark.parametrize(
    "spoil", [without_data, without_reason, without_types, with_odd_types]
)
def test_missing_parts_of_a_report_are_left_empty(
    spoil: Callable[[dict[str, Any]], None],
) -> None:
    event = {**WHOLE}
    spoil(event)
    created = NOW + 10 * SECOND
    empty = Window(created, created)
    assert report_of(event) == RejectionReport(
        name="evt_1",
        created_at=created,
        window=empty,
        error_count=0,
        codes=(),
        identifiers=(),
    )


@pytest.mark.parametrize("created", [None, "soon", "2026-03-10T12:00:00"])
def test_a_report_without_a_time_cannot_be_read(created: object) -> None:
    with pytest.raises(MeterFault, match="evt_1 does not say when it was made"):
        report_of(WHOLE | {"created": created})


@pytest.mark.parametrize(
    ("total", "parts", "believed"),
    [(3, [1, 1], 3), (0, [2, 3], 5), (None, [2, None], 2)],
)
def test_the_larger_count_is_believed(
    total: object, parts: list[object], believed: int
) -> None:
    types = [{"code": "x", "error_count": part} for part in parts]
    data = {"reason": {"error_count": total, "error_types": types}}
    assert report_of(WHOLE | {"data": data}).error_count == believed


def answers(event: dict[str, Any]) -> Callable[[str], object]:
    """Answer with one meter, and a list of this one event."""

    def answer(path: str) -> object:
        if path.startswith("/v1/billing/meters"):
            return listing(METER_ROW)
        if path.startswith("/v2/core/events?"):
            return {"data": [event], "next_page_url": None}
        return event

    return answer


def test_a_report_of_the_other_mode_is_refused() -> None:
    event = WHOLE | {"object": "v2.core.event", "livemode": True}
    with (
        serving(answers(event)) as server,
        meter_at(server.url) as meter,
        pytest.raises(MeterUnfit, match="evt_1 is not in test mode"),
    ):
        meter.error_reports(datetime.fromisoformat("2026-03-01T00:00:00Z"))
