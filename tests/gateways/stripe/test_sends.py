"""Sends to a Stripe that misbehaves: what each answer is taken to mean."""

from typing import Any

import pytest

from billing.domain.meter_event import SendAnswer, SendVerdict
from billing.gateways.retries import send_with_retries
from billing.sandbox.faults import FaultKind
from tests.gateways.desk import CREATE, MeterDesk
from tests.sandbox.pamela.pamela_world import NOW

IDENTIFIER = "test-stripe_minutes-cus_acme-20260310T11-0"


def test_an_event_on_the_wire_has_its_identifier_its_key_and_its_minute(
    desk: MeterDesk,
) -> None:
    answer = desk.send(desk.event(minutes=7, sequence=3), key="the-key")
    assert (answer.verdict, answer.http_status) == (SendVerdict.COUNTED, 200)
    assert answer.request_id is not None
    assert answer.request_id.startswith("req_")
    (request,) = desk.requests()
    assert request.identifier == IDENTIFIER[:-1] + "3"
    assert request.idempotency_key == "the-key"
    (received,) = desk.world.sandbox.stripe.test.events.received
    assert received.timestamp == NOW.timestamp() - 3600 + 3 * 60
    assert (received.customer, str(received.value)) == ("cus_acme", "7")


def test_negative_minutes_are_sent_as_they_are(desk: MeterDesk) -> None:
    desk.send(desk.event(minutes=5), key="a")
    desk.send(desk.event(minutes=-3, sequence=1), key="b")
    assert desk.counted() == 2


@pytest.mark.parametrize(
    ("kind", "verdict", "status", "minutes"),
    [
        (FaultKind.DROP_BEFORE, SendVerdict.UNKNOWN, None, 0),
        (FaultKind.DROP_AFTER, SendVerdict.UNKNOWN, None, 5),
        (FaultKind.ERROR_500, SendVerdict.UNKNOWN, 500, 0),
        (FaultKind.ERROR_500_AFTER, SendVerdict.UNKNOWN, 500, 5),
        (FaultKind.STORED_500, SendVerdict.UNKNOWN, 500, 0),
        (FaultKind.ERROR_503, SendVerdict.UNKNOWN, 503, 0),
        (FaultKind.HTML, SendVerdict.UNKNOWN, 200, 0),
        (FaultKind.MALFORMED, SendVerdict.UNKNOWN, 200, 5),
        (FaultKind.REDIRECT, SendVerdict.UNKNOWN, 302, 0),
        (FaultKind.RATE_LIMIT, SendVerdict.BUSY, 429, 0),
        (FaultKind.LOCK_TIMEOUT, SendVerdict.BUSY, 429, 0),
        (FaultKind.UNAUTHORIZED, SendVerdict.LOCKED_OUT, 401, 0),
        (FaultKind.FORBIDDEN, SendVerdict.LOCKED_OUT, 403, 0),
    ],
)
def test_a_fault_has_its_verdict_and_the_resend_counts_once(
    desk: MeterDesk,
    kind: FaultKind,
    verdict: SendVerdict,
    status: int | None,
    minutes: int,
) -> None:
    detail = f"{desk.world.url}/elsewhere" if kind is FaultKind.REDIRECT else ""
    desk.strike(kind, detail=detail)
    answer = desk.send(key="k0")
    assert answer.verdict is verdict, answer
    assert answer.http_status == status
    assert answer.detail
    assert desk.counted() == minutes
    again = desk.send(key="k0:1")
    assert again.verdict is (SendVerdict.DUPLICATE if minutes else SendVerdict.COUNTED)
    assert desk.counted() == 5


def test_a_stored_500_is_replayed_under_its_key_and_not_under_another(
    desk: MeterDesk,
) -> None:
    desk.strike(FaultKind.STORED_500)
    assert desk.send(key="k0").verdict is SendVerdict.UNKNOWN
    assert desk.send(key="k0").verdict is SendVerdict.UNKNOWN
    assert desk.counted() == 0
    assert desk.send(key="k1").verdict is SendVerdict.COUNTED
    assert desk.counted() == 5


def test_an_identifier_that_exists_is_a_duplicate(desk: MeterDesk) -> None:
    desk.send(key="a")
    answer = desk.send(key="b")
    assert (answer.verdict, answer.http_status) == (SendVerdict.DUPLICATE, 400)
    assert answer.counted
    assert desk.counted() == 5


def test_a_key_that_was_used_for_something_else_is_no_answer_about_the_event(
    desk: MeterDesk,
) -> None:
    desk.send(key="k")
    answer = desk.send(desk.event(minutes=1, sequence=1), key="k")
    assert answer.verdict is SendVerdict.BUSY
    assert desk.counted() == 5


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"meter": "no_such_meter"}, id="no such meter"),
        pytest.param({"minutes": 10**15}, id="too many digits"),
        pytest.param({"hour": NOW.replace(year=2025, minute=0)}, id="too old"),
        pytest.param({"hour": NOW.replace(day=12)}, id="in the future"),
    ],
)
def test_a_fault_of_the_event_is_refused(desk: MeterDesk, more: dict[str, Any]) -> None:
    answer = desk.send(desk.event(**more))
    assert (answer.verdict, answer.http_status) == (SendVerdict.REFUSED, 400)
    assert not answer.transient
    assert desk.counted() == 0


def test_a_wrong_key_locks_out(desk: MeterDesk) -> None:
    desk.meter = desk.connect(key="sk_test_unknown")
    answer = desk.send()
    assert answer.verdict is SendVerdict.LOCKED_OUT
    assert "sk_test_unknown" not in answer.detail


def test_an_answer_of_the_other_mode_is_not_taken_as_counted(desk: MeterDesk) -> None:
    answer = desk.send(desk.event(livemode=True))
    assert answer.verdict is SendVerdict.UNKNOWN
    assert "another mode" in answer.detail


@pytest.mark.parametrize("failures", range(7))
def test_the_retry_schedule_holds_over_real_http(
    desk: MeterDesk, failures: int
) -> None:
    desk.strike(FaultKind.ERROR_503, count=failures)
    keys = iter(f"k{number}" for number in range(9))
    waits: list[float] = []

    def send() -> SendAnswer:
        return desk.send(key=next(keys))

    answer = send_with_retries(send, tries=0, sleep=waits.append)
    assert answer.counted is (failures < 6)
    assert waits == [1, 2, 4, 8, 16][: min(failures, 5)]
    assert len(desk.requests()) == min(failures, 5) + 1


@pytest.mark.parametrize("tries", range(6))
def test_tries_made_before_count(desk: MeterDesk, tries: int) -> None:
    desk.strike(FaultKind.ERROR_503, count=99)
    waits: list[float] = []
    send_with_retries(desk.send, tries=tries, sleep=waits.append)
    assert waits == [1, 2, 4, 8, 16][tries:]


def test_the_own_retries_of_the_library_are_off(desk: MeterDesk) -> None:
    desk.strike(FaultKind.ERROR_500, CREATE, count=99)
    desk.send()
    assert len(desk.requests()) == 1
    assert desk.slept == []
