"""Answers of Stripe's API that are JSON, and still not what was promised."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from billing.domain.meter_event import SendVerdict
from billing.domain.period import Window
from billing.errors import MeterFault
from billing.gateways.stripe.meter import StripeMeter
from billing.gateways.stripe.reads import segment
from tests.gateways.desk import MeterDesk
from tests.gateways.scripted import (
    EVENT,
    METER_ROW,
    Scripted,
    go,
    listing,
    meter_at,
    serving,
    taken,
)
from tests.sandbox.pamela.pamela_world import NOW

DAY = Window(datetime(2026, 3, 10, tzinfo=UTC), datetime(2026, 3, 11, tzinfo=UTC))
BODIES = [
    "{}",
    "[]",
    "null",
    '"text"',
    "7",
    "",
    '{"object": 1}',
    '{"object": "list", "data": []}',
    '{"object": "list", "data": [7], "has_more": false}',
    '{"object": "list", "data": [{}], "has_more": false}',
    '{"livemode": false}',
    '{"livemode": false, "identifier": [], "cancel": []}',
    '{"livemode": false, "identifier": "another", "cancel": {"identifier": "another"}}',
    '{"cancel": "text"}',
    '{"error": null}',
    '{"error": "text"}',
    "\ufeff{}",
    "[" * 100_000,
]


@pytest.mark.parametrize("status", [200, 400, 404, 500])
@pytest.mark.parametrize("body", BODIES)
def test_an_answer_that_makes_no_sense_leaves_it_uncertain(
    body: str, status: int
) -> None:
    with serving(lambda _: body, status) as server, meter_at(server.url) as meter:
        for answer in (meter.send(EVENT, "k", go), meter.cancel(EVENT, "k", go)):
            assert answer.verdict is SendVerdict.UNKNOWN
            assert answer.detail


@pytest.mark.parametrize(
    ("message", "verdict"),
    [
        (
            "An event already exists with identifier {own}.",
            SendVerdict.DUPLICATE,
        ),
        ("An event already exists with identifier another.", SendVerdict.REFUSED),
        ("The value of {own} is no whole number.", SendVerdict.REFUSED),
    ],
)
def test_only_the_event_that_was_sent_exists_already(
    message: str, verdict: SendVerdict
) -> None:
    said = message.format(own=EVENT.identifier)
    body = json.dumps({"error": {"type": "invalid_request_error", "message": said}})
    with serving(lambda _: body, 400) as server, meter_at(server.url) as meter:
        assert meter.send(EVENT, "k", go).verdict is verdict


@pytest.mark.parametrize("name", [".", "..", "", 7, None])
def test_a_name_that_is_no_name_is_no_part_of_a_path(name: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        segment(name)


def test_a_name_stays_one_part_of_a_path() -> None:
    assert segment("a/../b?c#d e") == "a%2F..%2Fb%3Fc%23d%20e"


READS: dict[str, Callable[[StripeMeter], object]] = {
    "total": lambda meter: meter.read_total("cus_acme", DAY),
    "hours": lambda meter: meter.read_hours("cus_acme", DAY),
    "reports": lambda meter: meter.error_reports(NOW),
    "invoices": lambda meter: meter.read_invoices("cus_acme", DAY),
    "subscriptions": lambda meter: meter.read_subscriptions("cus_acme"),
    "customer": lambda meter: meter.has_customer("cus_acme"),
    "customers": lambda meter: meter.list_customers(None),
    "deletions": lambda meter: meter.deleted_customers(NOW),
}


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize("body", BODIES)
def test_a_read_that_makes_no_sense_is_a_fault_of_the_meter(
    name: str, body: str
) -> None:
    def answer(path: str) -> object:
        return listing(METER_ROW) if path.startswith("/v1/billing/meters?") else body

    with serving(answer) as server, meter_at(server.url) as meter:
        meter.describe()
        with pytest.raises(MeterFault):
            READS[name](meter)


@pytest.mark.parametrize("body", BODIES)
def test_a_list_of_meters_that_makes_no_sense_is_a_fault(body: str) -> None:
    with (
        serving(lambda _: body) as server,
        meter_at(server.url) as meter,
        pytest.raises(MeterFault),
    ):
        meter.describe()


def test_an_answer_of_the_other_mode_leaves_it_uncertain() -> None:
    with (
        serving(lambda path: taken(path) | {"livemode": True}) as server,
        meter_at(server.url) as meter,
    ):
        for answer in (meter.send(EVENT, "k", go), meter.cancel(EVENT, "k", go)):
            assert answer.verdict is SendVerdict.UNKNOWN
            assert "another mode" in answer.detail


def described(server: Scripted) -> datetime | None:
    """Describe the meter, and return the time that the server told."""
    with meter_at(server.url) as meter:
        state = meter.describe()
    assert state is not None
    return state.server_time


def test_the_server_tells_its_time() -> None:
    with serving(lambda _: listing(METER_ROW)) as server:
        assert described(server) == datetime(2026, 3, 10, 12, 0, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    "date",
    [
        "",
        "soon",
        "Tue, 10 Mar 2026 12:00:07",
        "Wed, 31 Dec 1969 23:59:59 GMT",
        "Fri, 01 Jan 9999 00:00:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 -2359",
    ],
)
def test_a_server_that_tells_no_time_is_no_fault(date: str) -> None:
    with serving(lambda _: listing(METER_ROW)) as server:
        server.date = date
        assert described(server) is None


def test_the_sandbox_tells_the_time_of_its_clock(desk: MeterDesk) -> None:
    desk.world.advance(days=3)
    state = desk.meter.describe()
    assert state is not None
    assert state.server_time == NOW.replace(day=13)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"id": "cus_other", "livemode": False}, "another customer than cus_acme"),
        ({"id": "cus_acme", "livemode": True}, "cus_acme is not in test mode"),
    ],
)
def test_an_answer_about_another_customer_or_mode_is_a_fault(
    document: dict[str, object], words: str
) -> None:
    def answer(path: str) -> object:
        return document if "/customers/" in path else listing(METER_ROW)

    with serving(answer) as server, meter_at(server.url) as meter:
        meter.describe()
        with pytest.raises(MeterFault, match=words):
            meter.has_customer("cus_acme")
