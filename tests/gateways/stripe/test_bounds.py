"""Bounds of Stripe's answers: time, bytes, parts, pages, numbers, and the pace."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from billing.domain.meter_event import SendVerdict
from billing.domain.period import Window
from billing.domain.request_rates import Rates
from billing.errors import MeterFault, MeterUnavailable
from billing.gateways.patience import Patience
from billing.gateways.rate_limit import Pace
from billing.gateways.stripe.error_reports import report_of
from billing.gateways.stripe.fields import read_moment, read_number, whole_minutes
from billing.gateways.stripe.http import MOST_BYTES, MOST_PARTS
from billing.gateways.stripe.meter import StripeMeter
from billing.gateways.stripe.reads import MOST_PAGES
from tests.gateways.scripted import EVENT, METER_ROW, go, listing, meter_at, serving
from tests.hostile.server import hostile_server, key_for
from tests.hostile.trials import connected_meter

DAY = Window(datetime(2026, 3, 10, tzinfo=UTC), datetime(2026, 3, 11, tzinfo=UTC))
SUMMARY_OF_A_MONTH = 4  # in the table of endpoints
Answer = Callable[[str], object]


def summary(name: str, hour: int = 0, value: object = 1, **more: Any) -> dict[str, Any]:
    """Word a row of a summary."""
    start = int(DAY.start.timestamp()) + 3_600 * hour
    row = {"id": name, "livemode": False, "start_time": start}
    return row | {"aggregated_value": value} | more


def answering(pages: Answer) -> Answer:
    """Answer with the one meter, and with pages of summaries."""
    return lambda path: pages(path) if "event_summaries" in path else listing(METER_ROW)


def read(pages: Answer) -> dict[datetime, int]:
    """Read the hours of a day."""
    with serving(answering(pages)) as server, meter_at(server.url) as meter:
        return meter.read_hours("cus_acme", DAY)


@pytest.mark.parametrize(
    ("value", "minutes"),
    [
        (7, 7),
        (7.0, 7),
        ("7.000000000000", 7),
        ("1e3", 1_000),
        (-3, -3),
        (0, 0),
        (10**10, 10**10),
    ],
)
def test_minutes_are_whole_numbers_however_they_are_written(
    value: object, minutes: int
) -> None:
    assert whole_minutes(value, "the meter") == minutes


CANNOT_BE = [
    "1e999999999",
    "-1e999999999",
    "1e-999999999",
    "NaN",
    "sNaN",
    "Infinity",
    "",
    " 7",
    "7 ",
    "0x7",
    "1_000",
    "\u0667",
    "9" * 5_000,
    "1." + "0" * 50,
    "seven",
    10**11,
    2**64,
    10**5_000,
    float("nan"),
    float("inf"),
    1e300,
    5e-324,
    None,
    True,
    [],
    {},
]


@pytest.mark.parametrize("value", CANNOT_BE, ids=lambda value: type(value).__name__)
def test_what_cannot_be_minutes_is_refused_before_it_is_expanded(value: object) -> None:
    begun = time.monotonic()
    with pytest.raises((MeterFault, ValueError)):
        whole_minutes(value, "the meter")
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    "value", [-1, 253_370_764_800, 10**13, 2**63, 10**30, 1.5, True, None, "7", []]
)
def test_a_time_is_whole_seconds_from_1970_to_9998(value: object) -> None:
    assert read_moment(0, "created").year == 1970
    assert read_moment(253_370_764_799, "created").year == 9998
    with pytest.raises(ValueError, match="created is no"):
        read_moment(value, "created")


def test_a_price_is_exact() -> None:
    assert read_number("2.500000000001", "price") == Decimal("2.500000000001")


def test_a_page_that_is_too_large_is_read_in_smaller_pieces() -> None:
    rows = [summary(f"s{hour}", hour, note="x" * 60_000) for hour in range(24)]

    def pages(path: str) -> object:
        asked = dict(part.split("=") for part in path.partition("?")[2].split("&"))
        after = int(asked.get("starting_after", "s-1")[1:]) + 1
        page = rows[after : after + int(asked["limit"])]
        return listing(*page, more=after + len(page) < len(rows))

    assert sum(read(pages).values()) == 24


@pytest.mark.parametrize(
    "row",
    [
        summary("s", note="x" * MOST_BYTES),
        summary("s", note=[{}] * MOST_PARTS),
    ],
)
def test_a_row_that_is_too_large_is_a_fault(row: dict[str, Any]) -> None:
    with pytest.raises(MeterFault, match="larger than any should be"):
        read(lambda _path: listing(row))


def test_a_list_without_an_end_is_a_fault() -> None:
    asked: list[str] = []

    def pages(path: str) -> object:
        asked.append(path)
        return listing(summary(f"s{len(asked)}"), more=True)

    with pytest.raises(MeterFault, match=f"no end: more than {MOST_PAGES} pages"):
        read(pages)
    assert len(asked) == MOST_PAGES


def test_a_list_of_large_pages_ends_before_it_fills_the_memory() -> None:
    asked: list[str] = []

    def pages(path: str) -> object:
        asked.append(path)
        return listing(summary(f"s{len(asked)}", note="x" * 900_000), more=True)

    with pytest.raises(MeterFault, match="a list is larger than any should be"):
        read(pages)
    assert len(asked) == 6


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (listing(summary("s"), summary("s")), "two rows are named s"),
        (listing(summary("s"), summary("t")), "two rows are of 2026-03-10T00:00"),
        (listing(summary("s", 24)), "which was not asked"),
        (listing(summary("s", -1)), "which was not asked"),
        (listing(summary("s", meter="mtr_2")), "it is of another meter than mtr_1"),
        (listing(more=True), "no rows, and yet more"),
        (listing(summary("")), "no text of at most 255"),
        (listing(summary("x" * 256)), "no text of at most 255"),
        (listing(summary("s")) | {"has_more": "no"}, "neither true nor false"),
    ],
)
def test_pages_that_contradict_themselves_are_a_fault(
    page: dict[str, Any], words: str
) -> None:
    with pytest.raises(MeterFault, match=words):
        read(lambda _path: page)


def test_a_page_that_comes_again_is_a_fault() -> None:
    with pytest.raises(MeterFault, match="two rows are named s"):
        read(lambda _path: listing(summary("s"), more=True))


@pytest.mark.parametrize(
    "link", ["http://127.0.0.1:9/v2/core/events?", "@evil", "//evil/x", "/v1/x?", 7, ""]
)
def test_the_next_page_is_at_the_same_place(link: object) -> None:
    def answer(path: str) -> object:
        if path.startswith("/v2/"):
            return {"data": [], "next_page_url": link}
        return listing(METER_ROW)

    with (
        serving(answer) as server,
        meter_at(server.url) as meter,
        pytest.raises(MeterFault, match="its next page is elsewhere"),
    ):
        meter.error_reports(DAY.start)


def test_every_page_takes_its_turn() -> None:
    seen: list[float] = []

    def pages(_path: str) -> object:
        seen.append(time.monotonic())
        return listing(summary(f"s{len(seen)}", len(seen)), more=len(seen) < 6)

    with serving(answering(pages)) as server:
        meter = StripeMeter(
            "sk_test_x",
            "stripe_minutes",
            base_url=server.url,
            pace=Pace(Rates.alike(20)),
            sleep=lambda _seconds: None,
        )
        assert len(meter.read_hours("cus_acme", DAY)) == 6
        meter.close()
    assert seen[-1] - seen[0] >= 5 / 20 - 0.02


@pytest.mark.parametrize(
    "behaviour",
    ["says nothing", "drips its head", "drips its body", "drips its chunks"],
)
def test_a_slow_answer_ends_when_its_whole_time_is_over(behaviour: str) -> None:
    with hostile_server() as server:
        key = key_for("slow", SUMMARY_OF_A_MONTH, behaviour)
        meter = connected_meter(server.url, key, Patience(step=0.2, whole=0.5))
        begun = time.monotonic()
        with pytest.raises(MeterUnavailable):
            meter.read_total("cus_acme", DAY)
        meter.close()
    # It is asked four times.
    assert time.monotonic() - begun < 20


def test_an_encoding_that_nobody_asked_for_is_no_answer() -> None:
    with hostile_server() as server:
        key = key_for("packed", SUMMARY_OF_A_MONTH, "sends a gzip bomb")
        meter = connected_meter(server.url, key, Patience())
        with pytest.raises(MeterUnavailable, match="nobody asked for the encoding"):
            meter.read_total("cus_acme", DAY)
        meter.close()


@pytest.mark.parametrize("size", [70_000, MOST_BYTES + 1])
@pytest.mark.parametrize("status", [400, 401, 500])
def test_a_refusal_that_is_too_large_leaves_a_send_uncertain(
    size: int, status: int
) -> None:
    body = {"error": {"message": "x" * size}}
    with serving(lambda _path: body, status) as server, meter_at(server.url) as meter:
        answer = meter.send(EVENT, "k", go)
    assert answer.verdict is SendVerdict.UNKNOWN
    assert "larger than any should be" in answer.detail


def test_words_of_a_refusal_are_kept_in_short() -> None:
    body = {"error": {"message": "no " * 10_000, "type": "invalid_request_error"}}
    with serving(lambda _path: body, 400) as server, meter_at(server.url) as meter:
        answer = meter.send(EVENT, "k", go)
    assert answer.verdict is SendVerdict.REFUSED
    assert 490 < len(answer.detail) <= 500


def test_a_report_names_no_more_events_than_can_be_held() -> None:
    samples = [{"request": {"identifier": f"event-{n}"}} for n in range(1_500)]
    reason = {"error_count": 1_500, "error_types": [{"sample_errors": samples}]}
    created = "2026-03-10T12:00:00Z"
    report = report_of({"id": "evt_1", "created": created, "data": {"reason": reason}})
    assert (len(report.identifiers), report.error_count) == (1_000, 1_500)


def test_a_report_of_more_errors_than_can_be_is_of_so_many() -> None:
    reason = {"error_count": 10**30, "error_types": [{"code": "c" * 256}]}
    event = {"id": "evt_1", "created": "2026-03-10T12:00:00Z", "livemode": False}
    event |= {"data": {"reason": reason}}

    def answer(path: str) -> object:
        if path.startswith("/v2/core/events?"):
            return {"data": [event], "next_page_url": None}
        return event if path.startswith("/v2/") else listing(METER_ROW)

    with serving(answer) as server, meter_at(server.url) as meter:
        (report,) = meter.error_reports(DAY.start)
    assert (report.error_count, report.codes) == (10**9, ())
