"""Cancellations: an event is taken back within a day, once or twice, or not at all."""

from dataclasses import replace

import pytest

from billing.domain.meter_event import SendAnswer, SendVerdict
from billing.gateways.stripe.answers import as_cancellation
from billing.sandbox.faults import FaultKind
from tests.gateways.desk import MeterDesk
from tests.gateways.scripted import EVENT, go

CANCEL = "stripe.meter_event_adjustments.create"


def cancel(desk: MeterDesk, key: str = "c0") -> SendAnswer:
    return desk.meter.cancel(desk.event(), key, go)


def test_a_cancelled_event_no_longer_counts(desk: MeterDesk) -> None:
    desk.send()
    answer = cancel(desk)
    assert (answer.verdict, answer.http_status) == (SendVerdict.CANCELLED, 200)
    assert answer.request_id is not None
    assert not answer.counted
    assert desk.counted() == 0
    (request,) = desk.requests(CANCEL)
    assert request.idempotency_key == "c0"


def test_what_was_cancelled_before_is_cancelled(desk: MeterDesk) -> None:
    desk.send()
    cancel(desk)
    answer = cancel(desk, "c1")
    assert (answer.verdict, answer.http_status) == (SendVerdict.CANCELLED, 400)
    assert desk.counted() == 0


def test_only_an_event_of_the_last_day_can_be_cancelled(desk: MeterDesk) -> None:
    desk.send()
    desk.world.advance(hours=24)
    answer = cancel(desk)
    assert (answer.verdict, answer.http_status) == (SendVerdict.REFUSED, 400)
    assert "past 24 hours" in answer.detail
    assert desk.counted() == 5


def test_an_event_that_was_never_received_cannot_be_cancelled(desk: MeterDesk) -> None:
    answer = cancel(desk)
    assert (answer.verdict, answer.http_status) == (SendVerdict.REFUSED, 400)


@pytest.mark.parametrize(
    ("kind", "verdict", "minutes"),
    [
        (FaultKind.DROP_BEFORE, SendVerdict.UNKNOWN, 5),
        (FaultKind.DROP_AFTER, SendVerdict.UNKNOWN, 0),
        (FaultKind.ERROR_500, SendVerdict.UNKNOWN, 5),
        (FaultKind.HTML, SendVerdict.UNKNOWN, 5),
        (FaultKind.MALFORMED, SendVerdict.UNKNOWN, 0),
        (FaultKind.RATE_LIMIT, SendVerdict.BUSY, 5),
        (FaultKind.UNAUTHORIZED, SendVerdict.LOCKED_OUT, 5),
    ],
)
def test_a_fault_has_its_verdict_and_asking_again_settles_it(
    desk: MeterDesk, kind: FaultKind, verdict: SendVerdict, minutes: int
) -> None:
    desk.send()
    desk.strike(kind, CANCEL)
    assert cancel(desk).verdict is verdict
    assert desk.counted() == minutes
    assert cancel(desk, "c1").verdict is SendVerdict.CANCELLED
    assert desk.counted() == 0


@pytest.mark.parametrize(
    ("verdict", "words", "meaning"),
    [
        (SendVerdict.COUNTED, "", SendVerdict.CANCELLED),
        (
            SendVerdict.REFUSED,
            "The event e was already cancelled.",
            SendVerdict.CANCELLED,
        ),
        (SendVerdict.REFUSED, "Event ALREADY canceled", SendVerdict.CANCELLED),
        (
            SendVerdict.DUPLICATE,
            "already exists with identifier x",
            SendVerdict.CANCELLED,
        ),
        (SendVerdict.REFUSED, "No event found", SendVerdict.REFUSED),
        (SendVerdict.UNKNOWN, "already", SendVerdict.UNKNOWN),
        (SendVerdict.BUSY, "already", SendVerdict.BUSY),
        (SendVerdict.UNSENT, "", SendVerdict.UNSENT),
        (SendVerdict.LOCKED_OUT, "", SendVerdict.LOCKED_OUT),
    ],
)
def test_the_words_of_a_refusal_tell_whether_it_is_cancelled(
    verdict: SendVerdict, words: str, meaning: SendVerdict
) -> None:
    assert as_cancellation(SendAnswer(verdict, detail=words), EVENT).verdict is meaning


def test_a_customer_named_already_says_nothing_about_the_event() -> None:
    named = replace(EVENT, stripe_customer="cus_already")
    answer = SendAnswer(
        SendVerdict.REFUSED, detail=f"No event found: {named.identifier}"
    )
    assert as_cancellation(answer, named).verdict is SendVerdict.REFUSED
