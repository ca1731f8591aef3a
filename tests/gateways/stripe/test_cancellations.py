"""Cancellations: an event is taken back within a day, once or twice, or not at all."""

from dataclasses import replace

import pytest

from billing.domain.meter_event import Answer, Verdict
from billing.gateways.stripe.answers import as_cancellation
from billing.sandbox.faults import FaultKind
from tests.gateways.desk import MeterDesk
from tests.gateways.scripted import EVENT, go

CANCEL = "stripe.meter_event_adjustments.create"


def cancel(desk: MeterDesk, key: str = "c0") -> Answer:
    return desk.meter.cancel(desk.event(), key, go)


def test_a_cancelled_event_no_longer_counts(desk: MeterDesk) -> None:
    desk.send()
    answer = cancel(desk)
    assert (answer.verdict, answer.http_status) == (Verdict.CANCELLED, 200)
    assert answer.request_id is not None
    assert not answer.counted
    assert desk.counted() == 0
    (request,) = desk.requests(CANCEL)
    assert request.idempotency_key == "c0"


def test_what_was_cancelled_before_is_cancelled(desk: MeterDesk) -> None:
    desk.send()
    cancel(desk)
    answer = cancel(desk, "c1")
    assert (answer.verdict, answer.http_status) == (Verdict.CANCELLED, 400)
    assert desk.counted() == 0


def test_only_an_event_of_the_last_day_can_be_cancelled(desk: MeterDesk) -> None:
    desk.send()
    desk.world.advance(hours=24)
    answer = cancel(desk)
    assert (answer.verdict, answer.http_status) == (Verdict.REFUSED, 400)
    assert "past 24 hours" in answer.detail
    assert desk.counted() == 5


def test_an_event_that_was_never_received_cannot_be_cancelled(desk: MeterDesk) -> None:
    answer = cancel(desk)
    assert (answer.verdict, answer.http_status) == (Verdict.REFUSED, 400)


@pytest.mark.parametrize(
    ("kind", "verdict", "minutes"),
    [
        (FaultKind.DROP_BEFORE, Verdict.UNKNOWN, 5),
        (FaultKind.DROP_AFTER, Verdict.UNKNOWN, 0),
        (FaultKind.ERROR_500, Verdict.UNKNOWN, 5),
        (FaultKind.HTML, Verdict.UNKNOWN, 5),
        (FaultKind.MALFORMED, Verdict.UNKNOWN, 0),
        (FaultKind.RATE_LIMIT, Verdict.BUSY, 5),
        (FaultKind.UNAUTHORIZED, Verdict.LOCKED_OUT, 5),
    ],
)
def test_a_fault_has_its_verdict_and_asking_again_settles_it(
    desk: MeterDesk, kind: FaultKind, verdict: Verdict, minutes: int
) -> None:
    desk.send()
    desk.strike(kind, CANCEL)
    assert cancel(desk).verdict is verdict
    assert desk.counted() == minutes
    assert cancel(desk, "c1").verdict is Verdict.CANCELLED
    assert desk.counted() == 0


@pytest.mark.parametrize(
    ("verdict", "words", "meaning"),
    [
        (Verdict.COUNTED, "", Verdict.CANCELLED),
        (Verdict.REFUSED, "The event e was already cancelled.", Verdict.CANCELLED),
        (Verdict.REFUSED, "Event ALREADY canceled", Verdict.CANCELLED),
        (Verdict.DUPLICATE, "already exists with identifier x", Verdict.CANCELLED),
        (Verdict.REFUSED, "No event found", Verdict.REFUSED),
        (Verdict.UNKNOWN, "already", Verdict.UNKNOWN),
        (Verdict.BUSY, "already", Verdict.BUSY),
        (Verdict.UNSENT, "", Verdict.UNSENT),
        (Verdict.LOCKED_OUT, "", Verdict.LOCKED_OUT),
    ],
)
def test_the_words_of_a_refusal_tell_whether_it_is_cancelled(
    verdict: Verdict, words: str, meaning: Verdict
) -> None:
    assert as_cancellation(Answer(verdict, detail=words), EVENT).verdict is meaning


def test_a_customer_named_already_says_nothing_about_the_event() -> None:
    named = replace(EVENT, stripe_customer="cus_already")
    answer = Answer(Verdict.REFUSED, detail=f"No event found: {named.identifier}")
    assert as_cancellation(answer, named).verdict is Verdict.REFUSED
